"""Authenticator apps: each code once, over any race; guesses bounded; enrolled only by showing a code."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.house import House, house, reason
from tests.lifecycle.people.factors import ALICE, BOB, ISSUER, app_of, patient, play, proving_of, raced
from watchword import Rejection
from watchword.codec.otp import Totp
from watchword.codec.secrets import SealingError, new_root_key
from watchword.lifecycle.errors import LifecycleError
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Rate


def step(opened: House) -> int:
    return int(opened.clock.now) // 30


def wrong(totp: Totp, opened: House) -> str:
    """Return a code that is none of the present ones."""
    good = {totp.code(step(opened) + late) for late in (-2, -1, 0, 1, 2)}
    return next(code for code in (f"{number:06d}" for number in range(10)) if code not in good)


def test_a_code_is_accepted_once(url: str) -> None:
    async def test(opened: House) -> None:
        totp, enrolled = await app_of(opened)
        verify = opened.watchword.factors.verify_totp
        code = totp.code(step(opened))
        used = await verify(ALICE, code)
        assert isinstance(used, Credential)
        assert (used.id, used.detail["step"], used.last_used_at) == (enrolled.id, step(opened), opened.clock.now)
        assert reason(await verify(ALICE, code)) == "replayed"
        opened.clock.now += 30  # still within the window, and still used
        assert reason(await verify(ALICE, code)) == "replayed"
        assert isinstance(await verify(ALICE, totp.code(step(opened))), Credential)
        assert reason(await verify(ALICE, wrong(totp, opened))) == "wrong_secret"

    play(test, url)


def test_a_hundred_concurrent_uses_have_one_winner(url: str) -> None:
    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        code, factors = totp.code(step(opened)), patient(opened)
        outcomes = await raced(opened, lambda: factors.verify_totp(ALICE, code))
        assert sum(isinstance(each, Credential) for each in outcomes) == 1
        assert {reason(each) for each in outcomes if isinstance(each, Rejection)} == {"replayed"}

    play(test, url)


def test_an_older_code_is_worth_nothing_after_a_newer_one() -> None:
    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        verify = opened.watchword.factors.verify_totp
        assert isinstance(await verify(ALICE, totp.code(step(opened) + 1)), Credential)
        for late in (-1, 0, 1):
            assert reason(await verify(ALICE, totp.code(step(opened) + late))) == "replayed"

    play(test)


def test_the_enrolment_code_proves_nothing_more() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.begin_totp(ALICE)
        code = Totp(draft.secret).code(step(opened))
        assert isinstance(await factors.finish_totp(ALICE, draft.handle, code, name="A", by=ALICE), Credential)
        assert reason(await factors.verify_totp(ALICE, code)) == "replayed"

    play(test)


def test_nobody_elses_code_counts() -> None:
    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        await app_of(opened, BOB)
        code = totp.code(step(opened))
        verify = opened.watchword.factors.verify_totp
        assert reason(await verify(BOB, code)) == "wrong_secret"
        assert reason(await verify("user:nobody", code)) == "unknown_credential"
        assert isinstance(await verify(ALICE, code), Credential)

    play(test)


def test_two_apps_of_one_person() -> None:
    async def test(opened: House) -> None:
        phone, first = await app_of(opened)
        tablet, second = await app_of(opened, name="Tablet")
        verify = opened.watchword.factors.verify_totp
        for totp, record in ((tablet, second), (phone, first)):
            used = await verify(ALICE, totp.code(step(opened)))
            assert isinstance(used, Credential)
            assert used.id == record.id
        assert reason(await verify(ALICE, tablet.code(step(opened)))) == "replayed"  # though the other's is wrong

    play(test)


@pytest.mark.parametrize("how", ["revoked", "disabled"])
def test_what_is_taken_back_proves_nothing(how: str) -> None:
    async def test(opened: House) -> None:
        totp, record = await app_of(opened)
        lifecycle = opened.watchword.lifecycle
        if how == "revoked":
            await lifecycle.revoke(record.id, reason="x", by="user:admin")
        else:
            await lifecycle.set_enabled(ALICE, False, by="user:admin")
        assert (
            reason(await opened.watchword.factors.verify_totp(ALICE, totp.code(step(opened)))) == "unknown_credential"
        )

    play(test)


# --- enrolment ------------------------------------------------------------------------------------------------------


def test_a_secret_is_no_factor_until_a_code_of_it_was_shown() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.begin_totp(ALICE)
        totp = Totp(draft.secret)
        assert await factors.enrolled(ALICE) == ()
        assert reason(await factors.verify_totp(ALICE, totp.code(step(opened)))) == "unknown_credential"
        refused = await factors.finish_totp(ALICE, draft.handle, wrong(totp, opened), name="A", by=ALICE)
        assert reason(refused) == "wrong_secret"
        again = await factors.drafted_totp(ALICE, draft.handle)
        assert again == draft  # a typing mistake does not cost the draft
        made = await factors.finish_totp(ALICE, draft.handle, totp.code(step(opened)), name=" My  phone ", by=ALICE)
        assert isinstance(made, Credential)
        assert (made.kind, made.subject, made.detail["name"]) == (Kind.TOTP, ALICE, "My phone")
        assert [each.id for each in await factors.enrolled(ALICE)] == [made.id]
        assert await factors.drafted_totp(ALICE, draft.handle) is None

    play(test)


def test_a_draft_makes_one_factor_over_a_race(url: str) -> None:
    async def test(opened: House) -> None:
        factors = patient(opened)
        draft = await factors.begin_totp(ALICE)
        code = Totp(draft.secret).code(step(opened))
        outcomes = await raced(opened, lambda: factors.finish_totp(ALICE, draft.handle, code, name="A", by=ALICE))
        assert sum(isinstance(each, Credential) for each in outcomes) == 1
        assert len(await factors.enrolled(ALICE)) == 1

    play(test, url)


def test_a_draft_is_its_owners_and_ends_after_ten_minutes() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.begin_totp(ALICE)
        code = Totp(draft.secret).code(step(opened))
        assert reason(await factors.finish_totp(BOB, draft.handle, code, name="A", by=BOB)) == "unknown_credential"
        assert await factors.drafted_totp(BOB, draft.handle) is None
        for handle in ("", "x", draft.handle[:-1], draft.handle + "x", "é"):
            assert reason(await factors.finish_totp(ALICE, handle, code, name="A", by=ALICE)) == "unknown_credential"
        opened.clock.now += 600
        late = Totp(draft.secret).code(step(opened))
        assert reason(await factors.finish_totp(ALICE, draft.handle, late, name="A", by=ALICE)) == "unknown_credential"

    play(test)


def test_at_most_three_apps() -> None:
    async def test(opened: House) -> None:
        for _ in range(3):
            await app_of(opened)
        with pytest.raises(LifecycleError, match="has 3"):
            await opened.watchword.factors.begin_totp(ALICE)

    play(test)


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\x00b", "a\u202eb"])
def test_what_is_no_name(name: str) -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.begin_totp(ALICE)
        code = Totp(draft.secret).code(step(opened))
        with pytest.raises(LifecycleError, match="no name"):
            await factors.finish_totp(ALICE, draft.handle, code, name=name, by=ALICE)

    play(test)


def test_who_does_not_exist_or_is_disabled_enrols_nothing() -> None:
    async def test(opened: House) -> None:
        with pytest.raises(LifecycleError, match="there is no"):
            await opened.watchword.factors.begin_totp("user:nobody")
        await opened.watchword.lifecycle.set_enabled(ALICE, False, by="x")
        with pytest.raises(LifecycleError, match="disabled"):
            await opened.watchword.factors.begin_totp(ALICE)

    play(test)


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_the_secret_is_sealed_for_its_row() -> None:
    async def test(opened: House) -> None:
        totp, record = await app_of(opened)
        _, other = await app_of(opened, BOB)
        assert totp.secret.encode() not in record.secret
        assert totp.secret not in repr(record)
        # the seal of one row does not open in another
        from watchword.model.records import Swap

        stolen = other.changed(secret=record.secret)
        assert await opened.watchword.store.write(Swap(stolen))
        with pytest.raises(SealingError):
            await opened.watchword.factors.verify_totp(BOB, totp.code(step(opened)))

    play(test)


def test_a_draft_is_sealed_and_found_by_a_digest() -> None:
    async def test(opened: House) -> None:
        draft = await opened.watchword.factors.begin_totp(ALICE)
        kept = repr(vars(opened.watchword.store))
        assert draft.secret not in kept
        assert draft.handle not in kept
        assert draft.secret not in repr(draft)

    play(test)


def test_another_root_key_reads_no_draft(url: str) -> None:
    async def test(opened: House) -> None:
        from dataclasses import replace

        from watchword.codec.secrets import Sealer
        from watchword.lifecycle.people.factors import SecondFactors

        draft = await opened.watchword.factors.begin_totp(ALICE)
        other = SecondFactors(replace(proving_of(opened), sealer=Sealer(new_root_key())))
        code = Totp(draft.secret).code(step(opened))
        assert reason(await other.finish_totp(ALICE, draft.handle, code, name="A", by=ALICE)) == "unknown_credential"

    play(test, url)


def test_enrolling_and_proving_are_audited() -> None:
    async def test(opened: House) -> None:
        totp, record = await app_of(opened)
        await opened.watchword.factors.verify_totp(ALICE, totp.code(step(opened)))
        told = [
            (each.action, each.outcome, each.actor) for each in await opened.events() if each.credential == record.id
        ]
        assert told == [("issue", "done", ALICE), ("prove", "done", ALICE)]

    play(test)


# --- guessing -------------------------------------------------------------------------------------------------------


class Counted:
    """Count what reaches the comparison, with a clock for the meter."""

    def __init__(self, opened: House) -> None:
        from watchword.lifecycle.people.factors import SecondFactors
        from watchword.stores.meter import MemoryMeter

        self.opened = opened
        self.factors = SecondFactors(proving_of(opened, MemoryMeter(opened.clock)))
        self.reached = 0

    async def guess(self, code: str) -> str:
        refused = reason(await self.factors.verify_totp(ALICE, code))
        self.reached += refused != "rate_limited"
        return refused


def test_guesses_are_bounded_whoever_makes_them() -> None:
    """Ten a minute, thirty an hour, a hundred a day: the chance of a guess stays far below one in a thousand a day."""

    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        counted = Counted(opened)
        outcomes = [await counted.guess(wrong(totp, opened)) for _ in range(50)]
        assert outcomes[:10] == ["wrong_secret"] * 10
        assert set(outcomes[10:]) == {"rate_limited"}
        within: dict[int, int] = {}
        for minute in range(1, 24 * 60):
            opened.clock.now += 60
            for _ in range(3):
                await counted.guess(wrong(totp, opened))
            within[minute // 60] = counted.reached
        assert within[0] <= 60  # GCRA: the burst, and what flows in meanwhile
        assert counted.reached <= 210
        assert counted.reached >= 100

    play(test)


def test_a_refusal_says_when_to_come_back() -> None:
    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        counted = Counted(opened)
        for _ in range(10):
            await counted.guess(wrong(totp, opened))
        refused = await counted.factors.verify_totp(ALICE, totp.code(step(opened)))
        assert isinstance(refused, Rejection)
        ((name, value),) = refused.headers
        assert (name, refused.reason.code) == (b"retry-after", "rate_limited")
        opened.clock.now += int(value)
        assert isinstance(await counted.factors.verify_totp(ALICE, totp.code(step(opened))), Credential)

    play(test)


def test_a_thousand_guesses_at_once_are_ten(url: str) -> None:
    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        code = wrong(totp, opened)
        factors = opened.watchword.factors
        outcomes = [reason(each) for each in await raced(opened, lambda: factors.verify_totp(ALICE, code))]
        assert outcomes.count("wrong_secret") <= 11  # one more flows in within six seconds
        assert outcomes.count("rate_limited") >= 89

    play(test, url)


def test_right_codes_are_not_wrong_ones() -> None:
    """Who logs in often is not slowed down for hours."""

    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        counted = Counted(opened)
        for _ in range(150):
            opened.clock.now += 30
            assert isinstance(await counted.factors.verify_totp(ALICE, totp.code(step(opened))), Credential)

    play(test)


def test_enrolment_is_guessed_as_slowly() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.begin_totp(ALICE)
        totp = Totp(draft.secret)
        outcomes = [
            reason(await factors.finish_totp(ALICE, draft.handle, wrong(totp, opened), name="A", by=ALICE))
            for _ in range(15)
        ]
        assert outcomes.count("wrong_secret") == 10

    play(test)


def test_bobs_guesser_does_not_slow_alice() -> None:
    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        bobs, _ = await app_of(opened, BOB)
        factors = opened.watchword.factors
        await asyncio.gather(*(factors.verify_totp(BOB, wrong(bobs, opened)) for _ in range(30)))
        assert isinstance(await factors.verify_totp(ALICE, totp.code(step(opened))), Credential)

    play(test)


def test_the_rates_are_those_that_are_stated() -> None:
    from watchword.lifecycle.people import proving

    assert (Rate(10, 60), (Rate(30, 3600), Rate(100, 86400))) == (proving._TRIED, proving._WRONG)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 70), st.integers(-3, 3)), max_size=12))
def test_accepted_steps_only_grow(shown: list[tuple[int, int]]) -> None:
    """Whatever is shown when: what is accepted is near the present, later than all before it, and nothing else is."""

    async def test(opened: House) -> None:
        totp, enrolled = await app_of(opened)
        factors, last = patient(opened), enrolled.detail["step"]
        for wait, late in shown:
            opened.clock.now += wait
            wanted = step(opened) + late
            outcome = await factors.verify_totp(ALICE, totp.code(wanted))
            accepted = isinstance(outcome, Credential)
            near = {now: totp.code(now) for now in range(step(opened) - 1, step(opened) + 2)}
            assert accepted is any(code == totp.code(wanted) and now > last for now, code in near.items())
            if isinstance(outcome, Credential):
                assert last < outcome.detail["step"] <= step(opened) + 1
                last = outcome.detail["step"]

    play(test)


# --- over processes --------------------------------------------------------------------------------------------------

RACER = """
import asyncio, sys
from tests.house import House, house
from tests.lifecycle.people.factors import ALICE, ISSUER, patient
from watchword import Rejection

