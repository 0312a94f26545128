"""Whatever a record holds, a store gives it back equal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stores import strategies
from watchword.model.credential import Credential
from watchword.model.records import Add, Event, Subject, Swap
from watchword.stores.memory import MemoryStore
from watchword.stores.opening import Store
from watchword.stores.postgres import PostgresStore
from watchword.stores.sqlite import SqliteStore
from watchword.sync import run_sync

_numbers = count()
_some_events = st.lists(strategies.events, min_size=1, max_size=5)


async def check(store: Store, credential: Credential, subject: Subject, events: Sequence[Event]) -> None:
    """Store, load, change and load again; ids and lookups are made unique, for the store is shared."""
    number = next(_numbers)
    lookup = None if credential.lookup is None else credential.lookup + number.to_bytes(4, "big")
    credential = replace(credential, id=f"{number}-{credential.id}", lookup=lookup)
    subject = replace(subject, name=f"{number}-{subject.name}")
    after = max((position for position, _ in await store.events(since=float("-inf"), limit=100_000)), default=0)
    assert await store.write(Add(credential), Add(subject), *events)
    assert await store.credential(credential.id) == credential
    assert await store.subject(subject.name) == subject
    if lookup is not None:
        assert await store.credential_by(lookup) == credential
    assert await store.credentials(kind=credential.kind, subject=credential.subject, limit=100_000)
    found = await store.events(since=float("-inf"), after=after)
    assert [event for _, event in found] == [*events]
    changed = credential.changed(leaked=not credential.leaked)
    assert await store.write(Swap(changed), Swap(subject.changed(disabled_at=None)))
    assert await store.credential(credential.id) == changed
    assert await store.subject(subject.name) == subject.changed(disabled_at=None)
    assert await store.verify_audit() == []


def _opened(store: Any) -> Any:
    run_sync(store.open())
    return store


_MEMORY, _SQLITE = _opened(MemoryStore()), _opened(SqliteStore(":memory:"))


@pytest.mark.parametrize("store", [_MEMORY, _SQLITE], ids=["memory", "sqlite"])
@given(strategies.credentials, strategies.subjects, _some_events)
@settings(max_examples=100, deadline=None)
def test_memory_and_sqlite(store: Store, credential: Credential, subject: Subject, events: list[Event]) -> None:
    run_sync(check(store, credential, subject, events))


@pytest.mark.postgres
@given(strategies.credentials, strategies.subjects, _some_events)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_postgres(postgres_url: str, credential: Credential, subject: Subject, events: list[Event]) -> None:
    async def play() -> None:
        async with PostgresStore(postgres_url) as store:
            await check(store, credential, subject, events)

    asyncio.run(play())
