"""Every statement reads in both databases, and every search has an index."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Executable
from sqlalchemy.dialects import postgresql, sqlite

from watchword.model.credential import Kind
from watchword.stores import schema, sql
from watchword.stores.sqlite import SqliteStore
from watchword.sync import run_sync

_STATEMENTS = {name: each for name in sql.__all__ if isinstance(each := getattr(sql, name), Executable)}
_PAGES = {
    "by kind": sql.credentials_page_of(Kind.HMAC, None, "", 10),
    "by subject": sql.credentials_page_of(None, "user:alice", "", 10),
    "by both": sql.credentials_page_of(Kind.HMAC, "user:alice", "", 10),
    "all": sql.credentials_page_of(None, None, "key_1", 10),
    "subjects": sql.subjects_page_of("user:", "user:a", 10),
}


@pytest.mark.parametrize("name", _STATEMENTS)
def test_every_statement_reads_in_both_databases(name: str) -> None:
    ours, theirs = (
        _STATEMENTS[name].compile(dialect=each) for each in (sqlite.dialect(), postgresql.asyncpg.dialect())
    )
    named = [{name for name in each.params if not name.startswith("param_")} for each in (ours, theirs)]
    assert named[0] == named[1]


def _steps(statement: Any) -> str:
    compiled = statement.compile(dialect=sqlite.dialect())
    if compiled.post_compile_params:  # a list, of one
        one = {each.key: [b"x"] for each in compiled.post_compile_params}
        compiled = statement.params(**one).compile(
            dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True}
        )
    bound = [None] * len(compiled.positiontup)
    store = SqliteStore(":memory:")
    run_sync(store.open())
    schema.ephemeral.create_all(store._durable._engine)
    rows = store._durable._writer.execute(f"EXPLAIN QUERY PLAN {compiled}", bound).fetchall()
    run_sync(store.close())
    return "; ".join(row[-1] for row in rows)


@pytest.mark.parametrize(
    "name", [name for name in _STATEMENTS if name not in ("APPEND_BATCH", "CLAIM", "PUT", "HEADS")]
)
def test_every_search_uses_an_index(name: str) -> None:
    steps = _steps(_STATEMENTS[name])
    assert "SEARCH" in steps
    assert "SCAN" not in steps


@pytest.mark.parametrize("name", _PAGES)
def test_every_page_uses_an_index(name: str) -> None:
    page = _PAGES[name]
    assert page is not None
    steps = _steps(page[0])
    assert "SEARCH" in steps
    assert "SCAN" not in steps


def test_what_cannot_be_stored_asks_nothing() -> None:
    assert sql.credentials_page_of(None, "\0", "", 10) is None
    assert sql.subjects_page_of("", "\ud800", 10) is None


def test_keys_of_short_lived_values_are_of_one_size() -> None:
    for text in ("", "\ud800", "x" * 10_000):
        assert len(sql.value_key(text)) == len(sql.claim_key(text.encode("utf-8", "surrogatepass"))) == 32
    assert sql.value_key("a") != sql.value_key("b")
