"""Claims are won once: over processes, restarts, kills, full disks and clock steps (reliability rows 3, 12, 24, 49)."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from watchword.model.ports import Unavailable
from watchword.stores.claims import ClaimLog
from watchword.stores.claims import log as claim_log
from watchword.testing.meters import FixedClock

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(1_000_000.0)


@pytest.fixture
def log(tmp_path: Path, clock: FixedClock) -> Iterator[ClaimLog]:
    log = ClaimLog(tmp_path / "claims", clock=clock)
    yield log
    log.close()


def segments(directory: Path) -> list[Path]:
    return sorted((directory / "claims").glob("*.claims"))


def test_second_claim_of_a_key_loses_and_other_keys_do_not(log: ClaimLog, clock: FixedClock) -> None:
    assert log.claim(b"a", clock.now + 600)
    assert not log.claim(b"a", clock.now + 600)
    assert not log.claim(b"a", clock.now + 6000)
    assert log.claim(b"b", clock.now + 600)


def test_key_is_free_again_after_its_time(log: ClaimLog, clock: FixedClock) -> None:
    assert log.claim(b"a", clock.now + 10)
    clock.now += 9.999
    assert not log.claim(b"a", clock.now + 10)
    clock.now += 0.002
    assert log.claim(b"a", clock.now + 10)


@pytest.mark.parametrize("until", [1_000_000.0, 999_999.0, -1.0, float("nan")])
def test_time_that_is_over_cannot_be_claimed(log: ClaimLog, until: float) -> None:
    assert not log.claim(b"a", until)
    assert log.claim(b"a", 1_000_001.0)


def test_directory_is_private(log: ClaimLog, tmp_path: Path) -> None:
    assert (tmp_path / "claims").stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "claims").iterdir())


def test_open_directory_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir(mode=0o755)
    ClaimLog(tmp_path / "claims").close()
    assert (tmp_path / "claims").stat().st_mode & 0o777 == 0o700


def test_replay_after_a_restart_is_refused(tmp_path: Path, clock: FixedClock) -> None:
    """Row 49: stamped at +299 s, sent again at +598 s after a restart."""
    stamp = clock.now + 299
    first = ClaimLog(tmp_path / "claims", clock=clock)
    assert first.claim(b"signature", stamp + 300)
    first.close()
    clock.now += 598
    second = ClaimLog(tmp_path / "claims", clock=clock)
    assert not second.claim(b"signature", stamp + 300)
    second.close()


def _claim_all(directory: Path, seed: int, out: Connection, until: float) -> None:
    log = ClaimLog(directory)
    won = [number % 100 for number in range(seed, seed + 500) if log.claim(b"key-%d" % (number % 100), until)]
    out.send(won)
    out.close()


def test_race_of_four_processes_has_one_winner_a_key(tmp_path: Path) -> None:
    until = time.time() + 600
    workers = []
    for seed in (0, 25, 50, 75):
        here, there = FORK.Pipe(duplex=False)
        worker = FORK.Process(target=_claim_all, args=(tmp_path / "claims", seed, there, until))
        worker.start()
        workers.append((worker, here))
    winners = [key for _, here in workers for key in here.recv()]
    for worker, _ in workers:
        worker.join(10)
        assert worker.exitcode == 0
    assert sorted(winners) == list(range(100))


def test_race_of_threads_has_one_winner_a_key(log: ClaimLog, clock: FixedClock) -> None:
    won: list[int] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        won.extend(number for number in range(300) if log.claim(b"%d" % number, clock.now + 600))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(300))


def _claim_inherited(log: ClaimLog, out: Connection, until: float) -> None:
    out.send([log.claim(b"before", until), log.claim(b"child", until)])
    fcntl.flock(log._lock_fd, fcntl.LOCK_EX)  # must be a lock of the child's own
    out.send(None)
    time.sleep(30)


def test_fork_opens_a_lock_of_its_own(log: ClaimLog, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    until = clock.now + 600
    assert log.claim(b"before", until)
    here, there = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_claim_inherited, args=(log, there, until))
    child.start()
    try:
        assert here.recv() == [False, True]
        here.recv()
        monkeypatch.setattr(claim_log, "_PATIENCE", 0.05)
        with pytest.raises(Unavailable, match="lock"):
            log.claim(b"child", until)
    finally:
        child.kill()
        child.join()
    assert not log.claim(b"child", until)
    assert log.claim(b"after", until)


def _claim_forever(directory: Path, out: int, until: float) -> None:
    log = ClaimLog(directory)
    number = 0
    while True:
        if log.claim(b"%d" % number, until):
            os.write(out, b".")
        number += 1


@pytest.mark.parametrize("count", [1, 40, 700])
def test_no_acknowledged_claim_is_lost_to_a_kill(tmp_path: Path, count: int) -> None:
    until = time.time() + 600
    here, there = os.pipe()
    child = FORK.Process(target=_claim_forever, args=(tmp_path / "claims", there, until))
    child.start()
    os.close(there)
    acknowledged = 0
    while acknowledged < count:
        acknowledged += len(os.read(here, 4096))
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    while more := os.read(here, 4096):
        acknowledged += len(more)
    os.close(here)
    log = ClaimLog(tmp_path / "claims")
    assert not [number for number in range(acknowledged) if log.claim(b"%d" % number, until)]
    assert log.claim(b"fresh", until)
    log.close()


@pytest.mark.parametrize("torn", range(1, 24))
def test_torn_record_is_passed_over_and_overwritten(
    log: ClaimLog, tmp_path: Path, clock: FixedClock, torn: int
) -> None:
    until = clock.now + 600
    assert log.claim(b"a", until)
    with segments(tmp_path)[-1].open("ab") as file:
        file.write(b"\xff" * torn)
    other = ClaimLog(tmp_path / "claims", clock=clock)
    assert not other.claim(b"a", until)
    assert other.claim(b"b", until)
    assert not log.claim(b"b", until)
    assert log.claim(b"c", until)
    assert not other.claim(b"c", until)
    other.close()


def test_full_disk_claims_nothing_and_spoils_nothing(log: ClaimLog, tmp_path: Path, clock: FixedClock) -> None:
    """Row 47: the kernel writes 10 of 24 bytes, then no more."""
    until = clock.now + 600
    other = ClaimLog(tmp_path / "claims", clock=clock)
    assert log.claim(b"a", until)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (segments(tmp_path)[-1].stat().st_size + 10, limits[1]))
    try:
        for _ in range(3):
            with pytest.raises(Unavailable):
                log.claim(b"b", until)
            with pytest.raises(Unavailable):
                other.claim(b"c", until)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert other.claim(b"b", until)
    assert not log.claim(b"b", until)
    assert log.claim(b"c", until)
    assert not other.claim(b"c", until)
    other.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_failed_write_is_unavailable(
    log: ClaimLog, clock: FixedClock, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int, record: bytes, offset: int) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        with pytest.raises(Unavailable) as caught:
            log.claim(b"a", clock.now + 600)
        assert os.strerror(code) in str(caught.value)
    assert log.claim(b"a", clock.now + 600)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_full_disk_in_a_rotation_loses_no_claim(
    log: ClaimLog, tmp_path: Path, clock: FixedClock, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = clock.now + 600
    assert log.claim(b"a", until)
    clock.now += 200
    real, calls = os.pwrite, 0

    def fail(fd: int, record: bytes, offset: int) -> int:  # header, seal, record
        nonlocal calls
        calls += 1
        return real(fd, record[:5], offset) if calls >= step else real(fd, record, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        with pytest.raises(Unavailable):
            log.claim(b"b", until)
    other = ClaimLog(tmp_path / "claims", clock=clock)
    assert not other.claim(b"a", until)
    assert other.claim(b"b", until)
    assert not log.claim(b"a", until)
    assert not log.claim(b"b", until)
    assert log.claim(b"c", until)
    assert not other.claim(b"c", until)
    other.close()


def test_lock_that_is_never_let_go_is_unavailable(
    log: ClaimLog, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_log, "_PATIENCE", 0.05)
    with (tmp_path / "claims" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started = time.monotonic()
        with pytest.raises(Unavailable):
            log.claim(b"a", clock.now + 600)
        with pytest.raises(Unavailable):
            ClaimLog(tmp_path / "claims", clock=clock)
        assert time.monotonic() - started < 1
    assert log.claim(b"a", clock.now + 600)


def test_removed_directory_is_unavailable_not_empty(log: ClaimLog, tmp_path: Path, clock: FixedClock) -> None:
    assert log.claim(b"a", clock.now + 600)
    (tmp_path / "claims").rename(tmp_path / "gone")
    ClaimLog(tmp_path / "claims", clock=clock).close()
    clock.now += 2
    assert not log.claim(b"a", clock.now + 600)
    with pytest.raises(Unavailable, match="replaced"):
        log.claim(b"b", clock.now + 600)


def test_segment_that_was_cut_short_is_unavailable(log: ClaimLog, tmp_path: Path, clock: FixedClock) -> None:
    assert log.claim(b"a", clock.now + 600)
    os.truncate(segments(tmp_path)[-1], 24)
    with pytest.raises(Unavailable, match="cut short"):
        log.claim(b"b", clock.now + 600)


def test_foreign_file_is_not_taken_for_a_log(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "000000000001.claims").write_bytes(b"x" * 48)
    with pytest.raises(Unavailable, match="header"):
        ClaimLog(tmp_path / "claims")


def test_expiry_frees_memory_and_disk(log: ClaimLog, tmp_path: Path, clock: FixedClock) -> None:
    idle = ClaimLog(tmp_path / "claims", clock=clock)
    most = 0
    for number in range(5000):
        clock.now += 2
        assert log.claim(b"%d" % number, clock.now + 600)
        most = max(most, sum(len(segment.claims) for segment in log._segments))
    assert most <= 300 * 1.5 + 1
    assert len(segments(tmp_path)) <= 7
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= 24 * 500
    assert idle.claim(b"x", clock.now + 600)
    assert sum(len(segment.claims) for segment in idle._segments) <= 300 * 1.5 + 1
    open_files = [
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if fd.isdigit() and os.path.exists(f"/proc/self/fd/{fd}")
    ]
    assert len([name for name in open_files if str(tmp_path) in name]) <= 2 * 8
    assert not [name for name in open_files if str(tmp_path) in name and "deleted" in name]
    idle.close()


def test_worker_that_slept_through_whole_segments_sees_everything(
    log: ClaimLog, tmp_path: Path, clock: FixedClock
) -> None:
    late = ClaimLog(tmp_path / "claims", clock=clock)
    until = clock.now + 5000
    for number in range(60):
        clock.now += 40
        assert log.claim(b"%d" % number, until)
    assert len(segments(tmp_path)) > 10
    assert not [number for number in range(60) if late.claim(b"%d" % number, until)]
    late.close()


def test_clock_that_steps_back_resurrects_nothing(log: ClaimLog, tmp_path: Path, clock: FixedClock) -> None:
    """Row 24: claimed, forgotten an hour later, then the clock is set back by that hour."""
    start = clock.now
    until = start + 600
    assert log.claim(b"old", until)
    for hour in range(10):
        clock.now = start + 360 * (hour + 1)
        assert log.claim(b"tick %d" % hour, clock.now + 1)
    clock.now = start + 10
    with pytest.raises(Unavailable, match="clock"):
        log.claim(b"old", until)
    log.close()
    restarted = ClaimLog(tmp_path / "claims", clock=clock)
    with pytest.raises(Unavailable, match="clock"):
        restarted.claim(b"old", until)
    assert restarted.claim(b"new", start + 7200)
    restarted.close()
