"""Passkeys: challenges that are spent, bound and of one purpose; keys that belong to one; copies that are noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.authenticator import AT, BE, UP, UV, Authenticator, b64, raw
from tests.house import House, reason
from tests.lifecycle.people.factors import ALICE, BOB, ISSUER, passkey_of, play, proving_of, raced
from watchword import Rejection
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.factors import PasskeyProof
from watchword.model.credential import Credential, Kind


async def proof(
    opened: House, authenticator: Authenticator, asked: str | None = ALICE, given: str | None = "", **wrong: Any
) -> PasskeyProof | Rejection:
    """Ask ``asked`` for a passkey and verify the answer as ``given``'s (by default the same)."""
    factors = opened.watchword.factors
    draft = await factors.passkey_challenge(asked)
    response = authenticator.get(draft.options, **wrong)
    return await factors.verify_passkey(draft.handle, response, subject=asked if given == "" else given)


def test_a_passkey_proves_its_owner(url: str) -> None:
    async def test(opened: House) -> None:
        authenticator, enrolled = await passkey_of(opened)
        opened.clock.now += 100
        for asked in (ALICE, None):
            proved = await proof(opened, authenticator, asked)
            assert isinstance(proved, PasskeyProof), proved
            assert (proved.subject, proved.user_verified, proved.credential.id) == (ALICE, True, enrolled.id)
            assert proved.credential.last_used_at == opened.clock.now
        assert proved.credential.detail["sign_count"] == 2

    play(test, url)


def test_what_the_browser_is_asked() -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        factors = opened.watchword.factors
        creating = (await factors.begin_passkey(ALICE)).options
        known = {"type": "public-key", "id": b64(authenticator.passkeys[0].id), "transports": ["hybrid", "internal"]}
        assert creating["excludeCredentials"] == [known]
        assert creating["rp"] == {"id": "id.example", "name": "Watchword"}
        assert creating["authenticatorSelection"]["residentKey"] == "required"
        assert creating["attestation"] == "none"
        assert [each["alg"] for each in creating["pubKeyCredParams"]] == [-7, -8, -257]
        user = raw(creating["user"]["id"])
        assert len(user) == 32
        assert b"alice" not in user
        other = (await factors.begin_passkey(BOB)).options
        assert raw(other["user"]["id"]) != user
        assert other["excludeCredentials"] == []
        asked = (await factors.passkey_challenge(ALICE)).options
        assert (asked["allowCredentials"], asked["userVerification"]) == ([known], "preferred")
        anyone = (await factors.passkey_challenge(None)).options
        assert (anyone["allowCredentials"], anyone["userVerification"]) == ([], "required")
        assert len({each["challenge"] for each in (creating, other, asked, anyone)}) == 4
        assert len(raw(asked["challenge"])) == 32

    play(test)


def test_a_hundred_concurrent_uses_of_one_challenge_have_one_winner(url: str) -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened, authenticator=Authenticator(ISSUER, counts=False))
        factors = opened.watchword.factors
        draft = await factors.passkey_challenge(ALICE)
        response = authenticator.get(draft.options)
        outcomes = await raced(opened, lambda: factors.verify_passkey(draft.handle, response, subject=ALICE))
        assert sum(isinstance(each, PasskeyProof) for each in outcomes) == 1
        assert {reason(each) for each in outcomes if isinstance(each, Rejection)} == {"unknown_credential"}

    play(test, url)


def test_a_hundred_concurrent_registrations_of_one_challenge_have_one_winner(url: str) -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.begin_passkey(ALICE)
        response = Authenticator(ISSUER).create(draft.options)
        outcomes = await raced(
            opened, lambda: factors.finish_passkey(ALICE, draft.handle, response, name="K", by=ALICE)
        )
        assert sum(isinstance(each, Credential) for each in outcomes) == 1

    play(test, url)


# --- attacks --------------------------------------------------------------------------------------------------------


def test_cve_2022_42731_a_challenge_is_spent_by_its_use() -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        factors = opened.watchword.factors
        draft = await factors.passkey_challenge(ALICE)
        response = authenticator.get(draft.options)
        assert isinstance(await factors.verify_passkey(draft.handle, response, subject=ALICE), PasskeyProof)
        assert reason(await factors.verify_passkey(draft.handle, response, subject=ALICE)) == "unknown_credential"

    play(test)


def test_cve_2022_42731_a_registration_is_not_replayed() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.begin_passkey(ALICE)
        response = Authenticator(ISSUER).create(draft.options)
        first = await factors.finish_passkey(ALICE, draft.handle, response, name="K", by=ALICE)
        assert isinstance(first, Credential)
        again = await factors.finish_passkey(ALICE, draft.handle, response, name="K", by=ALICE)
        assert reason(again) == "unknown_credential"
        other = await factors.begin_passkey(ALICE)  # nor under a challenge of its own
        assert reason(await factors.finish_passkey(ALICE, other.handle, response, name="K", by=ALICE)) == "replayed"

    play(test)


