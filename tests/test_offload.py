"""Judge that hashing starves nobody."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from watchword import offload
from watchword.codec.passwords import Cost, Overloaded
from watchword.model.ports import Unavailable
from watchword.offload import HashingPool, InlineHashing

CHEAP = Cost(memory=8, passes=1)


class Brake:
    """Stand in for argon2: stop every hash until released, and count how many run."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.lock = threading.Lock()
        self.running = self.most = self.done = 0

    def fits(self, encoded: str, password: str) -> bool:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.released.wait(5)
        with self.lock:
            self.running -= 1
            self.done += 1
        return password == encoded


@pytest.fixture
def brake(monkeypatch):
    brake = Brake()
    monkeypatch.setattr(offload, "fits", brake.fits)
    yield brake
    brake.released.set()


async def until(condition) -> None:
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")


def test_hashes_made_in_the_pool_fit_inline_and_the_other_way_round():
    async def main() -> None:
        pool = HashingPool(CHEAP)
        encoded = await pool.hash("open sesame")
        assert InlineHashing(CHEAP).verify(encoded, "open sesame") is True
        assert await pool.verify(InlineHashing(CHEAP).hash("open sesame"), "open sesame") is True
        assert await pool.verify(encoded, "open simsim") is False
        assert pool.taken == 0
        pool.close()

    asyncio.run(main())


def test_at_most_so_many_run_at_once_and_the_event_loop_stays_free(brake):
    async def main() -> None:
        pool = HashingPool(CHEAP, at_once=3, queue=97)
        tasks = [asyncio.create_task(pool.verify("x", "x")) for _ in range(100)]
        await until(lambda: brake.running == 3)
        assert pool.taken == 100
        started = time.perf_counter()
        await asyncio.sleep(0)
        assert time.perf_counter() - started < 4  # they run until they are let go
        brake.released.set()
        assert await asyncio.gather(*tasks) == [True] * 100
        assert (brake.most, brake.done, pool.taken) == (3, 100, 0)
        pool.close()

    asyncio.run(main())


def test_beyond_the_queue_the_flood_is_turned_away_at_once(brake):
    async def main() -> None:
        pool = HashingPool(CHEAP, at_once=2, queue=3)
        tasks = [asyncio.create_task(pool.verify("x", "x")) for _ in range(50)]
        done, waiting = await asyncio.wait(tasks, timeout=0.1)
        assert (len(done), len(waiting)) == (45, 5)
        for task in done:
            error = task.exception()
            assert isinstance(error, Overloaded)
            assert isinstance(error, Unavailable)
            assert error.retry_after >= 1
        brake.released.set()
        assert await asyncio.gather(*waiting) == [True] * 5
        assert await pool.verify("x", "x")  # and there is room again
        pool.close()

    asyncio.run(main())


def test_a_cancelled_caller_gives_its_place_back_but_not_before_its_hash_ends(brake):
    async def main() -> None:
        pool = HashingPool(CHEAP, at_once=1, queue=1)
        running = asyncio.create_task(pool.verify("x", "x"))
        waiting = asyncio.create_task(pool.verify("x", "x"))
        await until(lambda: brake.running == 1 and pool.taken == 2)
        waiting.cancel()
        await until(lambda: pool.taken == 1)
        running.cancel()
        await asyncio.sleep(0.02)
        assert pool.taken == 1  # the thread is still busy
        again = asyncio.create_task(pool.verify("x", "x"))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await pool.verify("x", "x")
        brake.released.set()
        assert await again is True
        await until(lambda: pool.taken == 0)
        assert brake.done == 2  # the one cancelled while it waited never ran
        pool.close()

    asyncio.run(main())


def test_failing_hashes_give_their_places_back():
    async def main() -> None:
        pool = HashingPool(CHEAP, at_once=1, queue=0)
        for _ in range(5):
            with pytest.raises(ValueError, match="damaged"):
                await pool.verify("no hash", "x")
        await until(lambda: pool.taken == 0)
        pool.close()
        with pytest.raises(RuntimeError):
            await pool.hash("x")
        assert pool.taken == 0

    asyncio.run(main())


def test_the_pool_serves_several_event_loops():
    pool = HashingPool(CHEAP)
    encoded = asyncio.run(pool.hash("x"))
    assert asyncio.run(pool.verify(encoded, "x"))
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have their own priority on Linux alone")
def test_hashing_threads_yield_to_the_event_loop(monkeypatch):
    seen: list[int] = []

    def look(encoded: str, password: str) -> bool:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return True

    monkeypatch.setattr(offload, "fits", look)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    pool = HashingPool(CHEAP)
    asyncio.run(pool.verify("x", "x"))
    pool.close()
    assert seen[0] >= 10
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


@pytest.mark.parametrize(("processors", "sharing", "threads"), [(8, 1, 7), (8, 2, 3), (2, 2, 1), (1, 4, 1)])
def test_a_process_hashes_on_its_part_of_the_processors(
    monkeypatch: pytest.MonkeyPatch, processors: int, sharing: int, threads: int
) -> None:
    monkeypatch.setattr("watchword.offload._processors", lambda: processors)
    pool = HashingPool(CHEAP, sharing=sharing)
    assert pool._threads == threads
    pool.close()


def test_a_pool_is_crowded_long_before_it_is_full() -> None:
    pool = HashingPool(CHEAP, at_once=2, queue=64)
    crowded = []
    for taken in range(66):
        pool._taken = taken
        crowded.append(pool.crowded)
    assert crowded.index(True) == 10
    pool.close()


def _turns(monkeypatch: pytest.MonkeyPatch, path: Path, held: list[int]) -> list[HashingPool]:
    """Return two pools that share two processors as two processes do; ``held`` gets how many hashed at once."""
    running, guard = [0], threading.Lock()

    def slow(encoded: str, password: str) -> bool:
        with guard:
            running[0] += 1
            held.append(running[0])
        time.sleep(0.01)
        with guard:
            running[0] -= 1
        return True

    monkeypatch.setattr(offload, "fits", slow)
    monkeypatch.setattr(offload, "_processors", lambda: 2)
    return [HashingPool(sharing=2, turns=str(path / "lock")) for _ in range(2)]


def test_processes_that_would_take_every_processor_hash_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    pools = _turns(monkeypatch, tmp_path, held)

    async def play() -> list[bool]:
        return await asyncio.gather(*(pools[number % 2].verify("", "") for number in range(20)))

    assert all(asyncio.run(play()))
    assert (len(held), max(held)) == (20, 1)


def test_a_turn_that_never_ends_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(offload, "_PATIENCE", 0.05)
    pools = _turns(monkeypatch, tmp_path, [])
    with (tmp_path / "lock").open("w") as stuck:
        fcntl.flock(stuck, fcntl.LOCK_EX)
        assert asyncio.run(pools[0].verify("", ""))
