"""What an operator gives somebody is judged with what is known of them."""

from __future__ import annotations

import asyncio

import pytest

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.demands import demand_password
from watchword.lifecycle.people.password_rules import PasswordRules
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Subject
from watchword.stores.memory import MemoryStore


def judge(password: str, *more: Credential, display: str = "") -> None:
    async def test() -> None:
        store = MemoryStore()
        await store.write(Add(Subject("user:bartholomew", 1, detail={"display": display} if display else {})))
        for each in more:
            await store.write(Add(each))
        await demand_password(store, PasswordRules(strength=0), "user:bartholomew", password, 100.0)

    asyncio.run(test())


def test_names_displays_and_addresses_are_no_passwords() -> None:
    judge("fourteen-gray-lamps")
    with pytest.raises(LifecycleError, match="your name"):
        judge("bartholomew-1234")
    with pytest.raises(LifecycleError, match="your name"):
        judge("quintessential77", display="Quintessential")
    address = Credential("adr_1", Kind.EMAIL, "user:bartholomew", 1, detail={"address": "wanderlustig@example.com"})
    with pytest.raises(LifecycleError, match="your name"):
        judge("wanderlustig1234", address)


def test_beside_a_second_factor_a_shorter_one_will_do() -> None:
    with pytest.raises(LifecycleError, match="too few"):
        judge("gray-lamps-9")
    judge("gray-lamps-9", Credential("otp_1", Kind.TOTP, "user:bartholomew", 1))
