"""Workers tell each other what they count: no count is lost or goes down, whoever comes and goes."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from pathlib import Path

import pytest

from watchword.server.metrics.counters import Snapshot, added
from watchword.server.metrics.sharing import Shared

KIND = ("api-key", "accepted", "")


def standing(count: int) -> Snapshot:
    return Snapshot(Counter({KIND: count}), 1, 5.0)


def total(shared: Shared, own: int) -> int:
    ended, others = shared.others(standing(own))
    return added([standing(own), ended, *others]).decisions[KIND]


def opened(folder: Path, count: int) -> Shared:
    shared = Shared(folder)
    shared.open()
    shared.write(standing(count))
    return shared


def killed(shared: Shared) -> None:
    assert shared._alive is not None
    os.close(shared._alive)  # what the kernel does to a process that is killed


def test_the_living_and_the_ended_add_up(tmp_path: Path) -> None:
    first, second = opened(tmp_path, 1), opened(tmp_path, 10)
    assert total(first, 1) == total(second, 10) == 11
    killed(second)
    assert total(first, 1) == 11
    third = opened(tmp_path, 100)
    assert total(first, 1) == total(third, 100) == 111
    third.close(standing(200))
    assert total(first, 1) == 211
    assert len(first.others(standing(1))[1]) == 0


def test_workers_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    first = opened(tmp_path, 0)
    for _ in range(30):
        killed(opened(tmp_path, 1))
    assert total(first, 0) == 30
    assert len(list(tmp_path.iterdir())) <= 5


def test_a_worker_that_has_not_written_yet_counts_nothing_and_makes_nothing_old(tmp_path: Path) -> None:
    first, second = opened(tmp_path, 1), Shared(tmp_path)
    second.open()
    ended, others = first.others(standing(1))
    assert added([standing(1), ended, *others]) == standing(1)


def test_a_spoilt_file_spoils_nothing(tmp_path: Path) -> None:
    first, second = opened(tmp_path, 1), opened(tmp_path, 2)
    (tmp_path / f"{second._name}.json").write_text('{"decisions": 7')
    assert total(first, 1) == 1


def test_what_was_told_once_is_not_lost_with_the_worker_that_told_it(tmp_path: Path) -> None:
    first, second = opened(tmp_path, 1), opened(tmp_path, 10)
    assert total(second, 15) == 16, "five more than it had written"
    killed(second)
    assert total(first, 1) == 16


def test_a_worker_that_begins_is_not_taken_for_one_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is there before it is locked: nobody may look meanwhile."""
    first, flock, alone = opened(tmp_path, 1), fcntl.flock, []

    def locking(file: int, how: int) -> None:
        if os.readlink(f"/proc/self/fd/{file}").endswith(".alive") and how == fcntl.LOCK_EX:
            with (tmp_path / "lock").open() as lock, pytest.raises(BlockingIOError):
                flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone.append(file)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", locking)
    opened(tmp_path, 10)
    assert len(alone) == 1
    assert total(first, 1) == 11


def test_what_clears_old_files_out_leaves_the_living(tmp_path: Path) -> None:
    first = opened(tmp_path, 1)
    (alive,) = tmp_path.glob("*.alive")
    os.utime(alive, (0, 0))
    first.write(standing(2))
    assert alive.stat().st_mtime > 0
