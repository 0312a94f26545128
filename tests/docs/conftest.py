"""Fixtures of the documentation's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docs.warm import Warm


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Give all pages of this session the process that runs their commands."""
    with Warm() as process:
        yield process
