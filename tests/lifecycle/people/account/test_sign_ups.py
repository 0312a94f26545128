"""Signing up and invitations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.house import House
from tests.lifecycle.people.factors import raced
from tests.lifecycle.people.residents import OTHER, PASSWORD, held, knows, live_in, person, signed_up, usable
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.replacement import Fault
from watchword.lifecycle.people.account.sign_ups import CONFIRM_LIFETIME, INVITATION_LIFETIME, Wanted
from watchword.model.credential import Kind
from watchword.model.records import Subject


async def wanted_of(opened: House, name: str = "carol", address: str = "carol@example.com") -> Wanted:
    wanted = await opened.watchword.accounts.sign_up(name, address, PASSWORD, scopes=["a:b"], browser="b")
    assert isinstance(wanted, Wanted), wanted
    return wanted


def test_nothing_is_kept_before_the_address_is_confirmed() -> None:
    async def test(opened: House) -> None:
        accounts, store = opened.watchword.accounts, opened.watchword.store
        notice = await accounts.begin_sign_up(await wanted_of(opened))
        assert notice.letter == "confirm"
        assert await store.subject("user:carol") is None
        made = await accounts.confirm(notice.token, browser="b")
        assert isinstance(made, Subject)
        (password,) = await usable(opened, "user:carol", Kind.PASSWORD)
        assert password.scopes == {"a:b"}
        assert await accounts.resolve("carol@example.com") == "user:carol"
        assert await knows(opened.watchword, "carol", PASSWORD)
        assert {"add", "issue"} <= {event.action for event in await opened.events() if event.subject == "user:carol"}

    live_in("memory:", test)


def test_a_hundred_confirmations_make_one_account(url: str) -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        notice = await accounts.begin_sign_up(await wanted_of(opened))
        outcomes = await raced(opened, lambda: accounts.confirm(notice.token, browser="b"))
        assert sum(isinstance(each, Subject) for each in outcomes) == 1
        assert len(await held(opened, "user:carol", Kind.PASSWORD)) == 1

    live_in(url, test)


def test_a_hundred_sign_ups_for_one_name_make_one_account(url: str) -> None:
    """Each from an address of its own: who confirms first has the name."""

    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        wanted = await wanted_of(opened)
        tokens = []
        for number in range(100):
            address = wanted.address._replace(text=f"c{number}@example.com", key=f"c{number}@example.com")
            tokens.append((await accounts.begin_sign_up(replace(wanted, address=address))).token)
        outcomes = await raced(opened, lambda: accounts.confirm(tokens.pop(), browser="b"))
        assert sum(isinstance(each, Subject) for each in outcomes) == 1
        assert {each[0].code for each in outcomes if isinstance(each, tuple) and not isinstance(each, Subject)} == {
            "taken"
        }
        assert len(await held(opened, "user:carol", Kind.EMAIL)) == 1

    live_in(url, test)


def test_a_hundred_sign_ups_with_one_address_make_one_account(url: str) -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        wanted = await wanted_of(opened)
        tokens = [(await accounts.begin_sign_up(replace(wanted, name=f"carol{number}"))).token for number in range(100)]
        outcomes = await raced(opened, lambda: accounts.confirm(tokens.pop(), browser="b"))
        assert sum(isinstance(each, Subject) for each in outcomes) == 1
        users = [each.name for each in await opened.watchword.store.subjects(prefix="user:carol", limit=1000)]
        assert len(users) == 1

    live_in(url, test)


@pytest.mark.parametrize(
    ("name", "address", "letter", "to"),
    [
        ("dora", "dora@example.com", "confirm", "dora@example.com"),
        ("carol", "dora@example.com", "name-taken", "dora@example.com"),
        ("dora", "carol@example.com", "account-exists", "Carol@example.com"),
        ("carol", "CAROL@example.com", "account-exists", "Carol@example.com"),
        ("billing", "dora@example.com", "name-taken", "dora@example.com"),
    ],
)
def test_only_the_mailbox_learns_what_was_taken(name: str, address: str, letter: str, to: str) -> None:
    """A name that a service has is taken, too: its password is looked for under both."""

    async def test(opened: House) -> None:
        await person(opened, "carol", "Carol@example.com")
        await opened.watchword.lifecycle.add_subject("service:billing", by="test")
        notice = await opened.watchword.accounts.begin_sign_up(await wanted_of(opened, name, address))
        assert (notice.letter, notice.address) == (letter, to)
        assert (
            bool(notice.token) is (letter == "confirm")
            or await opened.watchword.accounts.pending_sign_up(notice.token) is None
        )

    live_in("memory:", test)


@pytest.mark.parametrize(
    ("name", "address", "password", "field"),
    [
        ("carol@example.com", "c@example.com", PASSWORD, "username"),
        ("", "c@example.com", PASSWORD, "username"),
        ("a/b", "c@example.com", PASSWORD, "username"),
        ("a" * 200, "c@example.com", PASSWORD, "username"),
        ("carol", "c@example.com\r\nBcc: d@example.com", PASSWORD, "email"),
        ("carol", "", PASSWORD, "email"),
        ("carol", "c@example.com", "short", "password"),
        ("carol", "c@example.com", "", "password"),
    ],
)
def test_what_cannot_be_is_named(name: str, address: str, password: str, field: str) -> None:
    async def test(opened: House) -> None:
        faults = await opened.watchword.accounts.sign_up(name, address, password)
        assert not isinstance(faults, Wanted)
        assert [each.field for each in faults] == [field]

    live_in("memory:", test)


def test_pre_hijacking_another_browser_needs_the_password() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        notice = await accounts.begin_sign_up(await wanted_of(opened))
        pending = await accounts.pending_sign_up(notice.token, browser="another")
        assert pending is not None
        assert pending.asks_password
        for browser, password in [("another", None), ("", None), ("another", OTHER), ("", "")]:
            made = await accounts.confirm(notice.token, browser=browser, password=password)
            assert not isinstance(made, Subject)
            assert made[0].code == "wrong"
        assert isinstance(await accounts.confirm(notice.token, password=PASSWORD), Subject)

    live_in("memory:", test)


def test_links_end() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        notice = await accounts.begin_sign_up(await wanted_of(opened))
        invited = await accounts.invite("dora@example.com", by="test")
        opened.clock.now += CONFIRM_LIFETIME + 1
        assert not isinstance(await accounts.confirm(notice.token, browser="b"), Subject)
        assert await accounts.invitation(invited.token) == "dora@example.com"
        opened.clock.now += INVITATION_LIFETIME - CONFIRM_LIFETIME
        assert await accounts.invitation(invited.token) is None

    live_in("memory:", test)


def test_a_hundred_acceptances_make_one_account(url: str) -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        invited = await accounts.invite("dora@example.com", scopes=["a:b"], by="test")
        names = [f"dora{number}" for number in range(100)]
        outcomes = await raced(opened, lambda: accounts.accept(invited.token, names.pop(), PASSWORD))
        assert sum(isinstance(each, Subject) for each in outcomes) == 1
        (made,) = await opened.watchword.store.subjects(prefix="user:dora", limit=1000)
        (password,) = await usable(opened, made.name, Kind.PASSWORD)
        assert password.scopes == {"a:b"}

    live_in(url, test)


def test_an_invitation_outlives_a_name_that_is_taken_and_a_hash_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        await signed_up(opened)
        invited = await accounts.invite("dora@example.com", by="test")
        assert await accounts.accept(invited.token, "carol", PASSWORD) != ()
        weak = await accounts.accept(invited.token, "dora", "short")
        assert not isinstance(weak, Subject)

        def full(password: str) -> str:
            raise RuntimeError("full")

        with monkeypatch.context() as patch:
            patch.setattr(type(opened.watchword.passwords), "hash", lambda self, password: full(password))
            with pytest.raises(RuntimeError):
                await accounts.accept(invited.token, "dora", PASSWORD)
        assert isinstance(await accounts.accept(invited.token, "dora", PASSWORD), Subject)

    live_in("memory:", test)


def test_operators_invite_addresses_that_nobody_has() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        await signed_up(opened)
        with pytest.raises(LifecycleError, match="user:carol"):
            await accounts.invite("CAROL@example.com", by="test")
        with pytest.raises(LifecycleError, match="not an email address"):
            await accounts.invite("nobody", by="test")
        with pytest.raises(LifecycleError):
            await accounts.invite("dora@example.com", scopes=['a"b'], by="test")

    live_in("memory:", test)


def test_nothing_secret_is_shown() -> None:
    async def test(opened: House) -> None:
        wanted = await wanted_of(opened)
        notice = await opened.watchword.accounts.begin_sign_up(wanted)
        invited = await opened.watchword.accounts.invite("dora@example.com", by="test")
        assert "$argon2" not in repr(wanted)
        assert notice.token not in repr(notice)
        assert invited.token not in repr(invited)

    live_in("memory:", test)


@pytest.mark.parametrize("name", ["\u0430lice", "carol@example.com"])
def test_a_name_that_would_pass_for_somebody_elses_is_none(name: str) -> None:
    async def test(opened: House) -> None:
        wanted = await opened.watchword.accounts.sign_up(name, "a@example.com", PASSWORD)
        assert [each.code for each in wanted if isinstance(each, Fault)] == ["not_a_name"]

    live_in("memory:", test)