def test_cve_2022_42731_a_challenge_for_one_ceremony_is_none_for_the_other() -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        factors = opened.watchword.factors
        creating, asking = await factors.begin_passkey(ALICE), await factors.passkey_challenge(ALICE)
        shown = {**asking.options, "challenge": creating.options["challenge"]}
        response = authenticator.get(shown)
        assert reason(await factors.verify_passkey(creating.handle, response, subject=ALICE)) == "unknown_credential"
        assert reason(await factors.verify_passkey(asking.handle, response, subject=ALICE)) == "replayed"
        made = Authenticator(ISSUER).create({**creating.options, "challenge": asking.options["challenge"]})
        for handle in (asking.handle, creating.handle):
            assert isinstance(await factors.finish_passkey(ALICE, handle, made, name="K", by=ALICE), Rejection)

    play(test)


def test_a_failed_answer_spends_the_challenge() -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        factors = opened.watchword.factors
        draft = await factors.passkey_challenge(ALICE)
        good = authenticator.get(draft.options)
        bad = {**good, "response": {**good["response"], "signature": b64(b"no")}}
        assert reason(await factors.verify_passkey(draft.handle, bad, subject=ALICE)) == "bad_signature"
        assert reason(await factors.verify_passkey(draft.handle, good, subject=ALICE)) == "unknown_credential"

    play(test)


def test_a_challenge_ends_after_five_minutes() -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        factors = opened.watchword.factors
        for wait, accepted in ((299, True), (300, False)):
            draft = await factors.passkey_challenge(ALICE)
            opened.clock.now += wait
            answer = await factors.verify_passkey(draft.handle, authenticator.get(draft.options), subject=ALICE)
            assert isinstance(answer, PasskeyProof) is accepted

    play(test)


def test_a_challenge_is_bound_to_whom_it_was_made_for() -> None:
    async def test(opened: House) -> None:
        alices, _ = await passkey_of(opened)
        bobs, _ = await passkey_of(opened, BOB)
        assert reason(await proof(opened, alices, BOB, passkey=alices.passkeys[0])) == "subject_mismatch"
        assert reason(await proof(opened, alices, ALICE, BOB)) == "subject_mismatch"
        assert reason(await proof(opened, alices, None, ALICE)) == "subject_mismatch"  # made for nobody
        assert reason(await proof(opened, bobs, ALICE, None, passkey=bobs.passkeys[0])) == "subject_mismatch"
        assert isinstance(await proof(opened, bobs, BOB), PasskeyProof)

    play(test)


def test_a_registration_is_bound_to_whom_it_was_begun_for() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.begin_passkey(ALICE)
        response = Authenticator(ISSUER).create(draft.options)
        assert reason(await factors.finish_passkey(BOB, draft.handle, response, name="K", by=BOB)) == "subject_mismatch"
        assert await factors.enrolled(BOB) == ()

    play(test)


def test_a_user_handle_must_be_the_owners() -> None:
    """CVE-2025-26788's kind: the passkey of one account presented as another's."""

    async def test(opened: House) -> None:
        alices, _ = await passkey_of(opened)
        bobs, _ = await passkey_of(opened, BOB)
        theirs = bobs.passkeys[0].user
        assert reason(await proof(opened, alices, None, user=theirs)) == "subject_mismatch"
        assert reason(await proof(opened, alices, ALICE, user=theirs)) == "subject_mismatch"
        assert reason(await proof(opened, alices, None, user=None)) == "subject_mismatch"  # it must say whom it means
        assert isinstance(await proof(opened, alices, ALICE, user=None), PasskeyProof)

    play(test)


def test_alone_a_passkey_must_know_its_user() -> None:
    async def test(opened: House) -> None:
        lax, _ = await passkey_of(opened, authenticator=Authenticator(ISSUER, verifies=False))
        second = await proof(opened, lax, ALICE)
        assert isinstance(second, PasskeyProof)
        assert second.user_verified is False
        assert reason(await proof(opened, lax, None)) == "bad_signature"

    play(test)


def test_an_id_is_registered_once(url: str) -> None:
    async def test(opened: House) -> None:
        mallory = Authenticator(ISSUER)
        authenticator, _ = await passkey_of(opened)
        factors = opened.watchword.factors
        draft = await factors.begin_passkey(BOB)
        response = mallory.create(draft.options, id=authenticator.passkeys[0].id)
        assert reason(await factors.finish_passkey(BOB, draft.handle, response, name="K", by=BOB)) == "replayed"
        proved = await proof(opened, authenticator, None)
        assert isinstance(proved, PasskeyProof)
        assert proved.subject == ALICE

    play(test, url)


