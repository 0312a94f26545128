"""2,000 concurrent replays of 100 signed requests, two workers: exactly 100 are accepted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.figures.house import House, Line, caller, lines, signed
from watchword.model.credential import Kind

SIGNED, COPIES, CONNECTIONS = 100, 20, 40


async def _replay(house: House) -> Counter[str]:
    async with house.operator() as watchword:
        issued = await watchword.lifecycle.issue(Kind.HMAC, await caller(watchword), by="test")
    key_id, secret = issued.material["key_id"], issued.material["secret"]
    authority = f"127.0.0.1:{house.port}"
    requests = [signed(key_id, secret, "/whoami", authority, f"n{number}") for number in range(SIGNED)]
    work = [(number, headers) for number, headers in enumerate(requests) for _ in range(COPIES)]
    random.Random(7).shuffle(work)
    counts: Counter[str] = Counter()

    async def drain(line: Line) -> None:
        while work:
            number, headers = work.pop()
            status, _, _ = await line.send(headers=headers)
            counts[f"status {status}"] += 1
            if status == 200:
                counts[f"request {number}"] += 1

    with lines(CONNECTIONS, house.port) as opened:
        await asyncio.gather(*(drain(line) for line in opened))
    return counts


@pytest.mark.processes
def test_each_signature_is_accepted_once_over_two_workers(tmp_path: Path) -> None:
    """Figure: exactly 100 of 2,000."""
    with House(tmp_path) as house:
        counts = asyncio.run(_replay(house))
    assert counts["status 200"] == SIGNED, counts
    assert counts["status 401"] == SIGNED * (COPIES - 1)
    assert all(counts[f"request {number}"] == 1 for number in range(SIGNED))
