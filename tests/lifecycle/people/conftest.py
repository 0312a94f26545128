"""The stores that a race must have one winner on."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.stores import postgres


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty store of each kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/watchword.db"


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PostgreSQL take its time: a hundred at once on a busy machine need more than a caller would wait."""
    monkeypatch.setattr(postgres, "_PATIENCE", 30.0)
    for name in ("lock_timeout", "statement_timeout"):
        monkeypatch.setitem(postgres._SETTINGS, name, "30000")
