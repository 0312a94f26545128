"""What a login begins, and what a step-up makes of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.lifecycle.people.house import Clock, person, usable, within
from watchword.app import Watchword
from watchword.lifecycle.people.ceremonies import Proven
from watchword.lifecycle.people.holdings import APPS, origin_of
from watchword.lifecycle.people.logins import Visitor
from watchword.model.credential import Kind
from watchword.model.records import Add, Swap
from watchword.model.verdict import Principal, Rejection

NOW = 1_800_000_000
VISITOR = Visitor("Browser/1 " + "x" * 300, "192.0.2.1")


async def proven(watchword: Watchword) -> Proven:
    me = await person(watchword, scopes=("orders:read",))
    (password,) = await watchword.store.credentials(kind=Kind.PASSWORD, subject=me)
    who = Principal(me, "login", password.id, password.scopes, ("pwd",), NOW)
    return Proven(who, {"pwd": NOW})


def raised(before: Proven, source: str, at: int) -> Proven:
    proved = {"pwd": NOW, "otp": at, "mfa": NOW}
    who = before.who._replace(credential=source, factors=("pwd", "otp", "mfa"), authenticated_at=at)
    return Proven(who, proved, source=source)


def test_a_session_says_how_it_began() -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        issued = await watchword.logins.session(began, VISITOR)
        detail = issued.credential.detail
        assert detail["proved"] == {"pwd": NOW}
        assert (detail["login"], detail["address"], len(detail["agent"])) == (began.who.credential, "192.0.2.1", 200)
        assert issued.credential.expires_at == NOW + watchword.session_lifetime
        assert issued.credential.scopes == {"orders:read"}

    within(play, clock=Clock(NOW))


def test_a_session_ends_with_the_password_that_began_it() -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        await watchword.lifecycle.rotate(began.who.credential, overlap=60, by="x", options={"password": "x" * 15})
        issued = await watchword.logins.session(began, VISITOR)
        assert issued.credential.expires_at == NOW + 60
        assert (await watchword.logins.family(began, VISITOR)).family.expires_at == NOW + 60

    within(play, clock=Clock(NOW))


def test_a_raised_session_is_another_one_that_ends_when_the_old_one_would_have() -> None:
    clock = Clock(NOW)

    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        old = await watchword.logins.session(began, VISITOR)
        clock.now += 500
        new = await watchword.logins.raised_session(raised(began, old.credential.id, NOW + 500), VISITOR)
        assert not isinstance(new, Rejection), new
        assert new.material["cookie"] != old.material["cookie"]
        (left,) = await usable(watchword, began.who.subject, Kind.SESSION)
        assert (left.id, left.expires_at) == (new.credential.id, old.credential.expires_at)
        assert left.detail["proved"] == {"pwd": NOW, "otp": NOW + 500, "mfa": NOW}
        assert left.detail["authenticated_at"] == NOW + 500
        again = await watchword.logins.raised_session(raised(began, old.credential.id, NOW + 501), VISITOR)
        assert isinstance(again, Rejection)

    within(play, clock=clock)


def test_a_session_goes_on_from_the_one_before_for_applications() -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        first = (await watchword.logins.session(began, VISITOR)).credential
        with_app = first.changed(detail={**first.detail, APPS: {"cli_a": True}})
        assert await watchword.store.write(Swap(with_app))
        second = await watchword.logins.session(began, VISITOR, with_app)
        third = await watchword.logins.raised_session(raised(began, second.credential.id, NOW), VISITOR)
        assert not isinstance(third, Rejection)
        for each in (second.credential, third.credential):
            assert origin_of(each) == first.id
            assert each.detail[APPS] == {"cli_a": True}
        (left,) = await usable(watchword, began.who.subject, Kind.SESSION)
        assert left.id == third.credential.id
        ended = await watchword.store.credential(first.id)
        assert ended is not None
        assert (ended.replaced_by, ended.revoke_reason) == (second.credential.id, "logged in again")
        assert second.material["cookie"] != third.material["cookie"]

    within(play, clock=Clock(NOW))


def test_nothing_goes_on_from_anothers_session_or_one_that_is_over() -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        over = (await watchword.logins.session(began, VISITOR)).credential
        await watchword.lifecycle.revoke(over.id, reason="x", by="x")
        anothers = over.changed(id="ses_of_another", subject="user:another", lookup=b"x")
        assert await watchword.store.write(Add(anothers))
        for before in (over, anothers):
            issued = await watchword.logins.session(began, VISITOR, before)
            assert origin_of(issued.credential) == issued.credential.id
        kept = await watchword.store.credential("ses_of_another")
        assert kept is not None
        assert kept.revoked_at is None

    within(play, clock=Clock(NOW))


def test_a_hundred_logins_of_one_browser_leave_one_session_each_after_the_other(url: str) -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        first = (await watchword.logins.session(began, VISITOR)).credential
        await asyncio.gather(*(watchword.logins.session(began, VISITOR, first) for _ in range(20)))
        found = await watchword.store.credentials(kind=Kind.SESSION, subject=began.who.subject)
        assert sum(origin_of(each) == first.id and each.id != first.id for each in found) == 1

    within(play, url)


def test_a_raised_family_keeps_its_refresh_token() -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        family = await watchword.logins.family(began, VISITOR)
        raised_ = await watchword.logins.raised_family(raised(began, family.family.id, NOW + 1))
        assert not isinstance(raised_, Rejection)
        assert raised_.detail["factors"] == ["pwd", "otp", "mfa"]
        following = await watchword.families.redeem(family.token)
        assert not isinstance(following, Rejection), following
        assert following.family.detail["proved"]["otp"] == NOW + 1

    within(play, clock=Clock(NOW))


def test_what_has_ended_is_not_raised() -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        session = (await watchword.logins.session(began, VISITOR)).credential.id
        family = (await watchword.logins.family(began, VISITOR)).family.id
        for id in (session, family):
            await watchword.lifecycle.revoke(id, reason="test", by="test")
        assert isinstance(await watchword.logins.raised_session(raised(began, session, NOW), VISITOR), Rejection)
        assert isinstance(await watchword.logins.raised_family(raised(began, family, NOW)), Rejection)
        assert isinstance(await watchword.logins.raised_family(raised(began, session, NOW)), Rejection)

    within(play, clock=Clock(NOW))


@pytest.mark.usefixtures("unhurried")
def test_a_hundred_raisings_at_once_make_one_session(url: str) -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        old = (await watchword.logins.session(began, VISITOR)).credential.id
        step_up = watchword.logins.raised_session
        done = await asyncio.gather(*(step_up(raised(began, old, NOW + n), VISITOR) for n in range(100)))
        assert sum(not isinstance(each, Rejection) for each in done) == 1
        assert len(await usable(watchword, began.who.subject, Kind.SESSION)) == 1

    within(play, url)
