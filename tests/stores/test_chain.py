"""An edited, dropped or reordered audit event is found."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.model.records import Event
from watchword.stores import sqlite_file
from watchword.stores.chain import POSITIONS, Batch, Chain, Flaw, Head, Verification
from watchword.stores.observed.backwards import backwards_of
from watchword.stores.sqlite import SqliteStore
from watchword.sync import run_sync

_WRITERS = 2
_BATCHES = 6


def _log() -> tuple[list[Batch], list[Head]]:
    """Return the batches of two writers in turn, and where their chains end."""
    batches: list[Batch] = []
    chains = [Chain() for _ in range(_WRITERS)]
    for n in range(_BATCHES):
        events = [Event(float(n), "decide", "accepted", reference=f"{n}/{m}", subject="user:alice") for m in range(3)]
        new, chains[n % _WRITERS] = chains[n % _WRITERS].extended(events)
        batches += [replace(batch, position=len(batches) + 1) for batch in new]
    return batches, [Head(chain.writer, chain.number, chain.digest) for chain in chains]


def _flaws(batches: list[Batch], heads: list[Head]) -> list[Flaw]:
    verification = Verification()
    verification.take(batches)
    return verification.finish(heads)


def test_an_untouched_log_has_no_flaw() -> None:
    assert _flaws(*_log()) == []
    assert _flaws([], []) == []


@given(st.integers(0, _BATCHES - 1), st.data())
def test_any_edit_is_found(at: int, data: st.DataObject) -> None:
    batches, heads = _log()
    field = data.draw(
        st.sampled_from(["writer", "number", "first_at", "last_at", "count", "events", "previous", "digest"])
    )
    old = getattr(batches[at], field)
    if isinstance(old, str):
        place = data.draw(st.integers(0, len(old) - 1))
        new = old[:place] + data.draw(st.characters(codec="ascii").filter(lambda c: c != old[place])) + old[place + 1 :]
    elif isinstance(old, bytes):
        place = data.draw(st.integers(0, len(old) - 1))
        new = old[:place] + bytes([old[place] ^ data.draw(st.integers(1, 255))]) + old[place + 1 :]
    else:
        new = old + data.draw(st.integers(1, 100))
    batches[at] = replace(batches[at], **{field: new})
    assert _flaws(batches, heads)


@given(st.sets(st.integers(0, _BATCHES - 1), min_size=1))
def test_any_drop_is_found_at_the_end_too(dropped: set[int]) -> None:
    batches, heads = _log()
    assert _flaws([batch for at, batch in enumerate(batches) if at not in dropped], heads)


@given(st.permutations(range(_BATCHES)))
def test_any_reordering_within_a_writer_is_found(order: list[int]) -> None:
    batches, heads = _log()
    moved = [batches[at] for at in order]
    kept = all(
        [at for at in order if at % _WRITERS == writer] == list(range(writer, _BATCHES, _WRITERS))
        for writer in range(_WRITERS)
    )
    assert bool(_flaws(moved, heads)) is not kept


def test_a_repeated_batch_and_a_missing_head_are_found() -> None:
    batches, heads = _log()
    assert _flaws([*batches, batches[-1]], heads)
    assert _flaws(batches, heads[1:])


def test_a_flaw_names_the_batch_but_not_what_it_holds() -> None:
    batches, heads = _log()
    batches[2] = replace(batches[2], events=batches[2].events.replace("alice", "mallory"))
    (flaw,) = _flaws(batches, heads)
    assert (flaw.position, flaw.writer, flaw.number) == (3, batches[2].writer, 2)
    assert "was edited" in str(flaw)
    assert "mallory" not in str(flaw)


def test_a_large_append_is_several_batches_of_one_chain() -> None:
    batches, chain = Chain().extended([Event(float(n), "decide", "accepted") for n in range(25_000)])
    assert [batch.count for batch in batches] == [10_000, 10_000, 5_000]
    assert _flaws(batches, [Head(chain.writer, chain.number, chain.digest)]) == []


def test_empty_fields_at_the_end_take_no_room() -> None:
    (batch,), _ = Chain().extended([Event(1.0, "decide", "accepted", scheme="jwt")])
    assert json.loads(batch.events)["acts"] == [["decide", "accepted", "", "", "jwt"]]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET events = replace(events, 'alice', 'mallory') WHERE position = 2",
        "UPDATE audit SET events = 'null' WHERE position = 2",
        "UPDATE audit SET last_at = 0 WHERE position = 2",
        "DELETE FROM audit WHERE position = 1",
        "DELETE FROM audit WHERE position = 2",
        "DELETE FROM audit WHERE position = 4",
        "DELETE FROM audit",
        "DELETE FROM audit_writer",
        "UPDATE audit SET position = 10 WHERE position = 2",
        "INSERT INTO audit SELECT 10, writer, 5, first_at, last_at, count, events, previous, digest FROM audit LIMIT 1",
        "INSERT INTO audit SELECT -9223372036854775808, 'f', 1, 0, 0, 1, events, previous, digest FROM audit LIMIT 1",
        "UPDATE audit SET position = 9223372036854775807 WHERE position = 2",
        "UPDATE audit SET number = 'two' WHERE position = 2",
        "UPDATE audit SET writer = x'ff' WHERE position = 2",
        "UPDATE audit SET first_at = 'then', last_at = 9e999 WHERE position = 2",
        "UPDATE audit SET previous = 'none' WHERE position = 2",
        "UPDATE audit SET digest = 'none' WHERE position = 2",
        "UPDATE audit SET count = x'01', events = x'00' WHERE position = 2",
        "UPDATE audit SET events = CAST(x'ff' AS TEXT) WHERE position = 2",
        f"UPDATE audit SET events = '{'[' * 100_000}' WHERE position = 2",  # noqa: S608
        "UPDATE audit_writer SET number = 'four'",
        "UPDATE audit_writer SET digest = 'none'",
    ],
    ids=lambda text: text[:64],
)
def test_tampering_in_the_database_is_found(tmp_path: Path, tampering: str) -> None:
    store = SqliteStore(tmp_path / "w.db")
    run_sync(store.open())
    for n in range(4):
        run_sync(store.append([Event(float(n), "decide", "accepted", subject="user:alice")]))
    assert run_sync(store.verify_audit()) == []
    other = sqlite_file._dbapi.connect(str(tmp_path / "w.db"))
    other.execute(tampering)
    other.commit()
    other.close()
    flaws = run_sync(store.verify_audit())
    assert flaws
    json.dumps([dataclasses.asdict(flaw) for flaw in flaws], allow_nan=False)
    assert [event.action for _, event in run_sync(store.events())].count("decide") >= 3 or "DELETE" in tampering
    run_sync(store.close())


@pytest.mark.parametrize(
    "spoilt", ["'['", "x'00'", "CAST(x'ff' AS TEXT)", 'replace(events, \'"at":"\', \'"at":"AAAAAAAA8H8=\')', "'{}'"]
)
def test_a_spoilt_batch_says_so_and_hides_nothing_else(tmp_path: Path, spoilt: str) -> None:
    store = SqliteStore(tmp_path / "w.db")
    run_sync(store.open())
    for n in range(3):
        run_sync(store.append([Event(float(n), "decide", "accepted", subject="user:alice")]))
    other = sqlite_file._dbapi.connect(str(tmp_path / "w.db"))
    other.execute(f"UPDATE audit SET events = {spoilt} WHERE position = 2")  # noqa: S608
    other.commit()
    other.close()
    for found in (run_sync(store.events()), run_sync(_backwards(store))[::-1]):
        assert [(place // POSITIONS, event.action, event.outcome, event.at) for place, event in found] == [
            (1, "decide", "accepted", 0.0),
            (2, "unreadable", "broken", 1.0),
            (3, "decide", "accepted", 2.0),
        ]
    run_sync(store.close())


async def _backwards(store: SqliteStore) -> list[tuple[int, Event]]:
    return [each async for each in backwards_of(store).events()]
