"""PostgreSQL goes and comes back: clients are told 503 until then, and lose nothing that they hold."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.figures.apps import App, given, status_of
from tests.figures.house import House, Line, lines, workers_of
from tests.postgres import PostgresServer

LONGEST = 5.0  # seconds for an answer while the store is gone
BACK_WITHIN = 15.0

pytestmark = [pytest.mark.processes, pytest.mark.postgres]


async def _none_but_503(opened: list[Line], app: App, code: str, token: str) -> None:
    for line in opened:
        for sending in (app.redeeming(code), app.refreshing(token)):
            began = time.monotonic()
            status, head, content = await line.send(*sending)
            assert (status, b"invalid_grant" in content) == (503, False), content
            assert b"retry-after: " in head.lower()
            assert time.monotonic() - began < LONGEST
        assert (await app.asked(line))[0] == 503


async def _back(line: Line, app: App) -> None:
    end = time.monotonic() + BACK_WITHIN
    while (await app.asked(line))[0] != 303:
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


async def _play(house: House, server: PostgresServer) -> None:
    async with house.operator() as operator:
        app = await App.of(operator)
    with lines(4, house.port) as opened:
        before = await given(opened[0], app.redeeming(await app.code(opened[0])))
        code = await app.code(opened[1])
        server.kill()
        await _none_but_503(opened, app, code, before["refresh_token"])
        server.start()
        for line in opened:
            await _back(line, app)
        after = await given(opened[2], app.refreshing(before["refresh_token"]))
        assert await status_of(opened[3], after["access_token"]) == 200
        await given(opened[3], app.redeeming(code))  # was not used up by those who were told 503
        assert (await opened[0].send(*app.redeeming(code)))[0] == 400


def test_an_outage_is_503_and_takes_no_code_and_no_token(tmp_path: Path) -> None:
    """CVE-2020-15223: what is broken is not refused, so that no client forgets its tokens."""
    with PostgresServer(fsync=True) as server, House(tmp_path, workers=1, store=server.create_database()) as house:
        asyncio.run(_play(house, server))


async def _replaced(house: House, server: PostgresServer) -> None:
    async with house.operator() as operator:
        app = await App.of(operator)
    with lines(1, house.port) as (line,):
        await app.code(line)
        await asyncio.sleep(1.2)  # both workers have started, and the supervisor, which looks twice a second, knows
        server.kill()
        assert (await app.asked(line))[0] == 503
    workers = workers_of(house.pid)
    assert len(workers) == 2
    workers[0].kill()  # by the machine, say, for want of memory: another one starts, and finds no database
    async with asyncio.timeout(BACK_WITHIN):
        while "the server cannot start" not in house.output():
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)
    server.start()
    async with asyncio.timeout(2 * BACK_WITHIN):
        while len(workers_of(house.pid)) < 2 or await _asks(house, app) != 303:
            await asyncio.sleep(0.1)


async def _asks(house: House, app: App) -> int:
    """Return what a new connection is answered, 0 for none."""
    with lines(1, house.port) as (line,):
        try:
            return (await app.asked(line))[0]
        except (OSError, EOFError):
            return 0


@pytest.mark.soak
def test_a_worker_that_ends_in_an_outage_takes_no_other_along(tmp_path: Path) -> None:
    with PostgresServer(fsync=True) as server, House(tmp_path, store=server.create_database()) as house:
        asyncio.run(_replaced(house, server))
