"""What further tables build on: a plan is one transaction, and its audit events are in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.house import Clock
from watchword.model.records import Event
from watchword.stores import schema
from watchword.stores.sqlite import SqliteStore
from watchword.sync import run_sync

DONE = Event(1.0, "test", "done", actor="user:ada")


def writing(outcome: Any, *names: str, broken: bool = False) -> Any:
    for name in names:
        yield insert(schema.cursor), {"name": name, "position": 1}
    if broken:
        raise RuntimeError("broken")
    return outcome


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = SqliteStore(tmp_path / "w.db", clock=Clock())
    run_sync(opened.open())
    yield opened
    run_sync(opened.close())


def names(store: SqliteStore) -> list[str]:
    return [row[0] for row in run_sync(store.rows(select(schema.cursor.c.name).order_by(schema.cursor.c.name), {}))]


def actions(store: SqliteStore) -> list[str]:
    return [event.action for _, event in run_sync(store.events())]


def test_a_plan_that_wins_is_kept_with_its_event(store: SqliteStore) -> None:
    assert run_sync(store.carry_out(writing("won", "a", "b"), DONE)) == "won"
    assert run_sync(store.carry_out(writing(None, "c"))) is None
    assert names(store) == ["a", "b", "c"]
    assert actions(store) == ["test"]


def test_a_plan_that_loses_leaves_nothing_not_even_its_event(store: SqliteStore) -> None:
    assert run_sync(store.carry_out(writing(False, "a"), DONE)) is False
    assert run_sync(store.carry_out(writing(False, "a"))) is False
    with pytest.raises(RuntimeError):
        run_sync(store.carry_out(writing(True, "a", broken=True), DONE))
    assert names(store) == []
    assert actions(store) == []
    assert run_sync(store.carry_out(writing(True, "a"), DONE))
    assert run_sync(store.verify_audit()) == []
