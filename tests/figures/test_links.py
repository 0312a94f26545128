"""A hundred uses of one link over two real workers: a reset, an invitation, each has one winner."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.figures.house import House, Line, lines
from watchword.model.credential import Kind

USES, CONNECTIONS = 100, 20
MORE = '[accounts]\nsign_up = "invitation"\nlimit = "100000/min"\n[passwords]\nmemory = 19456\niterations = 2\n'
_JSON = [("content-type", "application/json")]


async def _use(house: House, path: str, bodies: list[dict[str, str]]) -> Counter[int]:
    counts: Counter[int] = Counter()

    async def drain(line: Line) -> None:
        while bodies:
            status, _, _ = await line.send(path, _JSON, "POST", json.dumps(bodies.pop()).encode())
            counts[status] += 1

    with lines(CONNECTIONS, house.port) as opened:
        await asyncio.gather(*(drain(line) for line in opened))
    return counts


async def _figures(house: House) -> None:
    async with house.operator() as watchword:
        await watchword.lifecycle.add_subject("user:alice", by="test")
        reset = await watchword.accounts.reset_for("user:alice", by="test")
        invited = await watchword.accounts.invite("bob@example.com", by="test")
    bodies = [{"token": reset.token, "password": f"quite another horse, number {n}"} for n in range(USES)]
    assert await _use(house, "/reset/new", bodies) == {200: 1, 400: USES - 1}
    bodies = [
        {"token": invited.token, "username": f"bob{n}", "password": "quite another horse in here"} for n in range(USES)
    ]
    assert await _use(house, "/invitation", bodies) == {201: 1, 400: USES - 1}
    async with house.operator() as watchword:
        held = await watchword.store.credentials(kind=Kind.PASSWORD, subject="user:alice")
        assert len(held) == 1
        assert len(await watchword.store.subjects(prefix="user:bob", limit=1000)) == 1


@pytest.mark.processes
def test_each_link_is_used_once_over_two_workers_on_sqlite(tmp_path: Path) -> None:
    """Figure: 1 of 100."""
    with House(tmp_path, more=MORE) as house:
        asyncio.run(_figures(house))


@pytest.mark.soak
@pytest.mark.processes
@pytest.mark.postgres
def test_each_link_is_used_once_over_two_workers_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """Figure: 1 of 100."""
    with House(tmp_path, more=MORE, store=postgres_url) as house:
        asyncio.run(_figures(house))
