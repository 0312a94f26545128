"""A claim log that one process has for itself: what it promises survives it, and nobody claims beside it."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.model.ports import Unavailable
from watchword.stores.claims import ClaimLog
from watchword.stores.sqlite import SqliteStore
from watchword.testing.meters import FixedClock

FORK = multiprocessing.get_context("fork")
UNTIL = 1_000_600.0


def alone(directory: Path, clock: FixedClock | None = None) -> ClaimLog:
    return ClaimLog(directory, clock=clock or FixedClock(1_000_000.0), alone=True)


def shared(directory: Path) -> ClaimLog:
    return ClaimLog(directory, clock=FixedClock(1_000_000.0))


def test_nobody_claims_beside_it(tmp_path: Path) -> None:
    first = alone(tmp_path)
    for open_ in (alone, shared):
        with pytest.raises(Unavailable):
            open_(tmp_path)
    first.close()
    shared(tmp_path).close()


def test_who_shared_before_is_refused_not_served_twice(tmp_path: Path) -> None:
    before = shared(tmp_path)
    first = alone(tmp_path)
    assert first.claim(b"a", UNTIL)
    with pytest.raises(Unavailable):
        before.claim(b"a", UNTIL)
    first.close()
    assert not before.claim(b"a", UNTIL)
    before.close()


def test_waiting_in_vain_happens_once_and_is_over_when_the_lock_is_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = shared(tmp_path)
    first = alone(tmp_path)
    began = time.monotonic()
    for number in range(20):  # each one of these would keep the event loop, and so every caller, for half a second
        with pytest.raises(Unavailable):
            before.claim(b"%d" % number, UNTIL)
    assert time.monotonic() - began < 2
    assert len([record for record in caplog.records if "workers = 1" in record.message]) == 1
    first.close()
    assert before.claim(b"0", UNTIL)
    before.close()


def test_a_store_that_cannot_have_its_log_refuses_at_once(tmp_path: Path) -> None:
    holder = alone(tmp_path / "a.db-claims")

    async def run() -> None:
        async with SqliteStore(tmp_path / "a.db", clock=FixedClock(1_000_000.0)) as store:
            store.alone = True
            began = time.monotonic()
            for number in range(20):
                with pytest.raises(Unavailable):
                    store.claim(b"%d" % number, UNTIL)
            assert time.monotonic() - began < 2
            holder.close()
            assert store.claim(b"0", UNTIL)

    asyncio.run(run())


def test_a_restart_remembers_and_leaves_no_room_behind(tmp_path: Path) -> None:
    log = alone(tmp_path)
    assert all(log.claim(b"%d" % number, UNTIL) for number in range(5000))  # more than is set aside at once
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.glob("*.claims")) == 24 * 5001
    for open_ in (alone, shared):
        again = open_(tmp_path)
        assert not any(again.claim(b"%d" % number, UNTIL) for number in range(5000))
        again.close()


def _claim_and_die(directory: Path, out: Connection) -> None:
    log = alone(directory)
    for number in range(100):
        log.claim(b"%d" % number, UNTIL)
    out.send(None)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    here, there = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_claim_and_die, args=(tmp_path, there))
    process.start()
    here.recv()
    process.join(10)
    assert process.exitcode == -signal.SIGKILL
    log = shared(tmp_path)
    assert not any(log.claim(b"%d" % number, UNTIL) for number in range(100))
    assert log.claim(b"100", UNTIL)
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.glob("*.claims")) == 24 * 102


def _claim_in_a_child(log: ClaimLog, out: Connection) -> None:
    try:
        out.send(log.claim(b"child", UNTIL))
    except Unavailable:
        out.send("refused")


def test_a_child_neither_claims_beside_its_parent_nor_cuts_its_log(tmp_path: Path) -> None:
    log = alone(tmp_path)
    assert log.claim(b"parent", UNTIL)
    here, there = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_claim_in_a_child, args=(log, there))
    child.start()
    assert here.recv() == "refused"
    child.join(10)
    assert log.claim(b"later", UNTIL)
    log.close()
    again = shared(tmp_path)
    assert not again.claim(b"parent", UNTIL)
    assert not again.claim(b"later", UNTIL)
    again.close()


def test_a_full_disk_is_broken_before_anything_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = alone(tmp_path)

    def full(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(Unavailable):
            log.claim(b"a", UNTIL)
    assert log.claim(b"a", UNTIL)
    log.close()


@pytest.mark.parametrize("kept", [0, 24, 24 * 3])
def test_what_a_loss_of_power_took_refuses_nobody_for_good(tmp_path: Path, kept: int) -> None:
    log = alone(tmp_path)
    assert all(log.claim(b"%d" % number, UNTIL) for number in range(5))
    log.close()
    (segment,) = tmp_path.glob("*.claims")
    segment.write_bytes(segment.read_bytes()[:kept].ljust(64 * 1024, b"\0"))  # room was set aside, nothing else written
    for open_ in (alone, shared):
        again = open_(tmp_path)
        assert again.claim(b"%d" % (10 + kept + (open_ is alone)), UNTIL)
        again.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 400), st.booleans()), max_size=60))
def test_it_answers_as_a_dict_would_over_time_and_restarts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]]
) -> None:
    directory, clock = tmp_path_factory.mktemp("claims"), FixedClock(1_000_000.0)
    log, taken = alone(directory, clock), dict[bytes, float]()
    for key, seconds, restart in steps:
        name, until = b"%d" % key, clock.now + seconds
        free = taken.get(name, 0.0) <= clock.now
        assert log.claim(name, until) is free
        if free:
            taken[name] = until
        clock.now += seconds / 2
        if restart:
            log.close()
            log = alone(directory, clock)
    log.close()


@pytest.mark.parametrize("step", [1, 2])
def test_a_full_disk_in_a_rotation_loses_no_claim(tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock(1_000_000.0)
    log = alone(tmp_path, clock)
    assert log.claim(b"a", UNTIL)
    clock.now += 200
    real, calls = os.pwrite, 0

    def fail(fd: int, record: bytes, offset: int) -> int:  # header, then seal
        nonlocal calls
        calls += 1
        return real(fd, record[:5], offset) if calls >= step else real(fd, record, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", fail)
        with pytest.raises(Unavailable):
            log.claim(b"b", UNTIL)
    assert [log.claim(name, UNTIL) for name in (b"a", b"b", b"b", b"c")] == [False, True, False, True]
    log.close()
    again = alone(tmp_path, clock)
    assert not any(again.claim(name, UNTIL) for name in (b"a", b"b", b"c"))
    again.close()


def test_what_ended_is_forgotten(tmp_path: Path) -> None:
    clock = FixedClock(1_000_000.0)
    log, most = alone(tmp_path, clock), 0
    for number in range(3000):
        clock.now += 2
        assert log.claim(b"%d" % number, clock.now + 600)
        most = max(most, sum(len(segment.claims) for segment in log._segments))
    assert most <= 300 * 1.5 + 1
    assert len(list(tmp_path.glob("*.claims"))) <= 7
    log.close()


@pytest.mark.parametrize("opened", [alone, shared])
def test_who_waits_for_a_thread_whose_disk_stands_still_is_told_so(
    tmp_path: Path, opened: Callable[[Path], ClaimLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watchword.stores.claims.log._PATIENCE", 0.05)
    log = opened(tmp_path)
    assert log.claim(b"first", UNTIL)
    with ThreadPoolExecutor(1) as other, log._guard:
        waiting = other.submit(log.claim, b"second", UNTIL)
        with pytest.raises(Unavailable):
            waiting.result(5)
    assert log.claim(b"second", UNTIL)
    log.close()
