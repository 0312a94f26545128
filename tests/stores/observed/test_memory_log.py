"""The audit in memory: positions go on after a cut, chains end when they rest."""

from __future__ import annotations

import threading

from tests.house import Clock
from watchword.model.records import Event
from watchword.stores.chain import POSITIONS
from watchword.stores.observed.memory_log import MemoryLog


def test_positions_and_pages_hold_when_the_beginning_is_gone() -> None:
    log = MemoryLog(threading.Lock(), Clock())
    for n in range(5):
        log.chain([Event(float(n), "decide", "accepted", reference=str(n))])
    del log.batches[:2]
    log.chain([Event(5.0, "decide", "accepted", reference="5")])
    assert [batch.position for batch in log.batches] == [3, 4, 5, 6]
    for after in range(8):
        found = [place // POSITIONS for place, _ in log.events(0.0, after * POSITIONS)]
        assert found == [position for position in (3, 4, 5, 6) if position > after]
    assert [event.reference for _, event in log.events(4.0, 0)] == ["4", "5"]


def test_a_chain_that_rested_is_not_gone_on_with() -> None:
    clock = Clock()
    log = MemoryLog(threading.Lock(), clock)
    log.chain([Event(1.0, "decide", "accepted")])
    clock.now += 43_199
    log.chain([Event(1.0, "decide", "accepted")])
    assert len(log.ends) == 1
    clock.now += 43_200
    log.chain([Event(1.0, "decide", "accepted")])
    assert len(log.ends) == 2
    log.chain([])
    assert len(log.batches) == 3
