"""The desk, for all tests of the command line, free of what the environment of the tests says."""

from __future__ import annotations

import os

import pytest

from tests.cli.desk import desk, fresh_desk

__all__ = ["clean_environment", "desk", "fresh_desk"]


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> None:
    """Forget settings that the environment may hold."""
    for name in [name for name in os.environ if name.startswith("WATCHWORD_")]:
        del os.environ[name]
