"""Who owns an identity: one person, by issuer and subject, never by address."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from watchword.lifecycle.outside.identities import Identities, Outsider, identity_lookup
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Subject, Swap
from watchword.model.verdict import Principal, Rejection
from watchword.stores.memory import MemoryStore
from watchword.stores.opening import open_store

T = TypeVar("T")
MONA = Outsider("hub", "https://hub.example", "1", "mona@example.com", "mona", "Mona")


class House:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.told = 0
        self.identities = Identities(self.store, told=self._tell)

    def _tell(self) -> None:
        self.told += 1


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def house() -> House:
    house = House()
    for name in ("user:alice", "user:bob"):
        run(house.store.write(Add(Subject(name, 1))))
    return house


def test_an_identity_is_found_by_issuer_and_subject(house: House) -> None:
    async def work() -> None:
        assert await house.identities.find(MONA) is None
        linked = await house.identities.link(MONA, "user:alice", scopes=("a",), by="user:alice")
        assert isinstance(linked, Credential)
        assert (linked.kind, linked.id[:4]) == (Kind.IDENTITY, "idt_")
        who = await house.identities.find(Outsider("renamed", MONA.issuer, MONA.subject))
        assert isinstance(who, Principal)
        assert (who.subject, who.factors, who.scopes) == ("user:alice", ("fed",), frozenset({"a"}))
        for issuer, subject in (("https://hub.example", "2"), ("https://other.example", "1")):
            assert await house.identities.find(Outsider("hub", issuer, subject, MONA.label)) is None

    run(work())
    assert house.told == 1


def test_issuer_and_subject_do_not_run_together() -> None:
    assert identity_lookup("https://a", "b") != identity_lookup("https://ab", "")


def test_linking_twice_is_once(house: House) -> None:
    async def work() -> None:
        first = await house.identities.link(MONA, "user:alice", scopes=(), by="t")
        again = await house.identities.link(MONA, "user:alice", scopes=(), by="t")
        assert isinstance(first, Credential)
        assert isinstance(again, Credential)
        assert first.id == again.id
        assert isinstance(await house.identities.link(MONA, "user:bob", scopes=(), by="t"), Rejection)
        assert isinstance(await house.identities.link(MONA, "user:nobody", scopes=(), by="t"), Rejection)

    run(work())


def test_the_disabled_neither_link_nor_come_in(house: House) -> None:
    async def work() -> None:
        await house.identities.link(MONA, "user:alice", scopes=(), by="t")
        alice = await house.store.subject("user:alice")
        assert alice is not None
        await house.store.write(Swap(alice.changed(disabled_at=5)))
        assert isinstance(await house.identities.find(MONA), Rejection)
        other = Outsider("hub", MONA.issuer, "2")
        assert isinstance(await house.identities.link(other, "user:alice", scopes=(), by="t"), Rejection)

    run(work())


def test_signing_up_takes_nobodys_name(house: House) -> None:
    async def work() -> list[str]:
        names = []
        for number, wanted in enumerate(["alice", "ALICE", "Mona", "", "a/b", "x" * 200, "root\n", "мona"]):
            made = await house.identities.sign_up(Outsider("hub", MONA.issuer, str(number), name=wanted))
            assert isinstance(made, Principal)
            names.append(made.subject)
        return names

    names = run(work())
    assert len(set(names)) == len(names)
    assert "user:alice" not in names
    assert names[2] == "user:mona"


def test_the_last_way_in_is_kept(house: House) -> None:
    async def work() -> None:
        made = await house.identities.sign_up(MONA)
        assert isinstance(made, Principal)
        assert not await house.identities.unlink(made.credential, made.subject, by="t")
        assert not await house.identities.unlink(made.credential, "user:bob", by="t")
        second = await house.identities.link(Outsider("hub", MONA.issuer, "2"), made.subject, scopes=(), by="t")
        assert isinstance(second, Credential)
        assert await house.identities.unlink(made.credential, made.subject, by="t")
        assert not await house.identities.unlink(made.credential, made.subject, by="t")
        assert await house.identities.find(MONA) is None
        assert [each.id for each in await house.identities.listed(made.subject)] == [second.id]

    run(work())


def race(url: str) -> list[Any]:
    async def work() -> list[Any]:
        store = open_store(url)
        await store.open()
        try:
            identities = Identities(store)
            return await asyncio.gather(*(identities.sign_up(MONA) for _ in range(100)))
        finally:
            await store.close()

    return asyncio.run(work())


def one_account(found: list[Any]) -> None:
    assert all(isinstance(each, Principal) for each in found)
    assert len({each.subject for each in found}) == 1
    assert len({each.credential for each in found}) == 1


def test_100_sign_ups_make_one_account_sqlite(tmp_path: Path) -> None:
    one_account(race(f"sqlite:///{tmp_path}/w.db"))


@pytest.mark.postgres
def test_100_sign_ups_make_one_account_postgresql(postgres_url: str) -> None:
    one_account(race(postgres_url))


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("alice@example.com", "user:alice-"),
        ("m\u043ena", "user:user"),
        ("billing", "user:billing-"),
        ("eve", "user:eve"),
    ],
)
def test_what_a_provider_says_makes_no_name_that_passes_for_anothers(house: House, said: str, name: str) -> None:
    """A name wins over an address at the login, and is what applications see."""

    async def work() -> None:
        await house.store.write(Add(Subject("service:billing", 1)))
        made = await house.identities.sign_up(Outsider("hub", "https://hub.example", "9", "", said))
        assert isinstance(made, Principal)
        assert made.subject.startswith(name)
        assert "@" not in made.subject

    run(work())
