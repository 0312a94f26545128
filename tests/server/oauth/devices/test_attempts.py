"""Wrong codes are counted by session, account and network (RFC 8628 section 5.1, MUST 18)."""

from __future__ import annotations

import asyncio
import math

from tests.house import Clock, asking

from watchword.lifecycle.oauth.devices import DEVICE_LIFE
from watchword.model.verdict import Principal, Rejection
from watchword.server.oauth.devices.attempts import PERSON, PLACE, CodeAttempts
from watchword.stores.meter import MemoryMeter

ALICE = Principal("user:alice", "session", "ses_1")
OTHER = Principal("user:bob", "session", "ses_2")


class Table:
    """Hold attempts on a clock that tests move."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.attempts = CodeAttempts(MemoryMeter(self.clock))

    async def wrong_until_slowed(self, who: Principal, address: str = "192.0.2.1") -> int:
        count = 0
        while await self.attempts.slowed(asking(address=address), who) is None:
            await self.attempts.wrong(asking(address=address), who)
            count += 1
            assert count < 100
        return count


def test_row_34_guessing_one_code_has_a_chance_of_two_to_the_minus_32() -> None:
    bursts = PERSON.count
    refilled = math.ceil(DEVICE_LIFE * PERSON.count / PERSON.seconds)
    assert (bursts + refilled) / 20**8 <= 2**-32


def test_who_types_wrong_codes_waits() -> None:
    async def play() -> None:
        table = Table()
        assert await table.wrong_until_slowed(ALICE) == PERSON.count
        slowed = await table.attempts.slowed(asking(), ALICE)
        assert isinstance(slowed, Rejection)
        assert (slowed.reason.code, slowed.credential) == ("rate_limited", "ses_1")
        assert slowed.headers == ((b"retry-after", b"600"),)
        table.clock.now += 600
        assert await table.wrong_until_slowed(ALICE) == 1

    asyncio.run(play())


def test_another_session_of_the_same_person_and_another_address_do_not_help() -> None:
    async def play() -> None:
        table = Table()
        await table.wrong_until_slowed(ALICE)
        again = ALICE._replace(credential="ses_9")
        assert await table.attempts.slowed(asking(address="198.51.100.1"), again) is not None
        assert await table.attempts.slowed(asking(), OTHER) is None

    asyncio.run(play())


def test_a_network_is_bounded_however_many_accounts_it_has() -> None:
    async def play() -> None:
        table = Table()
        counts = 0
        for n in range(40):
            who = Principal(f"user:{n}", "session", f"ses_n{n}")
            counts += await table.wrong_until_slowed(who, f"2001:db8::{n}")
        assert counts == PLACE.count
        assert await table.wrong_until_slowed(ALICE, "2001:db9::1") == PERSON.count

    asyncio.run(play())


def test_attempts_at_once_are_counted_like_one_after_another() -> None:
    async def play() -> None:
        table = Table()
        admitted = 0

        async def guess() -> None:
            nonlocal admitted
            async with table.attempts.turn(ALICE):
                if await table.attempts.slowed(asking(), ALICE) is None:
                    await asyncio.sleep(0)
                    admitted += 1
                    await table.attempts.wrong(asking(), ALICE)

        await asyncio.gather(*(guess() for _ in range(100)))
        assert admitted == PERSON.count
        assert not table.attempts._turns

    asyncio.run(play())
