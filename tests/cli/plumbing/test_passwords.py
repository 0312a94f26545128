"""Hold what operators give as passwords to the rules."""

from __future__ import annotations

import asyncio

import pytest

from watchword.app import Watchword
from watchword.cli.plumbing.passwords import demand
from watchword.codec.passwords import Cost
from watchword.lifecycle.errors import LifecycleError
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add


def test_the_rules_know_the_owner_and_whether_there_is_a_second_factor() -> None:
    async def work() -> None:
        house = Watchword(password_cost=Cost(8, 1))
        await house.start()
        await house.lifecycle.add_subject("user:alice", by="x", detail={"display": "Zaphod Beeblebrox"})
        await house.accounts.add_address("user:alice", "somebody@orders.example", by="x")
        await demand(house, "user:alice", None)
        await demand(house, "user:nobody", "correct horse battery")
        await demand(house, "user:alice", "correct horse battery")
        for personal in ("alice & alice 2026", "somebody@orders.example", "zaphod.beeblebrox"):
            with pytest.raises(LifecycleError, match="more than your name"):
                await demand(house, "user:alice", personal)
        with pytest.raises(LifecycleError, match="at least 15"):
            await demand(house, "user:alice", "gr8 zebu hoof")
        await house.store.write(Add(Credential("otp_1", Kind.TOTP, "user:alice", 1)))
        await demand(house, "user:alice", "gr8 zebu hoof")
        await house.stop()

    asyncio.run(work())
