"""What a login begins, and what a step-up makes of it."""

from __future__ import annotations

import asyncio

from tests.lifecycle.people.house import Clock, person, usable, within
from watchword.app import Watchword
from watchword.lifecycle.people.ceremonies import Proven
from watchword.lifecycle.people.logins import Visitor
from watchword.model.credential import Kind
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


def test_a_hundred_raisings_at_once_make_one_session(url: str) -> None:
    async def play(watchword: Watchword) -> None:
        began = await proven(watchword)
        old = (await watchword.logins.session(began, VISITOR)).credential.id
        step_up = watchword.logins.raised_session
        done = await asyncio.gather(*(step_up(raised(began, old, NOW + n), VISITOR) for n in range(100)))
        assert sum(not isinstance(each, Rejection) for each in done) == 1
        assert len(await usable(watchword, began.who.subject, Kind.SESSION)) == 1

    within(play, url)
