"""Fixtures of the rules' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_packages() -> Iterator[None]:
    """Look for no schemes of other packages: that takes longer than all the rules."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("values", "load"):
            patch.setattr(f"watchword.server.config.{module}.entry_points", lambda group: ())
        yield
