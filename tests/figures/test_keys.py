"""Signing keys turn over: one new key however many processes try, and a kill at any moment loses nothing."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.figures.house import House, Line, api_key, lines
from watchword import Watchword, run_sync
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.signing import LONGEST_LIFE
from watchword.model.credential import Credential, Kind, State

DAY = 86400
EVERY = 90 * DAY
PROCESSES = 4
EACH = 20  # tokens that are shown at least between two rotations


class Worker:
    """One process that turns keys over when it is told the time."""

    def __init__(self, url: str, root_key: str, now: float) -> None:
        command = [sys.executable, "-m", "tests.figures.turns", url, root_key]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tell(now)

    def tell(self, now: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{now}\n")
        self.process.stdin.flush()

    def said(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@contextmanager
def workers(url: str, root_key: str, now: float, count: int = PROCESSES) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        started = [Worker(url, root_key, now) for _ in range(count)]
        for worker in started:
            stack.callback(worker.close)
        for worker in started:
            assert worker.said() == ["ready"]
        yield started


async def _keys(url: str, root_key: str, now: float) -> dict[State, list[Credential]]:
    watchword = Watchword(url, root_key=root_key, inline=True, clock=lambda: now, key_rotation=0)
    await watchword.start()
    try:
        found: dict[State, list[Credential]] = {}
        for key in await watchword.lifecycle.page(kind=Kind.SIGNING_KEY, limit=10_000):
            found.setdefault(key.state(now), []).append(key)
        return found
    finally:
        await watchword.stop()


def _counts(url: str, root_key: str, now: float) -> dict[str, int]:
    async def work() -> dict[State, list[Credential]]:
        return await _keys(url, root_key, now)

    return {state.value: len(each) for state, each in asyncio.run(work()).items()}


def _turns(url: str, turns: int) -> None:
    """Every process tries every step at once; after each there is one key more, or one less in use, and no other."""
    root_key, now = new_root_key(), float(int(time.time()))
    with workers(url, root_key, now) as running:
        assert _counts(url, root_key, now) == {"active": 1}  # they all started at once
        for turn in range(turns):
            began, old = now, turn
            now = began + EVERY - DAY
            signing = _told(running, now)
            retired = {"retired": old} if old else {}
            assert _counts(url, root_key, now) == {"active": 1, "pending": 1, **retired}
            now = began + EVERY
            assert _told(running, now) != signing
            assert _counts(url, root_key, now) == {"active": 1, "retiring": 1, **retired}
            assert now - began > LONGEST_LIFE


def _told(running: list[Worker], now: float) -> str:
    for worker in running:
        worker.tell(now)
    signing = {worker.said()[0] for worker in running}
    assert len(signing) == 1, "all sign with the same key"
    return signing.pop()


def test_many_processes_make_one_key_a_turn(tmp_path: Path) -> None:
    _turns(f"sqlite:///{tmp_path / 'watchword.db'}", 3)


@pytest.mark.postgres
def test_many_processes_make_one_key_a_turn_on_postgresql(postgres_url: str) -> None:
    _turns(postgres_url, 2)


def _killed(tmp_path: Path, kills: int, seed: int) -> None:
    """Kill a process somewhere in a turn; what is left signs, and whoever comes next finishes the turn."""
    chance = random.Random(seed)
    url, root_key, now = f"sqlite:///{tmp_path / 'watchword.db'}", new_root_key(), float(int(time.time()))
    known: set[str] = set()
    for _ in range(kills):
        victim = Worker(url, root_key, now)
        try:
            assert victim.said() == ["ready"]
            for step in (EVERY - DAY, DAY):
                now += step
                victim.tell(now)
                time.sleep(chance.random() * 0.02)
        finally:
            victim.close()
        with workers(url, root_key, now, 1) as (next_one,):
            next_one.tell(now)
            signing, *published = next_one.said()
            assert signing in published
            assert not known or known & set(published), "the key before still verifies"
            known = {signing}
        assert _counts(url, root_key, now)["active"] == 1


def test_three_kills_in_a_turn_leave_one_key(tmp_path: Path) -> None:
    """The short form of the figure."""
    _killed(tmp_path, 3, seed=1)


@pytest.mark.soak
def test_two_hundred_kills_in_a_turn_leave_one_key(tmp_path: Path) -> None:
    """Figure: 200 kills, exactly one key in use after each, the one before still published."""
    _killed(tmp_path, 200, seed=2)


async def _token(line: Line, client: dict[str, str]) -> list[tuple[str, str]]:
    form = urlencode({**client, "grant_type": "client_credentials"}).encode()
    headers = [("content-type", "application/x-www-form-urlencoded")]
    status, _, content = await line.send("/oauth/token", headers, "POST", form)
    assert status == 200, content
    return [("authorization", f"Bearer {json.loads(content)['access_token']}")]


async def _load(own: Line, others: list[Line], client: dict[str, str], over: asyncio.Event, shown: list[int]) -> None:
    """Get a token from one worker, show it to all, and go on; the first one is shown again each time."""
    first = await _token(own, client)
    while not over.is_set():
        for headers in (await _token(own, client), first):
            for line in others:
                status, _, content = await line.send(headers=headers)
                assert status == 200, content
                shown[0] += 1


async def _rotated_under_load(house: House, seconds: float, rotations: int) -> int:
    async with house.operator() as watchword:
        await api_key(watchword)
        issued = await watchword.lifecycle.issue(Kind.OAUTH_CLIENT, "service:billing", by="test")
        with lines(8, house.port) as opened:
            over, shown = asyncio.Event(), [0]
            loads = [_load(opened[n], opened[n + 2 : n + 4], dict(issued.material), over, shown) for n in (0, 4)]
            tasks = [asyncio.ensure_future(each) for each in loads]
            for turn in range(rotations + 1):
                if turn:
                    await watchword.signing.rotate(by="test")
                before = shown[0]
                await asyncio.sleep(seconds / (rotations + 1))
                while shown[0] < before + EACH and not any(task.done() for task in tasks):  # however slow the machine
                    await asyncio.sleep(0.01)
            over.set()
            await asyncio.gather(*tasks)
            return shown[0]


@pytest.mark.processes
def test_no_valid_token_is_refused_while_keys_are_rotated(tmp_path: Path) -> None:
    """The short form: a rotation every half second, the new key in use while workers still read of it."""
    with House(tmp_path / "house", more="[passwords]\nplaintext = true") as house:
        assert asyncio.run(_rotated_under_load(house, 2, 3)) > 50


@pytest.mark.soak
def test_no_valid_token_is_refused_while_keys_are_rotated_for_long(tmp_path: Path) -> None:
    """Figure: 0 valid tokens refused over 20 rotations, long enough apart for each key to sign."""
    with House(tmp_path / "house", more="[passwords]\nplaintext = true") as house:
        assert asyncio.run(_rotated_under_load(house, 120, 20)) > 5_000


def test_the_store_is_read_without_an_event_loop_too(tmp_path: Path) -> None:
    """A thread turns keys over where the store is read inline."""
    url, root_key = f"sqlite:///{tmp_path / 'watchword.db'}", new_root_key()
    watchword = Watchword(url, root_key=root_key, inline=True)
    run_sync(watchword.store.open())
    try:
        run_sync(watchword.lifecycle.provide(by="test"))
        run_sync(watchword.signing.run())
    finally:
        run_sync(watchword.store.close())
