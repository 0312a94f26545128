"""What has been proven, what is due, and what follows: as a table, and over a store."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lifecycle.people.factors import Patience
from tests.lifecycle.people.house import Clock, person, within
from watchword.app import Watchword
from watchword.codec.otp import Totp
from watchword.lifecycle.people.ceremonies import (
    FIRST,
    SECOND,
    Ceremonies,
    Pending,
    Proven,
    Stage,
    following,
    proving_now,
)
from watchword.lifecycle.people.factors import SecondFactors
from watchword.lifecycle.people.logins import Visitor
from watchword.model.credential import Kind
from watchword.model.verdict import Principal, Rejection

FACTORS = sorted(FIRST | SECOND)
NOW = 1_800_000_000


# --- the table --------------------------------------------------------------------------------------------------------


def test_a_password_is_enough_only_where_nothing_else_is_there_or_asked_for() -> None:
    assert following(Stage.BEGUN, "pwd", has_factor=False) is Stage.DONE
    assert following(Stage.BEGUN, "pwd", has_factor=True) is Stage.SECOND_DUE
    assert following(Stage.BEGUN, "pwd", has_factor=True, required=True) is Stage.SECOND_DUE
    assert following(Stage.BEGUN, "pwd", has_factor=False, required=True) is Stage.ENROLMENT_DUE
    assert following(Stage.BEGUN, "fed", has_factor=True) is Stage.SECOND_DUE


def test_every_way_to_done_has_two_proofs_or_needs_one() -> None:
    """Walk every path: what is done without a second proof is a passkey, or somebody who has and needs none."""
    ways = itertools.product(FACTORS, (True, False), (True, False), (True, False))
    for factor, knew, has_factor, required in ways:
        verified = knew and factor == "webauthn"
        try:
            stands = following(Stage.BEGUN, factor, has_factor=has_factor, required=required, verified=verified)
        except ValueError:
            continue
        if stands is Stage.DONE:
            assert verified or (factor in FIRST and not has_factor and not required)


@pytest.mark.parametrize("stage", [Stage.SECOND_DUE, Stage.ENROLMENT_DUE])
@pytest.mark.parametrize("factor", sorted(FIRST))
def test_a_first_factor_twice_is_no_second_one(stage: Stage, factor: str) -> None:
    with pytest.raises(ValueError, match="not for a ceremony"):
        following(stage, factor, has_factor=True)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("verified", [True, False])
def test_what_is_done_is_done(factor: str, verified: bool) -> None:
    with pytest.raises(ValueError, match="not for a ceremony"):
        following(Stage.DONE, factor, has_factor=True, verified=verified)


@pytest.mark.parametrize("factor", sorted(SECOND))
def test_a_second_factor_alone_begins_nothing(factor: str) -> None:
    with pytest.raises(ValueError, match="not for a ceremony"):
        following(Stage.BEGUN, factor, has_factor=True)


# --- ages -------------------------------------------------------------------------------------------------------------


def test_mfa_is_as_old_as_the_older_half() -> None:
    assert proving_now({}, "pwd", 100) == {"pwd": 100}
    both = proving_now({"pwd": 100}, "otp", 200)
    assert both == {"pwd": 100, "otp": 200, "mfa": 100}
    assert proving_now(both, "otp", 900)["mfa"] == 100
    assert proving_now(both, "pwd", 900)["mfa"] == 200
    assert proving_now(both, "webauthn", 900, verified=True)["mfa"] == 900
    assert "mfa" not in proving_now({"otp": 1}, "recovery", 2), "two things one has are one kind"
    assert "mfa" not in proving_now({"pwd": 1}, "fed", 2)


@given(st.lists(st.tuples(st.sampled_from(FACTORS), st.booleans()), min_size=1, max_size=8))
def test_mfa_never_is_younger_than_what_makes_it(proofs: list[tuple[str, bool]]) -> None:
    proved: dict[str, int] = {}
    sure = 0
    for at, (factor, knew) in enumerate(proofs, 1):
        verified = knew and factor == "webauthn"
        sure = at if verified else sure
        proved = proving_now(proved, factor, at, verified=verified)
        first = max((proved.get(name, 0) for name in FIRST), default=0)
        second = max((proved.get(name, 0) for name in SECOND), default=0)
        assert proved.get("mfa", 0) <= max(sure, min(first, second))
        assert proved[factor] == at


# --- over a store -----------------------------------------------------------------------------------------------------


async def with_app(watchword: Watchword) -> tuple[Principal, Totp, str]:
    """Return somebody proven by password, who has an app; the code of the step before is used up."""
    me = await person(watchword, scopes=("orders:read",))
    draft = await watchword.factors.begin_totp(me)
    totp = Totp(draft.secret)
    step = int(watchword.clock()) // 30
    made = await watchword.factors.finish_totp(me, draft.handle, totp.code(step - 1), name="App", by=me)
    assert not isinstance(made, Rejection), made
    (password,) = await watchword.store.credentials(kind=Kind.PASSWORD, subject=me)
    return Principal(me, "login", password.id, password.scopes, ("pwd",)), totp, totp.code(step)


def test_a_login_from_the_first_proof_to_the_last() -> None:
    clock = Clock(NOW)

    async def play(watchword: Watchword) -> None:
        who, _, code = await with_app(watchword)
        pending = await watchword.ceremonies.begin(who, "pwd", browser="b", next="/x")
        assert isinstance(pending, Pending)
        assert (pending.stage, pending.factors) == (Stage.SECOND_DUE, ("otp",))
        clock.now += 20
        proven = await watchword.ceremonies.by_code(pending.handle, code, browser="b")
        assert isinstance(proven, Proven), proven
        assert proven.who.factors == ("pwd", "otp", "mfa")
        assert proven.proved == {"pwd": NOW, "otp": NOW + 20, "mfa": NOW}
        assert (proven.who.authenticated_at, proven.who.scopes, proven.next) == (NOW + 20, {"orders:read"}, "/x")

    within(play, clock=clock)


@pytest.mark.parametrize("how", ["late", "elsewhere", "taken", "disabled", "password", "wrong factor", "forged"])
def test_what_ends_a_ceremony(how: str) -> None:
    clock = Clock(NOW)

    async def play(watchword: Watchword) -> None:
        who, _, code = await with_app(watchword)
        pending = await watchword.ceremonies.begin(who, "pwd", browser="b")
        handle, browser = pending.handle, "b"
        if how == "late":
            clock.now += 601
        elif how == "elsewhere":
            browser = "another"
        elif how == "taken":
            assert isinstance(await watchword.ceremonies.by_code(handle, code, browser="b"), Proven)
        elif how == "disabled":
            await watchword.lifecycle.set_enabled(who.subject, False, by="test")
        elif how == "password":
            await watchword.lifecycle.revoke(who.credential, reason="test", by="test")
        elif how == "wrong factor":
            code = "abcd-efgh-jkmn-pqrs"
        else:
            handle = handle[:-1] + ("0" if handle[-1] != "0" else "1")
        assert isinstance(await watchword.ceremonies.by_code(handle, code, browser=browser), Rejection)

    within(play, clock=clock)


def test_wrong_tries_are_bounded_whatever_they_try() -> None:
    async def play(watchword: Watchword) -> None:
        who, _, code = await with_app(watchword)
        pending = await watchword.ceremonies.begin(who, "pwd")
        answers = [await watchword.ceremonies.by_passkey(pending.handle, "x", {}) for _ in range(11)]
        assert [each.reason.status for each in answers] == [401] * 10 + [429]
        refused = await watchword.ceremonies.by_code(pending.handle, code)
        assert isinstance(refused, Rejection)

    within(play, clock=Clock(NOW))


def test_a_hundred_right_answers_at_once_are_one_login(url: str) -> None:
    """Each has a proof of its own, so it is the ceremony alone that may be won once."""

    async def play(watchword: Watchword) -> None:
        who, _, _ = await with_app(watchword)
        pending = await watchword.ceremonies.begin(who, "pwd")
        finish = watchword.ceremonies._finish
        won = await asyncio.gather(*(finish(pending, "otp") for _ in range(100)))
        assert sum(isinstance(each, Proven) for each in won) == 1

    within(play, url)


def test_a_hundred_enrolments_at_once_are_one_app(url: str) -> None:
    """Each is in a ceremony of its own: whoever knows the password may begin as many as they like."""

    async def play(watchword: Watchword) -> None:
        me = await person(watchword)
        (password,) = await watchword.store.credentials(kind=Kind.PASSWORD, subject=me)
        who = Principal(me, "login", password.id, factors=("pwd",))
        proving = replace(watchword.ceremonies._proving, meter=Patience())
        ceremonies = Ceremonies(proving, SecondFactors(proving), required="required")

        async def one(number: int) -> object:
            pending = await ceremonies.begin(who, "pwd", browser=f"b{number}")
            draft = await watchword.factors.begin_totp(me)
            code = Totp(draft.secret).code(int(watchword.clock()) // 30)
            ready.append(number)
            while len(ready) < 100:
                await asyncio.sleep(0)
            return await ceremonies.by_enrolment(pending.handle, draft.handle, code, name="App", browser=f"b{number}")

        ready: list[int] = []
        done = await asyncio.gather(*(one(number) for number in range(100)))
        assert sum(isinstance(each, Proven) for each in done) == 1
        assert len(await watchword.store.credentials(kind=Kind.TOTP, subject=me)) == 1

    within(play, url)


def test_who_steps_up_is_asked_for_what_is_wanted_and_had() -> None:
    async def play(watchword: Watchword) -> None:
        who, _, _ = await with_app(watchword)
        session = await watchword.logins.session(
            Proven(who._replace(factors=("pwd",), authenticated_at=NOW), {"pwd": NOW}),
            Visitor("Browser/1", "192.0.2.1"),
        )
        here = who._replace(credential=session.credential.id, claims={"proved": {"pwd": NOW}})
        step_up = watchword.ceremonies.step_up
        assert (await step_up(here)).factors == ("otp", "pwd")
        assert (await step_up(here, ("otp",))).factors == ("otp",)
        assert (await step_up(here, ("mfa",))).factors == ("otp",)
        assert await step_up(here, ("webauthn",)) is None
        old_password = here._replace(claims={"proved": {"pwd": NOW - 900, "otp": NOW, "mfa": NOW - 900}})
        assert (await step_up(old_password, ("mfa",))).factors == ("pwd",)

    within(play, clock=Clock(NOW))
