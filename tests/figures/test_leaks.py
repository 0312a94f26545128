"""A leak drill: everything of a leaked list is dead within a minute, and no owner is missing (row 60).

Four of thousands were once left, because they were taken for unused (Cloudflare 2023): here they are as dead as all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.figures.house import House, Line, lines
from tests.house import bearing, house, reason
from tests.postgres import PostgresServer
from watchword import Watchword
from watchword.codec.secrets import digest, new_id, new_root_key, new_secret
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Subject

OWNERS = 1_000
CHUNK = 2_000
SECONDS = 60.0


async def _issued(watchword: Watchword, count: int, owners: int) -> dict[str, str]:
    """Issue many keys at once, some of them never used, some rotated or ended; return by the secret whose it is."""
    now = int(watchword.clock())
    names = [f"service:s{number}" for number in range(owners)]
    for start in range(0, owners, 50):
        assert await watchword.store.write(*(Add(Subject(name, now)) for name in names[start : start + 50]))
    held: dict[str, str] = {}
    records = []
    for number in range(count):
        secret, name = new_secret("ak_live_"), names[number % owners]
        held[secret] = name
        used = None if number % 7 else now - 86_400
        end = now - 10 if number % 50 == 1 else None
        records.append(
            Credential(
                new_id("key_"),
                Kind.API_KEY,
                name,
                now - 90 * 86_400,
                lookup=digest(secret),
                last_used_at=used,
                expires_at=end,
            )
        )
    for start in range(0, count, 50):
        assert await watchword.store.write(*(Add(record) for record in records[start : start + 50]))
    return held


async def _drill(watchword: Watchword, held: dict[str, str]) -> float:
    """Answer the whole list as ``leaked`` does; return the seconds that it took."""
    texts = [*held, *(new_secret("ak_live_") for _ in range(100))]
    started = time.monotonic()
    reports = []
    for start in range(0, len(texts), CHUNK):
        reports += await watchword.operations.leaks.report_all(texts[start : start + CHUNK], by="cli:drill")
    took = time.monotonic() - started
    known = [each for each in reports if each is not None]
    assert len(known) == len(held)
    assert [each.subject for each in known] == list(held.values())  # every owner, in the order of the list
    assert reports[len(held) :] == [None] * 100
    return took


async def _all_dead(watchword: Watchword) -> int:
    now, after, dead = watchword.clock(), "", 0
    while page := await watchword.store.credentials(kind=Kind.API_KEY, after=after, limit=1_000):
        after = page[-1].id
        assert all(each.leaked and each.refusal(now) is not None for each in page)
        dead += len(page)
    return dead


async def _refused(line: Line, secrets: Sequence[str]) -> None:
    """Wait until the other workers have heard: how long that may take is measured elsewhere."""
    end = time.monotonic() + 20
    for secret in secrets:
        while (await line.send("/whoami", [("authorization", f"Bearer {secret}")]))[0] != 401:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


async def _play(served: House, count: int, owners: int) -> float:
    async with served.operator() as watchword:
        held = await _issued(watchword, count, owners)
        alive = [secret for number, secret in enumerate(held) if number % 50 != 1]
        sample = [*alive[:20], *alive[-20:]]
        with lines(4, served.port) as connections:
            for line in connections:  # each worker has some of them in mind
                for secret in sample:
                    status, _, _ = await line.send("/whoami", [("authorization", f"Bearer {secret}")])
                    assert status == 200
            took = await _drill(watchword, held)
            for line in connections:
                line.close()  # it was idle for too long
                await _refused(line, sample)
        assert await _all_dead(watchword) == count
        return took


def test_a_drill_leaves_nobody_out(tmp_path: Path) -> None:
    """The short form, in one process; how long it takes beside a server is measured by the long one."""

    async def play() -> None:
        async with house(f"sqlite:///{tmp_path / 'w.db'}", root_key=new_root_key()) as opened:
            held = await _issued(opened.watchword, 400, 50)
            await _drill(opened.watchword, held)
            assert await _all_dead(opened.watchword) == 400
            for secret in list(held)[:5]:
                assert reason(await opened.decide("api-key", bearing(f"Bearer {secret}".encode()))) == "revoked"

    asyncio.run(play())


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_hundred_thousand_are_dead_within_a_minute(tmp_path: Path, kind: str) -> None:
    """Figure: 10^5 credentials of 1,000 owners, beside a server of two workers: at most 60 s."""
    if kind == "postgresql":
        with PostgresServer(fsync=True) as server, House(tmp_path, store=server.create_database()) as served:
            took = asyncio.run(_play(served, 100_000, OWNERS))
    else:
        with House(tmp_path) as served:
            took = asyncio.run(_play(served, 100_000, OWNERS))
    print(f"\n{kind}: {took:.1f} s")
    assert took <= SECONDS
