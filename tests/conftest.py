"""Fixtures that all tests share."""

import gc
import os
import re
import signal
import ssl
from functools import lru_cache

import httpcore2
import pytest

from tests.audited import watch
from tests.ordering import spread
from tests.packages import remember
from tests.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

watch()
remember()

# Each client that names no authorities reads all of the web's anew, for longer than a test of ours takes. Once will do,
# for each place that the environment names.
_read = httpcore2.default_ssl_context


@lru_cache
def _kept(_file: str | None, _folder: str | None, **options: bool) -> ssl.SSLContext:
    return _read(**options)


def _authorities(**options: bool) -> ssl.SSLContext:
    return _kept(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), **options)


httpcore2.default_ssl_context = _authorities

# A shell that puts its jobs in the background has them ignore an interrupt, and so would every server of a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name cases without their random parts, which differ between the processes that share the tests."""
    if isinstance(val, str) and re.search(r"[0-9A-Za-z+/_-]{20,}=*", val):
        return re.sub(r"[0-9A-Za-z+/_-]{20,}=*", "…", val).encode("ascii", "backslashreplace").decode()
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits, where several processes share the tests."""
    items[:] = spread(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish() -> None:
    """Leave ten thousand tests, which nothing frees before the end, out of every search for garbage."""
    gc.collect()
    gc.freeze()
