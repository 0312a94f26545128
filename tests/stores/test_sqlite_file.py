"""One database file: transactions, locks and what is said when it breaks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select

from watchword.model.ports import Unavailable
from watchword.stores import schema, sql
from watchword.stores.sqlite_file import SqliteFile

_INSERT = insert(schema.claim).values(key=bindparam("key"), until=bindparam("until"))
_ALL = select(schema.claim.c.key).where(schema.claim.c.key == bindparam("key"))


@pytest.fixture(params=["file", "memory"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteFile]:
    file = SqliteFile(":memory:" if request.param == "memory" else str(tmp_path / "x.db"), synchronous="NORMAL")
    file.open(schema.ephemeral.create_all)
    yield file
    file.close()


def _plan(*keys: bytes, outcome: bool = True) -> sql.Plan[bool]:
    for key in keys:
        yield _INSERT, {"key": key, "until": 1.0}
    return outcome


def test_a_transaction_takes_the_write_lock_first(file: SqliteFile) -> None:
    """One that reads first and locks later fails at once when another wrote in between, whatever the timeout."""
    statements: list[str] = []
    file._writer.set_trace_callback(statements.append)
    assert file.run(_plan(b"1"))
    assert [statement.split(" (")[0] for statement in statements] == ["BEGIN IMMEDIATE", "INSERT INTO claim", "COMMIT"]


def test_a_plan_that_loses_or_fails_leaves_nothing(file: SqliteFile) -> None:
    assert file.run(_plan(b"1", outcome=False)) is False
    with pytest.raises(Unavailable, match=r"UNIQUE constraint failed: claim\.key"):
        file.run(_plan(b"2", b"2"))
    for key in (b"1", b"2"):
        assert file.read(_ALL, {"key": key}) == []
    assert file.run(_plan(b"1"))
    assert file.read(_ALL, {"key": b"1"}) == [(b"1",)]


def test_readers_in_other_threads_see_no_half_done_write(file: SqliteFile) -> None:
    seen: list[Any] = []
    reader = threading.Thread(target=lambda: seen.append(file.read(_ALL, {"key": b"1"})))

    def plan() -> sql.Plan[bool]:
        yield _INSERT, {"key": b"1", "until": 1.0}
        reader.start()
        reader.join(0.1)  # in memory it waits, for there is one connection
        return False

    file.run(plan())
    reader.join()
    assert seen == [[]]


def test_opening_twice_and_closing_twice_does_no_harm(file: SqliteFile) -> None:
    file.open(schema.ephemeral.create_all)
    assert file.run(_plan(b"1"))
    file.close()
    file.close()
    with pytest.raises(Unavailable, match="not open"):
        file.change(_INSERT, {"key": b"2", "until": 1.0})


def test_a_failing_preparation_leaves_it_closed(tmp_path: Path) -> None:
    file = SqliteFile(str(tmp_path / "x.db"), synchronous="FULL")

    def fail(connection: Any) -> None:
        schema.ephemeral.create_all(connection)
        raise KeyError("prepared")

    with pytest.raises(KeyError):
        file.open(fail)
    with pytest.raises(Unavailable, match="not open"):
        file.read(_ALL, {"key": b"1"})
    file.open(lambda connection: None)
    with pytest.raises(Unavailable, match="no such table"):
        file.read(_ALL, {"key": b"1"})
    file.close()


def test_a_statement_for_frequent_use_knows_its_parameters(file: SqliteFile) -> None:
    assert file.reading(_ALL, ("key",))((b"1",)) == []
    with pytest.raises(ValueError, match="key"):
        file.reading(_ALL, ("until",))