url, key, now, code = sys.argv[1:]

async def main():
    async with house(url, root_key=key, issuer=ISSUER, clock=lambda: float(now), workers=None) as opened:
        print("ready", flush=True)
        sys.stdin.readline()
        factors = patient(opened)
        for _ in range(25):
            outcome = await factors.verify_totp(ALICE, code)
            print(outcome.reason.code if isinstance(outcome, Rejection) else "won", flush=True)

asyncio.run(main())
"""


@pytest.mark.processes
def test_four_processes_have_one_winner(tmp_path: Path) -> None:
    url, key = f"sqlite:///{tmp_path}/watchword.db", new_root_key()

    async def enrol() -> tuple[str, float]:
        async with house(url, root_key=key, issuer=ISSUER) as opened:
            await opened.watchword.lifecycle.add_subject(ALICE, by="user:admin")
            totp, _ = await app_of(opened)
            return totp.code(step(opened)), opened.clock.now

    code, now = asyncio.run(enrol())
    words = [sys.executable, "-c", RACER, url, key, str(now), code]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": Path(__file__).parents[3]}
    racers = [subprocess.Popen(words, **pipes) for _ in range(4)]
    try:
        for each in racers:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in racers:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        outcomes = [word for each in racers for word in each.communicate(timeout=30)[0].split()]
    finally:
        for each in racers:
            each.kill()
            each.communicate()
    assert len(outcomes) == 100
    assert outcomes.count("won") == 1
    assert set(outcomes) == {"won", "replayed"}