@pytest.mark.parametrize("count", [0, 3, 5])
def test_a_count_that_goes_back_may_be_a_copy(count: int) -> None:
    async def test(opened: House) -> None:
        authenticator, record = await passkey_of(opened)
        assert isinstance(await proof(opened, authenticator, count=5), PasskeyProof)
        assert reason(await proof(opened, authenticator, count=count)) == "replayed"
        assert isinstance(await proof(opened, authenticator, count=6), PasskeyProof)
        (event,) = [each for each in await opened.events() if each.outcome == "refused"]
        assert (event.action, event.reason, event.credential) == ("prove", "replayed", record.id)
        assert event.detail == f"sign count {count} after 5: it may have been copied"

    play(test)


def test_a_passkey_that_does_not_count() -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened, authenticator=Authenticator(ISSUER, counts=False, synced=True))
        for _ in range(3):
            assert isinstance(await proof(opened, authenticator), PasskeyProof)

    play(test)


def test_two_uses_of_one_passkey_at_once_are_both_good_where_it_does_not_count(url: str) -> None:
    async def test(opened: House) -> None:
        import asyncio

        authenticator, _ = await passkey_of(opened, authenticator=Authenticator(ISSUER, counts=False))
        outcomes = await asyncio.gather(*(proof(opened, authenticator) for _ in range(4)))
        assert all(isinstance(each, PasskeyProof) for each in outcomes)

    play(test, url)


def test_backup_eligibility_never_changes() -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        assert reason(await proof(opened, authenticator, flags=UP | UV | BE)) == "bad_claims"
        assert isinstance(await proof(opened, authenticator), PasskeyProof)

    play(test)


def test_whether_it_is_backed_up_is_kept() -> None:
    async def test(opened: House) -> None:
        authenticator, record = await passkey_of(opened, authenticator=Authenticator(ISSUER, synced=True))
        assert record.detail["backed_up"] is True
        proved = await proof(opened, authenticator, flags=UP | UV | BE)
        assert isinstance(proved, PasskeyProof)
        assert proved.credential.detail["backed_up"] is False

    play(test)


@pytest.mark.parametrize("how", ["removed", "revoked", "disabled"])
def test_what_is_taken_back_proves_nothing(how: str) -> None:
    async def test(opened: House) -> None:
        authenticator, record = await passkey_of(opened)
        watchword = opened.watchword
        draft = await watchword.factors.passkey_challenge(ALICE)  # a ceremony that is under way
        response = authenticator.get(draft.options)
        if how == "removed":
            await watchword.factors.remove(record.id, by=ALICE)
        elif how == "revoked":
            await watchword.lifecycle.revoke(record.id, reason="lost", by="user:admin")
        else:
            await watchword.lifecycle.set_enabled(ALICE, False, by="user:admin")
        refused = await watchword.factors.verify_passkey(draft.handle, response, subject=ALICE)
        assert reason(refused) == ("subject_disabled" if how == "disabled" else "revoked")
        assert (await watchword.factors.passkey_challenge(ALICE)).options["allowCredentials"] == []

    play(test)


def test_an_unknown_passkey() -> None:
    async def test(opened: House) -> None:
        stranger = Authenticator(ISSUER)
        stranger.create((await opened.watchword.factors.begin_passkey(ALICE)).options)  # and never sent
        assert reason(await proof(opened, stranger, None)) == "unknown_credential"
        await passkey_of(opened)
        draft = await opened.watchword.factors.passkey_challenge(None)
        response = stranger.get(draft.options)
        assert reason(await opened.watchword.factors.verify_passkey(draft.handle, response)) == "unknown_credential"

    play(test)


def test_a_credential_of_another_kind_is_no_passkey() -> None:
    """Whatever a look-up digest finds, it must be a passkey."""

    async def test(opened: House) -> None:
        from watchword.codec.secrets import digest
        from watchword.model.records import Add

        authenticator = Authenticator(ISSUER)
        authenticator.create((await opened.watchword.factors.begin_passkey(ALICE)).options)
        lookup = digest(b"passkey:" + authenticator.passkeys[0].id)
        key = Credential("key_x", Kind.API_KEY, ALICE, 1, lookup=lookup)
        assert await opened.watchword.store.write(Add(key))
        assert reason(await proof(opened, authenticator, None)) == "unknown_credential"

    play(test)


@pytest.mark.parametrize("response", [{}, {"response": None}, {"response": {}}, {"id": 5}, [], None, "x", {"type": []}])
def test_garbage_is_refused(response: Any) -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        draft = await factors.passkey_challenge(None)
        assert reason(await factors.verify_passkey(draft.handle, response)) == "malformed_credential"
        creating = await factors.begin_passkey(ALICE)
        refused = await factors.finish_passkey(ALICE, creating.handle, response, name="K", by=ALICE)
        assert reason(refused) == "malformed_credential"

    play(test)


