"""Race against other processes for the same records; or write until killed. Started by the tests of stores."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Event, Publish, Subject, Swap, Topic
from watchword.stores.opening import Store, open_store
from watchword.testing.stores import settled

LATER = 2**40
ROUNDS = 50
PROCESSES = 2
COUNTED = Subject("service:counted", 1)
_ROOT = Path(__file__).parents[2]


async def race(store: Store) -> list[int]:
    """Return how many adds, takes, claims and swaps this process won."""
    won = [0, 0, 0, 0]
    for n in range(ROUNDS):
        key = Credential(f"key_{n}", Kind.API_KEY, "service:x", 1, lookup=f"{n}".encode())
        won[0] += await store.write(Add(key), Publish(Topic.CREDENTIAL, key.id, 1, LATER), Event(1.0, "issue", "done"))
        won[1] += await store.take(f"code-{n}") is not None
        won[2] += await settled(store.claim(f"{n}".encode(), LATER))
        counted = await store.subject(COUNTED.name)
        won[3] += counted is not None and await store.write(Swap(counted.changed()))
    return won


async def hurry(store: Store, name: str) -> None:
    """Write for ever; acknowledge each write on standard output."""
    n = 0
    while True:
        n += 1
        subject = Subject(f"user:{name}-{n}", n)
        if await store.write(Add(subject), Event(float(n), "issue", "done", subject=subject.name)):
            print(subject.name, flush=True)


async def main(url: str, task: str, name: str) -> None:
    """Do the task once told to start."""
    async with open_store(url) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        if task == "race":
            print(*await race(store), flush=True)
        else:
            await hurry(store, name)


def start(url: str, task: str, name: str = "") -> subprocess.Popen[str]:
    """Start a process for the task; it waits for a line."""
    command = [sys.executable, "-m", "tests.stores.racer", url, task, name]
    return subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def go(process: subprocess.Popen[str]) -> None:
    """Let a process go once it is ready."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


async def check_races(url: str) -> None:
    """Let two processes that also create the database together race, and check who won what."""
    processes = [start(url, "race") for _ in range(PROCESSES)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        async with open_store(url) as store:
            assert await store.write(Add(COUNTED))
            for n in range(ROUNDS):
                await store.put(f"code-{n}", b"v", LATER)
            results = [process.communicate("\n", timeout=60)[0] for process in processes]
            adds, takes, claims, swaps = (
                sum(column) for column in zip(*(map(int, r.split()) for r in results), strict=True)
            )
            assert (adds, takes, claims) == (ROUNDS, ROUNDS, ROUNDS)
            counted = await store.subject(COUNTED.name)
            assert counted is not None
            assert counted.version == swaps + 1
            assert swaps >= ROUNDS
            assert len(await settled(store.entries(0))) == ROUNDS
            assert len(await store.events()) == ROUNDS
            assert await store.verify_audit() == []
    finally:
        for process in processes:
            process.kill()
            process.communicate()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
