"""What operators ask of the counts, and that old ones are added up by and by."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.house import House, bearing, house, played
from watchword.lifecycle.operations.usage import Usage, grain_of
from watchword.model.ports import Unavailable
from watchword.model.usage import Grain, Share


@pytest.mark.parametrize(
    ("seconds", "grain"),
    [(60, Grain.MINUTE), (7200, Grain.MINUTE), (7201, Grain.HOUR), (7 * 86400, Grain.HOUR), (90 * 86400, Grain.DAY)],
)
def test_a_time_is_told_as_finely_as_it_is_kept(seconds: int, grain: Grain) -> None:
    assert grain_of(seconds) is grain


@played
async def test_a_picture_says_how_often_what_was_done_from_where(opened: House) -> None:
    usage, clock = opened.watchword.operations.usage, opened.clock
    value, issued = await opened.key()
    start = clock.now = float(int(clock.now) // 3600 * 3600)
    for minutes in (0, 0, 3, 50):
        clock.now = start + minutes * 60
        await opened.decide("api-key", bearing(value, path=b"/orders/1"))
    await opened.decide("api-key", bearing(b"Bearer nonsense", address="198.51.100.7"))
    await opened.watchword.audit.flush()
    picture = await usage.picture(7200)
    assert (picture.grain, picture.until, picture.since) == (Grain.MINUTE, int(clock.now) + 1, start + 3000 - 7200)
    assert (picture.decisions(), picture.decisions("accepted"), picture.decisions("refused")) == (5, 4, 1)
    assert [count for _, count in picture.series("accepted") if count] == [2, 1, 1]
    assert len(picture.series()) == 121
    assert picture.routes[0] == Share("GET /orders/{…}", "accepted", 4)
    assert {each.name for each in picture.networks} == {"192.0.2.0/24", "198.51.100.0/24"}
    assert [each.verdict for each in picture.reasons] == ["refused"]
    assert [each.name for each in picture.credentials] == [issued.credential.id, ""]
    alone = await usage.picture(7200, credential=issued.credential.id)
    assert (alone.decisions(), alone.credentials, alone.reasons) == (4, (), [])
    assert [each.network for each in alone.origins] == ["192.0.2.0/24"]
    owned = await usage.picture(7200, subject="service:billing")
    assert owned.decisions() == 4
    assert (await usage.picture(7200, subject="service:nobody")).decisions() == 0


@played
async def test_a_picture_of_days_holds_what_was_rolled_up(opened: House) -> None:
    usage, clock = opened.watchword.operations.usage, opened.clock
    value, _ = await opened.key()
    clock.now = float(int(clock.now) // 86400 * 86400)
    for _ in range(10):
        await opened.decide("api-key", bearing(value))
        await opened.watchword.audit.flush()
        clock.now += 86400
        while await opened.watchword.store.usage.roll_up(int(clock.now)):
            pass
    picture = await usage.picture(30 * 86400)
    assert picture.grain is Grain.DAY
    assert [count for _, count in picture.series()][-11:] == [*[1] * 10, 0]


def test_old_counts_are_added_up_by_the_servers_upkeep() -> None:
    async def play() -> None:
        async with house() as opened:
            value, issued = await opened.key()
            await opened.decide("api-key", bearing(value))
            await opened.watchword.audit.flush()
            opened.clock.now += 86400
            usage = opened.watchword.operations.usage
            usage._due = 0.0
            await opened.watchword.operations.chores()["old counts cannot be added up"]()
            asked: dict[str, Any] = {"since": 0, "until": 2**40, "credential": issued.credential.id}
            assert await usage.tallies(grain=Grain.MINUTE, **asked) == []
            assert len(await usage.tallies(grain=Grain.HOUR, **asked)) == 1

    asyncio.run(play())


def test_rolling_up_waits_when_nothing_is_left_or_all_is_broken() -> None:
    asked: list[int] = []

    class Records:
        def __init__(self) -> None:
            self.left = [5, 0]

        async def roll_up(self, now: int, at_most: int) -> int:
            asked.append(now)
            if not self.left:
                raise Unavailable("down")
            return self.left.pop(0)

    usage = Usage(Records(), lambda: 7.0)  # type: ignore[arg-type]

    async def play() -> None:
        await usage.run()
        usage._due = 0.0
        await usage.run()
        await usage.run()
        assert len(asked) == 2, "nothing was left: wait"
        usage._due = 0.0
        with pytest.raises(Unavailable):
            await usage.run()
        await usage.run()
        assert len(asked) == 3, "an outage is not said five times a second"

    asyncio.run(play())
