"""Addresses of people."""

from __future__ import annotations

import pytest

from tests.house import House
from tests.lifecycle.people.factors import raced
from tests.lifecycle.people.residents import held, live_in, person, usable
from watchword.codec.names import normal_address
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.addresses import ADDRESS_LIFETIME, Moved, Moving, email_record
from watchword.model.credential import Kind


def test_an_address_is_changed_by_who_reads_its_mail(url: str) -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        subject = await person(opened, address="carol@example.com")
        moving = await accounts.request_address(subject, "New@example.com")
        assert isinstance(moving, Moving)
        assert (moving.letter, moving.address) == ("new-address", "New@example.com")
        assert await accounts.pending_address(moving.token) == (subject, "New@example.com")
        outcomes = await raced(opened, lambda: accounts.confirm_address(moving.token))
        (moved,) = [each for each in outcomes if isinstance(each, Moved)]
        assert (moved.before, moved.address) == ("carol@example.com", "New@example.com")
        (email,) = await usable(opened, subject, Kind.EMAIL)
        assert email.detail["address"] == "New@example.com"
        assert await accounts.resolve("carol@example.com") is None

    live_in(url, test)


def test_a_hundred_people_who_want_one_address_leave_one_owner(url: str) -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        names = [await person(opened, f"p{number}") for number in range(10)]
        tokens = []
        for name in names:
            moving = await accounts.request_address(name, "wanted@example.com")
            assert isinstance(moving, Moving)
            tokens.append(moving.token)
        tokens *= 10
        outcomes = await raced(opened, lambda: accounts.confirm_address(tokens.pop()))
        assert sum(isinstance(each, Moved) for each in outcomes) == 1
        owners = [name for name in names if await usable(opened, name, Kind.EMAIL)]
        assert [await accounts.resolve("wanted@example.com")] == owners

    live_in(url, test)


def test_another_spelling_of_ones_own_address_replaces_it() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        subject = await person(opened, address="carol@example.com")
        await accounts.add_address(subject, "carol@example.com", by="test")
        assert len(await held(opened, subject, Kind.EMAIL)) == 1
        await accounts.add_address(subject, "Carol@example.com", by="test")
        (email,) = await usable(opened, subject, Kind.EMAIL)
        assert email.detail["address"] == "Carol@example.com"
        assert await accounts.resolve("CAROL@example.com") == subject

    live_in("memory:", test)


def test_an_address_is_one_persons() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        await person(opened, address="carol@example.com")
        await person(opened, "dora")
        with pytest.raises(LifecycleError, match="belongs to somebody"):
            await accounts.add_address("user:dora", "CAROL@example.com", by="test")
        with pytest.raises(LifecycleError, match="not an email address"):
            await accounts.add_address("user:dora", "dora", by="test")
        moving = await accounts.request_address("user:dora", "CAROL@example.com")
        assert isinstance(moving, Moving)
        assert (moving.letter, moving.address) == ("account-exists", "carol@example.com")
        assert await accounts.pending_address(moving.token) is None

    live_in("memory:", test)


def test_the_link_ends_and_a_newer_one_voids_it() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        subject = await person(opened)
        first = await accounts.request_address(subject, "one@example.com")
        second = await accounts.request_address(subject, "two@example.com")
        assert isinstance(first, Moving)
        assert isinstance(second, Moving)
        assert not isinstance(await accounts.confirm_address(first.token), Moved)
        opened.clock.now += ADDRESS_LIFETIME + 1
        assert not isinstance(await accounts.confirm_address(second.token), Moved)

    live_in("memory:", test)


def test_who_is_disabled_gets_no_address() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        subject = await person(opened)
        moving = await accounts.request_address(subject, "one@example.com")
        assert isinstance(moving, Moving)
        await opened.watchword.lifecycle.set_enabled(subject, False, by="test")
        assert not isinstance(await accounts.confirm_address(moving.token), Moved)
        assert await usable(opened, subject, Kind.EMAIL) == []

    live_in("memory:", test)


def test_the_record_is_found_by_a_digest_and_shows_no_address() -> None:
    address = normal_address("carol@example.com")
    assert address is not None
    record = email_record("user:carol", address, 1.5)
    assert record.id.startswith("eml_")
    assert "carol@" not in repr(record)
