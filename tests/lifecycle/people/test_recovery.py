"""Recovery codes: shown once, kept as keyed digests, each good for one use."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from tests.house import House, reason
from tests.lifecycle.people.factors import ALICE, BOB, app_of, passkey_of, patient, play, raced
from watchword import Rejection
from watchword.lifecycle.errors import LifecycleError
from watchword.model.credential import Credential, Kind


async def codes_of(opened: House, subject: str = ALICE) -> tuple[str, ...]:
    await app_of(opened, subject)
    return await opened.watchword.factors.new_recovery_codes(subject, by=subject)


def test_each_of_ten_codes_is_good_once(url: str) -> None:
    async def test(opened: House) -> None:
        codes = await codes_of(opened)
        factors = patient(opened)
        assert len(set(codes)) == 10
        for left, code in zip(range(9, -1, -1), codes, strict=True):
            used = await factors.verify_recovery(ALICE, code)
            assert isinstance(used, Credential)
            assert len(used.detail["codes"]) == left
            assert reason(await factors.verify_recovery(ALICE, code)) == "wrong_secret"
        kinds = [each.kind for each in await factors.enrolled(ALICE)]
        assert kinds == [Kind.TOTP]  # codes that are used up are no factor

    play(test, url)


def test_a_hundred_concurrent_uses_have_one_winner(url: str) -> None:
    async def test(opened: House) -> None:
        codes = await codes_of(opened)
        factors = patient(opened)
        outcomes = await raced(opened, lambda: factors.verify_recovery(ALICE, codes[3]))
        assert sum(isinstance(each, Credential) for each in outcomes) == 1
        assert {reason(each) for each in outcomes if isinstance(each, Rejection)} <= {"replayed", "wrong_secret"}
        (record,) = [each for each in await factors.enrolled(ALICE) if each.kind is Kind.RECOVERY]
        assert len(record.detail["codes"]) == 9

    play(test, url)


def test_two_codes_at_once_are_both_good(url: str) -> None:
    async def test(opened: House) -> None:
        codes = await codes_of(opened)
        factors = patient(opened)
        outcomes = await asyncio.gather(*(factors.verify_recovery(ALICE, code) for code in codes[:4]))
        assert all(isinstance(each, Credential) for each in outcomes)

    play(test, url)


def test_new_codes_void_the_old_ones() -> None:
    async def test(opened: House) -> None:
        old = await codes_of(opened)
        factors = patient(opened)
        new = await factors.new_recovery_codes(ALICE, by=ALICE)
        assert reason(await factors.verify_recovery(ALICE, old[0])) == "wrong_secret"
        assert isinstance(await factors.verify_recovery(ALICE, new[0]), Credential)
        held = await opened.watchword.store.credentials(kind=Kind.RECOVERY, subject=ALICE)
        assert len(held) == 1

    play(test)


@pytest.mark.usefixtures("unhurried")
def test_a_hundred_renewals_leave_one_set(url: str) -> None:
    async def test(opened: House) -> None:
        await app_of(opened)
        factors = patient(opened)

        async def renew() -> tuple[str, ...]:
            try:
                return await factors.new_recovery_codes(ALICE, by=ALICE)
            except LifecycleError:  # too many others at the same time
                return ()

        sets = [each for each in await raced(opened, renew) if each]
        good = [each for each in sets if isinstance(await factors.verify_recovery(ALICE, each[0]), Credential)]
        assert len(good) == 1
        held = await opened.watchword.store.credentials(kind=Kind.RECOVERY, subject=ALICE)
        assert len(held) == 1

    play(test, url)


def test_codes_are_their_owners() -> None:
    async def test(opened: House) -> None:
        alices = await codes_of(opened)
        await codes_of(opened, BOB)
        verify = patient(opened).verify_recovery
        assert reason(await verify(BOB, alices[0])) == "wrong_secret"
        assert reason(await verify("user:nobody", alices[0])) == "unknown_credential"

    play(test)


def test_codes_stand_in_for_a_factor_and_for_nothing_else() -> None:
    async def test(opened: House) -> None:
        factors = patient(opened)
        codes = await factors.new_recovery_codes(ALICE, by=ALICE)
        assert await factors.enrolled(ALICE) == ()
        assert reason(await factors.verify_recovery(ALICE, codes[0])) == "unknown_credential"
        await passkey_of(opened)
        assert isinstance(await factors.verify_recovery(ALICE, codes[0]), Credential)

    play(test)


@pytest.mark.parametrize("code", ["", "abcd", "x" * 17, "☃" * 16, "a" * 100_000])
def test_what_is_no_code(code: str) -> None:
    async def test(opened: House) -> None:
        await codes_of(opened)
        assert reason(await opened.watchword.factors.verify_recovery(ALICE, code)) == "malformed_credential"

    play(test)


def test_how_a_code_is_typed_does_not_matter() -> None:
    async def test(opened: House) -> None:
        codes = await codes_of(opened)
        typed = [codes[0].upper(), codes[1].replace("-", ""), f"  {codes[2].replace('-', ' ')} "]
        typed.append(codes[3].replace("0", "O").replace("1", "l"))
        for text in typed:
            assert isinstance(await patient(opened).verify_recovery(ALICE, text), Credential)

    play(test)


def test_the_store_holds_no_code_and_nothing_to_try_codes_on() -> None:
    """The digests are keyed with what the store does not have, and with whose they are."""

    async def test(opened: House) -> None:
        codes = await codes_of(opened)
        (record,) = await opened.watchword.store.credentials(kind=Kind.RECOVERY, subject=ALICE)
        plain = codes[0].replace("-", "")
        for text in (plain, codes[0], f"{ALICE}\n{plain}"):
            assert hashlib.sha256(text.encode()).hexdigest() not in record.detail["codes"]
        assert not any(code in repr(record) + repr(dict(record.detail)) for code in codes)
        assert len(set(record.detail["codes"])) == 10
        key = opened.watchword.sealer.derive("recovery-codes")
        import hmac

        assert hmac.digest(key, f"{ALICE}\n{plain}".encode(), "sha256").hex() in record.detail["codes"]

    play(test)


def test_guesses_are_bounded_and_do_not_use_up_those_of_the_app() -> None:
    async def test(opened: House) -> None:
        totp, _ = await app_of(opened)
        factors = opened.watchword.factors
        await factors.new_recovery_codes(ALICE, by=ALICE)
        outcomes = [reason(await factors.verify_recovery(ALICE, "0000-0000-0000-0000")) for _ in range(20)]
        assert (outcomes[:10], set(outcomes[10:])) == (["wrong_secret"] * 10, {"rate_limited"})
        code = totp.code(int(opened.clock.now) // 30)
        assert isinstance(await factors.verify_totp(ALICE, code), Credential)

    play(test)


def test_codes_taken_back_are_made_anew() -> None:
    async def test(opened: House) -> None:
        await codes_of(opened)
        factors = patient(opened)
        (old,) = [each for each in await factors.enrolled(ALICE) if each.kind is Kind.RECOVERY]
        await opened.watchword.lifecycle.revoke(old.id, reason="x", by="user:admin")
        codes = await factors.new_recovery_codes(ALICE, by=ALICE)
        used = await factors.verify_recovery(ALICE, codes[0])
        assert isinstance(used, Credential)
        assert used.id != old.id

    play(test)


def test_making_and_using_codes_is_audited() -> None:
    async def test(opened: House) -> None:
        codes = await codes_of(opened)
        await opened.watchword.factors.verify_recovery(ALICE, codes[0])
        await opened.watchword.factors.new_recovery_codes(ALICE, by="user:admin")
        told = [(each.action, each.actor) for each in await opened.events() if each.scheme == "recovery-codes"]
        assert told == [("issue", ALICE), ("prove", ALICE), ("rotate", "user:admin")]

    play(test)
