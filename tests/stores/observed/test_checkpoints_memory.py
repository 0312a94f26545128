"""Checkpoints in memory; what they promise is in ``test_checkpoints``."""

from __future__ import annotations

from watchword.model.evidence import Checkpoint, Cut
from watchword.model.records import Event
from watchword.stores.memory import MemoryStore
from watchword.sync import run_sync


def test_a_walk_sees_the_log_as_it_was_at_one_moment() -> None:
    store = MemoryStore()
    run_sync(store.append([Event(1.0, "decide", "accepted")]))
    found = store._log.batches[0]
    store._log.batches[0] = type(found)(*[getattr(found, name) for name in found.__slots__[:-1]], bytes(32))
    problems = [flaw.problem for flaw in run_sync(store.checkpoints.flaws())]
    assert problems == ["was edited", "the chain ends at number 1, otherwise than its head says"]


def test_nothing_is_cut_where_a_writer_went_on() -> None:
    store = MemoryStore()
    run_sync(store.append([Event(1.0, "decide", "accepted")]))
    run_sync(store.append([Event(2.0, "decide", "accepted")]))
    writer = next(iter(store._log.ends))
    event = Event(3.0, "cut", "done")
    assert not run_sync(store.checkpoints.cut(Checkpoint(1, 1, "s"), Cut(1, 0), {writer: 1}, event))
    assert len(run_sync(store.checkpoints.links(0))) == 2
