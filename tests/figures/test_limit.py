"""``600/min`` over two workers: at most 5 % more is admitted."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.figures.house import House, Line, api_key, lines
from watchword.model.verdict import Rate

LIMIT, OFFERED, CONNECTIONS = 600, 2_000, 16


async def _overrun(house: House) -> tuple[Counter[int], float, list[bytes]]:
    async with house.operator() as watchword:
        _, secret = await api_key(watchword, Rate(LIMIT, 60))
    headers = [("authorization", f"Bearer {secret}")]
    counts: Counter[int] = Counter()
    heads: list[bytes] = []
    left = iter(range(OFFERED))
    loop = asyncio.get_running_loop()
    begun = loop.time()

    async def drain(line: Line) -> None:
        for _ in left:
            status, head, _ = await line.send(headers=headers)
            counts[status] += 1
            if status == 429:
                heads.append(head.lower())

    with lines(CONNECTIONS, house.port) as opened:
        await asyncio.gather(*(drain(line) for line in opened))
    return counts, loop.time() - begun, heads


@pytest.mark.processes
def test_two_workers_admit_no_more_than_the_limit_and_five_per_cent(tmp_path: Path) -> None:
    """Figure: over-admission at most 5 %; what flows back while the test runs is the limit's own."""
    with House(tmp_path) as house:
        counts, seconds, heads = asyncio.run(_overrun(house))
    earned = LIMIT * (1 + seconds / 60)
    print(f"\nadmitted {counts[200]} of {OFFERED} in {seconds:.1f} s; the limit allows {earned:.0f}")
    assert set(counts) == {200, 429}
    assert LIMIT * 0.9 <= counts[200] <= earned * 1.05, counts
    assert all(b"\r\nretry-after: " in head and b"\r\nratelimit: " in head for head in heads)
