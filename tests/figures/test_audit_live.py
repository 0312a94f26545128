"""Beside servers that write, sign and die, the audit is proved and nothing is invented; syslog gets all of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.figures.house import House, api_key, caller, lines, workers_of
from watchword import Watchword

_REQUESTS = 60  # of each of four connections


async def _life(house: House, watchword: Watchword, bearer: list[tuple[str, str]]) -> None:
    """Send requests, prove and sign meanwhile, and kill a worker."""
    checkpoints = watchword.operations.checkpoints
    answered, done = 0, False
    with lines(4, house.port) as several:

        async def send(number: int) -> None:
            nonlocal answered
            for _ in range(_REQUESTS):
                try:
                    await several[number].send("/whoami", bearer)
                except (OSError, EOFError):  # its worker was killed
                    several[number].close()
                    continue
                answered += 1
                if answered == _REQUESTS:
                    os.kill(workers_of(house.pid)[0].pid, signal.SIGKILL)

        async def look() -> None:
            while not done:
                assert (await checkpoints.prove()).flaws == ()
                await checkpoints.sign()
                await asyncio.sleep(0.02)

        looking = asyncio.create_task(look())
        await asyncio.gather(*(send(number) for number in range(4)))
        done = True
        await looking
    assert answered > 3 * _REQUESTS
    assert (await checkpoints.prove()).flaws == ()


@pytest.mark.processes
def test_nothing_is_invented_while_servers_write_and_die_and_syslog_gets_everything(tmp_path: Path) -> None:
    """Figure: none invented beside two workers of which one is killed; every position comes at least once."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "log"))
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
    receiver.setblocking(False)
    got: dict[int, int] = {}

    def drain() -> None:
        while True:
            try:
                value = json.loads(receiver.recv(65536).partition(b" - ")[2])
            except BlockingIOError:
                return
            if "position" in value:
                got[value["position"]] = got.get(value["position"], 0) + 1

    async def play(house: House) -> list[int]:
        async with house.operator() as watchword:
            await caller(watchword)
            _, secret = await api_key(watchword)
            await _life(house, watchword, [("authorization", f"Bearer {secret}")])
            end, every = time.monotonic() + 20, list[int]()
            while (len(every) <= 2 * _REQUESTS or not set(every) <= got.keys()) and time.monotonic() < end:
                drain()
                await asyncio.sleep(0.05)
                every = [position for position, _ in await watchword.store.events(limit=10**6)]
            return every

    with receiver, House(tmp_path, workers=2, more=f'[audit.syslog]\naddress = "unix://{tmp_path}/log"') as house:
        every = asyncio.run(play(house))
    assert len(every) > 2 * _REQUESTS, "what was decided after the kill is in the log"
    assert set(every) <= got.keys(), "some events never came"
    assert sum(got.values()) <= 2 * len(got), "events came again and again"
