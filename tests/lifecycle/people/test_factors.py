"""What people have beside a password: kept, renamed, removed, and taken back by the operator when it is lost."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from tests.house import House, accepted, bearing, reason
from tests.lifecycle.people.factors import ALICE, BOB, app_of, passkey_of, patient, play, raced
from watchword import Principal, Rejection
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.factors import FACTORS
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Unavailable


async def kinds(opened: House, subject: str = ALICE) -> list[str]:
    return [each.kind.value for each in await opened.watchword.factors.enrolled(subject)]


def test_the_names_of_factors_are_those_of_rfc_8176_where_it_has_one() -> None:
    assert FACTORS == {Kind.TOTP: "otp", Kind.PASSKEY: "webauthn", Kind.RECOVERY: "recovery"}


def test_what_is_enrolled(url: str) -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        assert await factors.enrolled(ALICE) == ()
        assert await factors.enrolled("user:nobody") == ()
        await factors.new_recovery_codes(ALICE, by=ALICE)
        assert await factors.enrolled(ALICE) == ()  # codes stand in for something
        _, app = await app_of(opened)
        await passkey_of(opened)
        await passkey_of(opened, BOB)
        assert await kinds(opened) == ["totp", "passkey", "recovery-codes"]
        await opened.watchword.lifecycle.revoke(app.id, reason="x", by="user:admin")
        assert await kinds(opened) == ["passkey", "recovery-codes"]
        await opened.watchword.lifecycle.set_enabled(ALICE, False, by="user:admin")
        assert await kinds(opened) == []
        assert await kinds(opened, BOB) == ["passkey"]

    play(test, url)


# --- rename ---------------------------------------------------------------------------------------------------------


def test_a_factor_is_renamed() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        authenticator, record = await passkey_of(opened, name="Key")
        renamed = await factors.rename(record.id, " Blue   key ", by=ALICE, subject=ALICE)
        assert renamed.detail["name"] == "Blue key"
        assert {**renamed.detail, "name": "Key"} == record.detail
        draft = await factors.passkey_challenge(ALICE)
        assert not isinstance(
            await factors.verify_passkey(draft.handle, authenticator.get(draft.options), subject=ALICE), Rejection
        )
        (event,) = [each for each in await opened.events() if each.action == "rename"]
        assert (event.actor, event.credential, event.detail) == (ALICE, record.id, "to Blue key")

    play(test)


def test_nobody_renames_or_removes_what_is_anothers() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        _, record = await app_of(opened)
        key = await opened.issue(Kind.API_KEY, ALICE)
        for id, subject in ((record.id, BOB), (key.credential.id, ALICE), ("otp_none", ALICE), ("", ALICE)):
            with pytest.raises(LifecycleError, match="there is no factor"):
                await factors.rename(id, "Mine", by=BOB, subject=subject)
            with pytest.raises(LifecycleError, match="there is no factor"):
                await factors.remove(id, by=BOB, subject=subject)
        assert await kinds(opened) == ["totp"]
        assert (await opened.watchword.lifecycle.show(key.credential.id)).revoked_at is None

    play(test)


def test_renaming_and_using_at_once_lose_nothing(url: str) -> None:
    async def test(opened: House) -> None:
        factors = patient(opened)
        totp, record = await app_of(opened)
        step = int(opened.clock.now) // 30
        used, *_ = await asyncio.gather(
            factors.verify_totp(ALICE, totp.code(step)),
            *(factors.rename(record.id, f"N{n}", by=ALICE) for n in range(3)),
        )
        assert isinstance(used, Credential)
        now = await opened.watchword.lifecycle.show(record.id)
        assert now.detail["step"] == step
        assert now.detail["name"].startswith("N")

    play(test, url)


# --- remove ---------------------------------------------------------------------------------------------------------


def test_with_the_last_factor_the_recovery_codes_go(url: str) -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        _, app = await app_of(opened)
        _, key = await passkey_of(opened)
        codes = await factors.new_recovery_codes(ALICE, by=ALICE)
        await factors.remove(app.id, by=ALICE, subject=ALICE)
        assert await kinds(opened) == ["passkey", "recovery-codes"]
        await factors.remove(key.id, by=ALICE, subject=ALICE)
        assert await kinds(opened) == []
        (record,) = await opened.watchword.store.credentials(kind=Kind.RECOVERY, subject=ALICE)
        assert record.state(opened.clock.now) is State.REVOKED
        assert record.revoke_reason == f"{key.id} was the last factor"
        assert reason(await factors.verify_recovery(ALICE, codes[0])) == "unknown_credential"
        await app_of(opened)  # and an app enrolled later does not wake them
        assert await kinds(opened) == ["totp"]
        told = [each.action for each in await opened.events() if each.credential in (app.id, key.id, record.id)]
        assert told.count("revoke") == 3

    play(test, url)


def test_recovery_codes_are_removed_alone() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        await app_of(opened)
        await factors.new_recovery_codes(ALICE, by=ALICE)
        (codes,) = [each for each in await factors.enrolled(ALICE) if each.kind is Kind.RECOVERY]
        await factors.remove(codes.id, by=ALICE, reason="I lost the sheet")
        assert await kinds(opened) == ["totp"]
        assert (await opened.watchword.lifecycle.show(codes.id)).revoke_reason == "I lost the sheet"

    play(test)


def test_a_factor_is_removed_once() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        _, record = await app_of(opened)
        await factors.remove(record.id, by=ALICE)
        with pytest.raises(LifecycleError, match="was removed"):
            await factors.remove(record.id, by=ALICE)
        with pytest.raises(LifecycleError, match="was removed"):
            await factors.rename(record.id, "X", by=ALICE)

    play(test)


def test_a_race_of_removal_and_use_leaves_it_removed(url: str) -> None:
    async def test(opened: House) -> None:
        factors = patient(opened)
        totp, record = await app_of(opened)
        code = totp.code(int(opened.clock.now) // 30)
        await asyncio.gather(factors.verify_totp(ALICE, code), factors.remove(record.id, by=ALICE))
        assert await kinds(opened) == []

    play(test, url)


# --- the operator's path ---------------------------------------------------------------------------------------------


def test_a_reset_takes_back_all_factors_and_ends_every_login(url: str) -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        _, app = await app_of(opened)
        _, key = await passkey_of(opened)
        await watchword.factors.new_recovery_codes(ALICE, by=ALICE)
        session = await opened.issue(Kind.SESSION, ALICE)
        password = await opened.issue(Kind.PASSWORD, ALICE, options={"password": "correct horse battery"})
        family = await watchword.families.start(Principal(ALICE, "login", password.credential.id), by=ALICE)
        token = b"Bearer " + watchword.tokens.for_family(family.family).text.encode()
        opened.clock.now += 1
        accepted(await opened.decide("jwt", bearing(token)))
        _, bobs = await app_of(opened, BOB)
        removed = await watchword.factors.reset(ALICE, by="user:admin", reason="phone stolen, seen in person")
        assert {each.kind.value for each in removed} == {"totp", "passkey", "recovery-codes"}
        assert await kinds(opened) == []
        show, now = watchword.lifecycle.show, opened.clock.now
        for id in (app.id, key.id, session.credential.id, family.family.id):
            assert (await show(id)).state(now) is State.REVOKED, id
        assert (await show(app.id)).revoke_reason == "phone stolen, seen in person"
        assert (await show(password.credential.id)).state(now) is State.ACTIVE
        assert (await show(bobs.id)).state(now) is State.ACTIVE
        assert reason(await watchword.families.redeem(family.token)) == "revoked"
        assert reason(await opened.decide("jwt", bearing(token))) == "revoked"
        (event,) = [each for each in await opened.events() if each.action == "reset-factors"]
        assert (event.actor, event.subject, event.detail) == ("user:admin", ALICE, "phone stolen, seen in person")

    play(test, url)


def test_a_reset_of_who_has_nothing_is_audited_too() -> None:
    async def test(opened: House) -> None:
        assert await opened.watchword.factors.reset(ALICE, by="user:admin", reason="x") == ()
        assert [each.subject for each in await opened.events() if each.action == "reset-factors"] == [ALICE]
        with pytest.raises(LifecycleError, match="there is no"):
            await opened.watchword.factors.reset("user:alise", by="user:admin", reason="x")

    play(test)


def test_resets_at_once_leave_nothing(url: str) -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        await app_of(opened)

        async def reset() -> int:
            try:
                return len(await factors.reset(ALICE, by="user:admin", reason="x"))
            except (LifecycleError, Unavailable):  # it kept changing under this one, or the machine is too slow for all
                return 0

        assert sum(await raced(opened, reset)) == 1
        assert await kinds(opened) == []

    play(test, url)


# --- what lifecycle has for all kinds --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(FACTORS))
def test_a_factor_is_not_issued_from_outside(kind: Kind) -> None:
    async def test(opened: House) -> None:
        with pytest.raises(LifecycleError, match="neither issued nor rotated"):
            await opened.watchword.lifecycle.issue(kind, ALICE, by="user:admin")

    play(test)


def test_factors_are_listed_and_shown_as_everything_is() -> None:
    async def test(opened: House) -> None:
        totp, app = await app_of(opened)
        _, key = await passkey_of(opened)
        lifecycle = opened.watchword.lifecycle
        assert {each.id for each in await lifecycle.page(subject=ALICE)} == {app.id, key.id}
        assert [each.id for each in await lifecycle.page(kind=Kind.TOTP)] == [app.id]
        assert totp.secret not in repr(await lifecycle.show(app.id))

    play(test)


def test_no_secret_of_a_factor_is_in_the_files_of_the_store(tmp_path: Path) -> None:
    """Nor in any event: neither in plain, nor in base64, nor in hexadecimal."""
    secrets: list[str] = []

    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        totp, _ = await app_of(opened)
        draft = await factors.begin_totp(ALICE)  # one that is not finished
        codes = await factors.new_recovery_codes(ALICE, by=ALICE)
        await factors.verify_recovery(ALICE, codes[0])
        await factors.verify_recovery(ALICE, "0123-4567-89ab-cdef")
        authenticator, _ = await passkey_of(opened)
        challenge = await factors.passkey_challenge(ALICE)
        await factors.verify_passkey(challenge.handle, authenticator.get(challenge.options), subject=ALICE)
        await factors.reset(ALICE, by="user:admin", reason="x")
        secrets.extend([totp.secret, draft.secret, draft.handle, challenge.handle, *codes])
        secrets.extend(code.replace("-", "") for code in codes)
        told = repr(await opened.events())
        assert not [each for each in secrets if each in told]

    play(test, f"sqlite:///{tmp_path}/watchword.db")
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(kept) > 10_000
    for secret in secrets:
        raw = secret.encode()
        seed = base64.b32decode(secret) if len(secret) == 32 and secret.isupper() else raw
        for form in (raw, seed, base64.b64encode(raw).rstrip(b"="), seed.hex().encode()):
            assert form not in kept
