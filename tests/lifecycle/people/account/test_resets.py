"""Reset links."""

from __future__ import annotations

import pytest

from tests.house import House
from tests.lifecycle.people.factors import raced
from tests.lifecycle.people.residents import OTHER, PASSWORD, knows, live_in, person, reset_token, usable
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.resets import RESET_LIFETIME, SPENT, Reset
from watchword.model.credential import Kind


def test_a_hundred_uses_of_one_link_have_one_winner(url: str) -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        subject = await person(opened, address="carol@example.com")
        token = await reset_token(opened, "carol")
        outcomes = await raced(opened, lambda: accounts.redeem_reset(token, OTHER))
        assert sum(isinstance(each, Reset) for each in outcomes) == 1
        assert outcomes.count((SPENT,)) == 99
        assert len(await usable(opened, subject, Kind.PASSWORD)) == 1
        assert await knows(opened.watchword, "carol", OTHER)

    live_in(url, test)


def test_it_works_for_half_an_hour() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        await person(opened, address="carol@example.com")
        token = await reset_token(opened, "carol")
        opened.clock.now += RESET_LIFETIME - 1
        assert await accounts.pending_reset(token) == "user:carol"
        opened.clock.now += 2
        assert await accounts.redeem_reset(token, OTHER) == (SPENT,)
        assert RESET_LIFETIME == 1800

    live_in("memory:", test)


def test_it_ends_sessions_and_refresh_tokens() -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        subject = await person(opened, address="carol@example.com")
        await watchword.lifecycle.issue(Kind.SESSION, subject, by="test")
        who = await watchword.parts.password_check().check("carol", PASSWORD, "login")
        refreshed = await watchword.families.start(who, by="test")  # type: ignore[arg-type]
        token = await reset_token(opened, "carol@example.com")
        assert isinstance(await watchword.accounts.redeem_reset(token, OTHER), Reset)
        assert await usable(opened, subject, Kind.SESSION) == []
        assert await usable(opened, subject, Kind.REFRESH) == []
        assert not hasattr(await watchword.families.redeem(refreshed.token), "token")

    live_in("memory:", test)


@pytest.mark.parametrize("change", ["password", "address", "disable", "delete", "revoke", "used"])
def test_it_is_void_once_something_changed(change: str) -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        accounts, lifecycle = watchword.accounts, watchword.lifecycle
        subject = await person(opened, address="carol@example.com")
        token = await reset_token(opened, "carol")
        if change == "password":
            assert await accounts.change_password(subject, PASSWORD, OTHER) == ()
        elif change == "address":
            await accounts.add_address(subject, "other@example.com", by="test")
        elif change == "disable":
            await lifecycle.set_enabled(subject, False, by="test")
        elif change == "delete":
            await accounts.delete(subject, by="test")
        elif change == "revoke":
            (password,) = await usable(opened, subject, Kind.PASSWORD)
            await lifecycle.revoke(password.id, reason="leaked", by="test")
        else:
            newer = await reset_token(opened, "carol@example.com")
            assert await accounts.pending_reset(token) == subject  # whoever asks again voids nothing
            assert isinstance(await accounts.redeem_reset(newer, OTHER), Reset)
        assert await accounts.pending_reset(token) is None
        assert await accounts.redeem_reset(token, OTHER) == (SPENT,)

    live_in("memory:", test)


def test_a_failed_hash_leaves_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        await person(opened, address="carol@example.com")
        token = await reset_token(opened, "carol")

        def full(self: object, password: str) -> str:
            raise RuntimeError("full")

        with monkeypatch.context() as patch:
            patch.setattr(type(opened.watchword.passwords), "hash", full)
            with pytest.raises(RuntimeError):
                await accounts.redeem_reset(token, OTHER)
        assert isinstance(await accounts.redeem_reset(token, OTHER), Reset)

    live_in("memory:", test)


@pytest.mark.parametrize("who", ["nobody", "carol", "gone"])
def test_who_has_no_confirmed_address_or_may_not_log_in_gets_none(who: str) -> None:
    async def test(opened: House) -> None:
        await person(opened, "carol")
        await person(opened, "gone", "gone@example.com")
        await opened.watchword.lifecycle.set_enabled("user:gone", False, by="test")
        assert await opened.watchword.accounts.request_reset(who) is None

    live_in("memory:", test)


def test_an_operator_hands_one_to_who_has_no_address() -> None:
    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        subject = await person(opened)
        reset = await accounts.reset_for(subject, by="cli:op")
        assert (reset.subject, reset.address) == (subject, "")
        assert isinstance(await accounts.redeem_reset(reset.token, OTHER), Reset)
        assert [event.actor for event in await opened.events() if event.action == "reset-link"] == ["cli:op"]
        with pytest.raises(LifecycleError):
            await accounts.reset_for("user:nobody", by="cli:op")

    live_in("memory:", test)


def test_beside_a_second_factor_a_shorter_password_is_enough() -> None:
    from tests.lifecycle.people.factors import app_of

    async def test(opened: House) -> None:
        accounts = opened.watchword.accounts
        subject = await person(opened, address="carol@example.com")
        short = "plumage9 kazoo"  # 14 characters
        assert not isinstance(await accounts.redeem_reset(await reset_token(opened, "carol"), short), Reset)
        await app_of(opened, subject)
        assert isinstance(await accounts.redeem_reset(await reset_token(opened, "carol"), short), Reset)
        assert len(await opened.watchword.factors.enrolled(subject)) == 1  # the factor stays

    live_in("memory:", test)


def test_a_reset_shows_no_token() -> None:
    assert "lk_secret" not in repr(Reset("user:a", "a@example.com", "lk_secret", ""))
