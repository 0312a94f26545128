"""Fixtures that all tests share."""

import re

import pytest
from hypothesis import settings

from tests.postgres import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]

# A hundred properties of a hundred cases each would take a minute of every run of the suite; for a change of what they
# are about: pytest --hypothesis-profile=thorough
settings.register_profile("suite", max_examples=40)
settings.register_profile("thorough", max_examples=1000)
settings.load_profile("suite")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name cases without their random parts, which differ between the processes that share the tests."""
    if isinstance(val, str) and re.search(r"[0-9A-Za-z+/_-]{20,}", val):
        return re.sub(r"[0-9A-Za-z+/_-]{20,}", "…", val).encode("ascii", "backslashreplace").decode()
    return None
