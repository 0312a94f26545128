"""What people do with their accounts."""

from __future__ import annotations

import pytest

from tests.house import House
from tests.lifecycle.people.factors import raced
from tests.lifecycle.people.residents import OTHER, PASSWORD, held, knows, live_in, person, signed_up, usable
from watchword.lifecycle.errors import LifecycleError
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.model.records import Subject


@pytest.mark.parametrize(
    "spelling", ["carol", "CAROL", "Ｃarol", "carol@example.com", "Carol@EXAMPLE.com", "ｃarol@example.com"]
)
def test_cve_2026_47203_spellings_of_a_name_or_an_address_are_one_account(spelling: str) -> None:
    async def test(opened: House) -> None:
        await person(opened, "carol", "carol@example.com")
        assert await opened.watchword.accounts.resolve(spelling) == "user:carol"

    live_in("memory:", test)


@pytest.mark.parametrize(
    "stranger",
    ["", "caro", "carol@example.org", "carol@", "@example.com", "user:carol", "a" * 5000, "\x00", "a b@x.de"],
)
def test_nobody_else_is_found(stranger: str) -> None:
    async def test(opened: House) -> None:
        await person(opened, "carol", "carol@example.com")
        assert await opened.watchword.accounts.resolve(stranger) is None

    live_in("memory:", test)


def test_an_address_counts_once_it_is_confirmed_and_until_it_is_revoked() -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        await person(opened, "carol", "carol@example.com")
        (email,) = await usable(opened, "user:carol", Kind.EMAIL)
        await watchword.lifecycle.revoke(email.id, reason="bounced", by="test")
        assert await watchword.accounts.resolve("carol@example.com") is None
        await person(opened, "dave", "carol@example.com")  # and may then be somebody else's
        assert await watchword.accounts.resolve("carol@example.com") == "user:dave"

    live_in("memory:", test)


def test_a_name_with_an_at_sign_that_an_operator_gave_wins_over_an_address() -> None:
    async def test(opened: House) -> None:
        await person(opened, "carol", "shared@example.com")
        await person(opened, "shared@example.com")
        assert await opened.watchword.accounts.resolve("shared@example.com") == "user:shared@example.com"

    live_in("memory:", test)


def test_a_changed_password_ends_other_logins_and_keeps_what_it_allowed(url: str) -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        subject = await person(opened, scopes=("orders:read",))
        sessions = [await watchword.lifecycle.issue(Kind.SESSION, subject, by="test") for _ in range(3)]
        keep = sessions[1].credential.id
        assert await watchword.accounts.change_password(subject, PASSWORD, OTHER, keep=keep) == ()
        assert [each.id for each in await usable(opened, subject, Kind.SESSION)] == [keep]
        (password,) = await usable(opened, subject, Kind.PASSWORD)
        assert password.scopes == {"orders:read"}
        assert await knows(watchword, "carol", OTHER)
        assert not await knows(watchword, "carol", PASSWORD)

    live_in(url, test)


def test_a_password_that_ends_stays_one_that_ends() -> None:
    """Nobody prolongs a temporary account by changing its password."""

    async def test(opened: House) -> None:
        watchword = opened.watchword
        await watchword.lifecycle.add_subject("user:temp", by="test")
        end = int(opened.clock.now) + 3600
        await watchword.lifecycle.issue(
            Kind.PASSWORD,
            "user:temp",
            by="test",
            expires_at=end,
            networks=["10.0.0.0/8"],
            options={"password": PASSWORD},
        )
        assert await watchword.accounts.change_password("user:temp", PASSWORD, OTHER) == ()
        (password,) = await usable(opened, "user:temp", Kind.PASSWORD)
        assert (password.expires_at, password.networks) == (end, ("10.0.0.0/8",))

    live_in("memory:", test)


def test_who_does_not_know_the_current_password_changes_nothing() -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        subject = await person(opened)
        (fault,) = await watchword.accounts.change_password(subject, "another", OTHER)
        assert (fault.field, fault.code) == ("password", "wrong")
        weak = await watchword.accounts.change_password(subject, PASSWORD, "short")
        assert weak
        assert {each.field for each in weak} == {"password"}
        assert await knows(watchword, "carol", PASSWORD)

    live_in("memory:", test)


def test_a_hundred_changes_at_once_leave_one_password(url: str) -> None:
    """On a slow machine some find the hashing or the database too busy: they change nothing."""

    async def test(opened: House) -> None:
        subject = await person(opened)

        async def change() -> object:
            try:
                return await opened.watchword.accounts.change_password(subject, PASSWORD, OTHER)
            except Unavailable:
                return None

        outcomes = await raced(opened, change)
        assert outcomes.count(()) == 1
        assert len(await usable(opened, subject, Kind.PASSWORD)) == 1
        assert len(await held(opened, subject, Kind.PASSWORD)) == 2

    live_in(url, test)


def test_the_profile_is_told_and_changed() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        await signed_up(opened)
        made = await accounts.set_profile("user:carol", display="Carol C.", locale="de-CH")
        assert isinstance(made, Subject)
        profile = await accounts.profile("user:carol")
        assert profile == {
            "subject": "user:carol",
            "display": "Carol C.",
            "locale": "de",
            "email": "carol@example.com",
        }
        await accounts.set_profile("user:carol", display="")
        assert (await accounts.profile("user:carol"))["display"] == ""
        assert (await accounts.profile("user:carol"))["locale"] == "de"
        with pytest.raises(LifecycleError, match="no user:nobody"):
            await accounts.profile("user:nobody")

    live_in("memory:", test)


@pytest.mark.parametrize("display", ["a\nb", " a", "a" * 101, "a\u202eb", "\x1b[31m"])
def test_a_name_that_would_deceive_who_reads_it_is_refused(display: str) -> None:
    async def test(opened: House) -> None:
        await person(opened)
        faults = await opened.watchword.accounts.set_profile("user:carol", display=display)
        assert isinstance(faults, tuple)
        assert faults[0].field == "display"

    live_in("memory:", test)
