"""What acts on accounts share."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.house import House
from tests.lifecycle.people.residents import live_in, person
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.desk import Desk
from watchword.lifecycle.people.account.links import Links
from watchword.model.records import Add, Subject


class _Complaint(NamedTuple):
    code: str
    text: str


class _Strict:
    """Complain about everything, and remember what about."""

    def __init__(self) -> None:
        self.asked: list[tuple[bool, tuple[str, ...]]] = []

    def check(
        self, password: str, *, second_factor: bool = False, about: tuple[str, ...] = ()
    ) -> tuple[_Complaint, ...]:
        self.asked.append((second_factor, tuple(about)))
        return (_Complaint("bad", "It is bad."),)


def test_complaints_become_faults_of_the_password_and_every_write_is_told() -> None:
    async def test(opened: House) -> None:
        watchword, rules, told = opened.watchword, _Strict(), list[int]()
        links = Links(watchword.store, watchword.sealer, opened.clock)
        desk = Desk(watchword.store, links, watchword.passwords, rules, lambda: told.append(1), opened.clock)  # type: ignore[arg-type]
        (fault,) = desk.password_faults("x", second_factor=True, about=("carol", ""))
        assert (fault.field, fault.code, fault.text) == ("password", "bad", "It is bad.")
        assert rules.asked == [(True, ("carol",))]
        assert await desk.write(Add(Subject("user:new", 1)))
        assert not await desk.write(Add(Subject("user:new", 1)))
        assert told == [1, 1]
        event = desk.act("x", "me", "user:new", "why")
        assert (event.at, event.actor, event.subject, event.detail) == (opened.clock.now, "me", "user:new", "why")

    live_in("memory:", test)


def test_who_is_disabled_or_nobody_is_said() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        subject = await person(opened)
        await opened.watchword.lifecycle.set_enabled(subject, False, by="test")
        with pytest.raises(LifecycleError, match="disabled"):
            await accounts.profile(subject)
        with pytest.raises(LifecycleError, match="not a subject"):
            await accounts.profile("carol")

    live_in("memory:", test)
