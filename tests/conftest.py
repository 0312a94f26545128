"""Fixtures that all tests share."""

import re
import signal

import pytest

from tests.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

# A shell that puts its jobs in the background has them ignore an interrupt, and so would every server of a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name cases without their random parts, which differ between the processes that share the tests."""
    if isinstance(val, str) and re.search(r"[0-9A-Za-z+/_-]{20,}", val):
        return re.sub(r"[0-9A-Za-z+/_-]{20,}", "…", val).encode("ascii", "backslashreplace").decode()
    return None