@pytest.mark.parametrize("handle", ["", "x", "wd_" + "0" * 36, "é" * 39, "wd_" + "x" * 100_000])
def test_what_is_no_handle(handle: str) -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        factors = opened.watchword.factors
        response = authenticator.get((await factors.passkey_challenge(ALICE)).options)
        assert reason(await factors.verify_passkey(handle, response)) == "unknown_credential"
        refused = await factors.finish_passkey(ALICE, handle, response, name="K", by=ALICE)
        assert reason(refused) == "unknown_credential"

    play(test)


# --- several, and where -----------------------------------------------------------------------------------------------


def test_several_passkeys_of_one_person() -> None:
    async def test(opened: House) -> None:
        held = [await passkey_of(opened, name=f"Key {number}") for number in range(3)]
        for authenticator, record in held:
            proved = await proof(opened, authenticator)
            assert isinstance(proved, PasskeyProof)
            assert proved.credential.id == record.id
        names = [each.detail["name"] for each in await opened.watchword.factors.enrolled(ALICE)]
        assert sorted(names) == ["Key 0", "Key 1", "Key 2"]

    play(test)


def test_an_authenticator_is_not_registered_twice_by_accident() -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        draft = await opened.watchword.factors.begin_passkey(ALICE)
        with pytest.raises(LookupError):
            authenticator.create(draft.options)

    play(test)


def test_at_most_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    from watchword.lifecycle.people import passkeys

    assert passkeys._MOST == 20
    monkeypatch.setattr(passkeys, "_MOST", 2)

    async def test(opened: House) -> None:
        drafts = [await opened.watchword.factors.begin_passkey(ALICE) for _ in range(3)]
        for draft in drafts[:2]:
            response = Authenticator(ISSUER).create(draft.options)
            await opened.watchword.factors.finish_passkey(ALICE, draft.handle, response, name="K", by=ALICE)
        with pytest.raises(LifecycleError, match="has 2"):
            await opened.watchword.factors.begin_passkey(ALICE)
        response = Authenticator(ISSUER).create(drafts[2].options)
        with pytest.raises(LifecycleError, match="has 2"):  # nor one that was begun before
            await opened.watchword.factors.finish_passkey(ALICE, drafts[2].handle, response, name="K", by=ALICE)

    play(test)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://id.example", "https://id.example:444"])
def test_a_page_elsewhere_gets_nothing(origin: str) -> None:
    async def test(opened: House) -> None:
        authenticator, _ = await passkey_of(opened)
        authenticator.origin = origin
        assert reason(await proof(opened, authenticator)) == "wrong_audience"
        factors = opened.watchword.factors
        draft = await factors.begin_passkey(ALICE)
        response = Authenticator(origin).create(draft.options)
        assert (
            reason(await factors.finish_passkey(ALICE, draft.handle, response, name="K", by=ALICE)) == "wrong_audience"
        )

    play(test)


def test_no_passkeys_for_an_address() -> None:
    async def test(opened: House) -> None:
        from dataclasses import replace

        from watchword.codec.webauthn import Site
        from watchword.lifecycle.people.factors import SecondFactors

        local = SecondFactors(replace(proving_of(opened), site=Site.of("http://127.0.0.1:8000")))
        assert opened.watchword.factors.passkeys_possible
        assert not local.passkeys_possible
        with pytest.raises(LifecycleError, match="no passkeys for the address"):
            await local.begin_passkey(ALICE)

    play(test)


def test_a_bad_attestation_is_refused() -> None:
    async def test(opened: House) -> None:
        factors = opened.watchword.factors
        for attestation in ("packed", "packed-x5c"):
            draft = await factors.begin_passkey(ALICE)
            statement = {"alg": -7, "sig": b"\x30\x06\x02\x01\x01\x02\x01\x01"}
            response = Authenticator(ISSUER).create(draft.options, attestation=attestation, statement=statement)
            refused = await factors.finish_passkey(ALICE, draft.handle, response, name="K", by=ALICE)
            assert reason(refused) == "bad_signature"

    play(test)


def test_what_is_kept_of_a_passkey() -> None:
    async def test(opened: House) -> None:
        authenticator, record = await passkey_of(opened, attestation="packed")
        detail: Mapping[str, Any] = record.detail
        assert raw(detail["credential_id"]) == authenticator.passkeys[0].id
        assert raw(detail["public_key"]) == authenticator.passkeys[0].cose()
        assert (detail["format"], detail["name"], detail["sign_count"]) == ("packed", "Key", 0)
        assert detail["aaguid"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"
        assert record.id.startswith("psk_")
        assert AT

    play(test)
