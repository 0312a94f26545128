"""``kill -9`` in the middle of administrative acts: every acknowledged one is there afterwards, and none by half."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from watchword.codec.secrets import new_root_key
from watchword.model.credential import Credential, State
from watchword.stores.opening import Store, open_store

ACTS = 500


def _killed_after(
    url: str, root_key: str, seed: int, acknowledged: int, child: str = "acts", pause: float = 0.0
) -> list[list[str]]:
    """Return what the child acknowledged before it was killed, ``pause`` seconds into what came after."""
    command = [sys.executable, "-m", f"tests.figures.{child}", url, root_key, str(seed), str(ACTS)]
    lines: list[list[str]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.split())
            if len(lines) == acknowledged:
                time.sleep(pause)
                process.kill()
        process.wait()
    assert lines[-1] != ["end"], "the child was not killed in time"
    return [line for line in lines if line]


async def _state(store: Store, id: str) -> tuple[Credential, State]:
    record = await store.credential(id)
    assert record is not None, f"{id} was acknowledged and is gone"
    return record, record.state(record.created_at + 1)


async def _check(url: str, acknowledged: list[list[str]]) -> None:
    store = open_store(url)
    await store.open()
    try:
        gone = {line[1] for line in acknowledged if line[0] in ("rotate", "revoke")}
        for act, id, *rest in acknowledged:
            record, state = await _state(store, id)
            if act == "issue" and id not in gone:
                assert state is State.ACTIVE or record.replaced_by or record.revoked_at, id
            if act == "rotate":
                assert record.replaced_by == rest[0]
                successor, _ = await _state(store, rest[0])
                assert successor.replaces == id
            if act == "revoke":
                assert state is State.REVOKED
        await _whole(store)
    finally:
        await store.close()


async def _whole(store: Store) -> None:
    """Fail when something half-done is on record: a successor without its predecessor, or a chain that is broken."""
    after = ""
    while page := await store.credentials(after=after, limit=500):
        for record in page:
            after = record.id
            if record.replaced_by is not None:
                assert await store.credential(record.replaced_by) is not None, record.id
            if record.replaces is not None:
                old = await store.credential(record.replaces)
                assert old is not None
                assert old.replaced_by == record.id
    assert await store.verify_audit() == []


def _rounds(tmp_path: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    url, root_key = f"sqlite:///{tmp_path / 'watchword.db'}", new_root_key()
    everything: list[list[str]] = []
    for number in range(rounds):
        everything += _killed_after(url, root_key, number, chance.randrange(20, ACTS - 100))
        asyncio.run(_check(url, everything))


def test_three_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    """The short form of ``make soak``'s."""
    _rounds(tmp_path, 3, seed=1)


@pytest.mark.soak
def test_twenty_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    """Figure: 20 kills during 500 issues, revocations and rotations."""
    _rounds(tmp_path, 20, seed=2)
