"""Our own keys through a rotation, and the keys of outside issuers through outages and storms."""

from __future__ import annotations

import asyncio
import json
from inspect import isawaitable
from typing import Any

import pytest

from tests.tokens import (
    API,
    ED,
    ES,
    JWKS_URI,
    NOW,
    OURS,
    RS,
    SEALER,
    THEIRS,
    CountingFetch,
    KeyRecords,
    Ticker,
    key_record,
    own_keys,
)
from watchword.codec.jose import Header, SigningKey, VerificationKey, verify
from watchword.codec.secrets import Sealer, new_root_key
from watchword.keyring import Issuer, OwnKeys, checked_url
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Fetched, Unavailable
from watchword.model.records import FeedEntry, Topic
from watchword.model.verdict import Principal
from watchword.verdicts import Verdicts

NEXT = SigningKey.generate()


def signs(own: OwnKeys) -> SigningKey:
    key = own.signing_key()
    assert verify(key.sign({"n": 1}).encode(), key.verification) == {"n": 1}
    return key


def published(own: OwnKeys) -> set[str]:
    return {jwk["kid"] for jwk in own.jwks()["keys"]}


class TestOwnKeys:
    def test_one_key_signs_and_verifies(self) -> None:
        own = own_keys(Ticker())
        assert signs(own).kid == ED.kid
        assert own.signing_key() is own.signing_key()
        found = own.verification_key(ED.kid)
        assert found is not None
        assert verify(own.signing_key().sign({}).encode(), found) == {}
        assert own.verification_key("other") is None
        assert own.jwks() == {"keys": [ED.public_jwk()]}
        assert own.ends_at(ED.kid) == float("inf")
        assert own.ends_at("other") == float("-inf")

    def test_a_rotation_refuses_no_valid_token(self) -> None:
        clock = Ticker()
        old = key_record(ED, "sig_1", retire_at=NOW + 1_000)
        new = key_record(NEXT, "sig_2", not_before=NOW + 100)
        own = own_keys(clock, key_record(ED, "sig_1"), new)
        assert signs(own).kid == ED.kid  # the new one is pending: published and verified, but not used
        assert published(own) == {ED.kid, NEXT.kid}
        assert own.verification_key(NEXT.kid) is not None
        clock.now = NOW + 100
        assert signs(own).kid == NEXT.kid  # by time alone: nothing was loaded
        own = own_keys(clock, old, new)
        assert published(own) == {ED.kid, NEXT.kid}
        assert signs(own).kid == NEXT.kid
        assert own.ends_at(ED.kid) == NOW + 1_000
        clock.now = NOW + 1_000
        assert own.verification_key(ED.kid) is None
        assert published(own) == {NEXT.kid}

    @pytest.mark.parametrize("fields", [{"revoked_at": NOW}, {"leaked": True}, {"expires_at": NOW}, {"retire_at": NOW}])
    def test_a_key_taken_back_is_gone(self, fields: dict[str, Any]) -> None:
        own = own_keys(Ticker(), key_record(ED, "sig_1", **fields), key_record(NEXT, "sig_2"))
        assert own.verification_key(ED.kid) is None
        assert published(own) == {NEXT.kid}
        assert signs(own).kid == NEXT.kid

    def test_no_active_key_is_broken(self) -> None:
        own = own_keys(Ticker(), key_record(ED, not_before=NOW + 1))
        with pytest.raises(Unavailable):
            own.signing_key()

    def test_the_feed_loads_again_and_forgets_verdicts(self) -> None:
        verdicts = Verdicts()
        own = own_keys(Ticker(), verdicts=verdicts)
        verdicts.put(b"k", Principal("user:a", "jwt", "c"), NOW + 9, NOW)
        assert own.heard(FeedEntry(1, Topic.TOKEN, "t", NOW, NOW + 9)) is None
        records: Any = own._records
        records.records = [key_record(ED, "sig_1", revoked_at=NOW), key_record(NEXT, "sig_2")]
        loading = own.heard(FeedEntry(2, Topic.KEYS, "", NOW, NOW + 9))
        assert isawaitable(loading)
        asyncio.run(_wait(loading))
        assert published(own) == {NEXT.kid}
        assert len(verdicts) == 0

    def test_a_failed_load_keeps_the_keys(self) -> None:
        own = own_keys(Ticker())
        records: Any = own._records
        records.broken = True
        with pytest.raises(Unavailable):
            asyncio.run(own.load())
        assert signs(own).kid == ED.kid

    def test_a_broken_record_is_broken_and_shows_no_secret(self) -> None:
        good = key_record(ED)
        for detail in ({}, {"kid": "x"}, {"kid": "x", "public_jwk": {"kty": "oct", "k": "c2VjcmV0"}}):
            with pytest.raises(Unavailable, match="sig_1") as error:
                own_keys(Ticker(), key_record(ED, detail=detail))
            assert "c2VjcmV0" not in str(error.value)
        moved = Credential("sig_9", Kind.SIGNING_KEY, good.subject, NOW, secret=good.secret, detail=good.detail)
        with pytest.raises(Unavailable, match="sig_9"):  # sealed for another row
            own_keys(Ticker(), moved).signing_key()
        other = OwnKeys(KeyRecords(good), Sealer(new_root_key()), OURS, Ticker())  # type: ignore[arg-type]
        asyncio.run(other.load())
        with pytest.raises(Unavailable, match="root key"):
            other.signing_key()
        swapped = key_record(ED, secret=SEALER.seal(b"junk", "credential:sig_1"))
        with pytest.raises(Unavailable, match="sig_1"):
            own_keys(Ticker(), swapped).signing_key()


async def _wait(answer: Any) -> Any:
    return await answer


def ask(issuer: Issuer, kid: str | None, algorithm: str = "EdDSA") -> VerificationKey | None:
    found = issuer.key(Header(b"", algorithm, kid, "JWT"))
    return asyncio.run(_wait(found)) if isawaitable(found) else found


def remote(clock: Ticker, **answers: Any) -> tuple[Issuer, CountingFetch]:
    fetch = CountingFetch(**{JWKS_URI: {"keys": [ED.public_jwk(), ES.public_jwk()]}}, **answers)
    return Issuer(THEIRS, API, jwks_uri=JWKS_URI, fetch=fetch, clock=clock), fetch


class TestIssuer:
    def test_keys_are_fetched_once_and_then_found_without_waiting(self) -> None:
        issuer, fetch = remote(Ticker())
        first = issuer.key(Header(b"", "EdDSA", ED.kid, "JWT"))
        assert isawaitable(first)
        found = asyncio.run(_wait(first))
        assert found is not None
        assert found.kid == ED.kid
        assert issuer.key(Header(b"", "ES256", ES.kid, "JWT")).kid == ES.kid  # type: ignore[union-attr]
        assert fetch.calls == [(JWKS_URI, None, None)]

    def test_without_kid_the_only_key_of_its_algorithm(self) -> None:
        issuer = Issuer(THEIRS, API, keys=[ED.verification, ES.verification, RS.verification])
        assert ask(issuer, None, "ES256") is ES.verification
        assert ask(issuer, None, "Ed25519") is ED.verification
        two = Issuer(THEIRS, API, keys=[ED.verification, NEXT.verification])
        assert ask(two, None, "EdDSA") is None
        assert ask(two, "unknown") is None

    def test_keys_are_refreshed_and_removed_ones_forgotten(self) -> None:
        clock = Ticker()
        issuer, fetch = remote(clock)
        assert ask(issuer, ED.kid) is not None
        fetch.answers[JWKS_URI] = {"keys": [NEXT.public_jwk()]}
        clock.now += 599
        assert ask(issuer, ED.kid) is not None
        clock.now += 1
        assert ask(issuer, ED.kid) is None
        assert ask(issuer, NEXT.kid) is not None
        assert len(fetch.calls) == 2

    def test_a_new_key_is_found_at_once_after_a_quiet_minute(self) -> None:
        clock = Ticker()
        issuer, fetch = remote(clock)
        assert ask(issuer, ED.kid) is not None
        fetch.answers[JWKS_URI] = {"keys": [ED.public_jwk(), NEXT.public_jwk()]}
        clock.now += 59
        assert ask(issuer, NEXT.kid) is None
        clock.now += 1
        assert ask(issuer, NEXT.kid) is not None

    def test_ghsa_2gx3_rcp4_g85q_ten_thousand_unknown_kids(self) -> None:
        clock = Ticker()
        issuer, fetch = remote(clock)
        assert ask(issuer, ED.kid) is not None
        clock.now += 60
        for number in range(10_000):
            found = issuer.key(Header(b"", "EdDSA", f"kid{number}", "JWT"))
            assert (asyncio.run(_wait(found)) if isawaitable(found) else found) is None
        assert len(fetch.calls) == 2

    def test_cve_2026_48524_an_outage_changes_nothing(self) -> None:
        clock = Ticker()
        issuer, fetch = remote(clock)
        assert ask(issuer, ED.kid) is not None
        fetch.answers[JWKS_URI] = Unavailable("down")
        for hour in range(1, 25):
            clock.now = NOW + 3_600 * hour
            assert ask(issuer, ED.kid) is not None
            assert ask(issuer, ES.kid, "ES256") is not None  # within the minute nobody waits
            assert ask(issuer, "unknown") is None
        assert len(fetch.calls) == 25

    @pytest.mark.parametrize(
        "answer",
        [
            Fetched(404, b"{}"),
            Fetched(200, b"x" * 65_537),
            b"junk",
            {"keys": []},
            {"keys": [{"kty": "oct", "k": "AA"}]},
        ],
    )
    def test_an_answer_without_keys_is_no_answer(self, answer: Any) -> None:
        clock = Ticker()
        issuer, fetch = remote(clock)
        fetch.answers[JWKS_URI] = answer
        with pytest.raises(Unavailable):
            ask(issuer, ED.kid)
        with pytest.raises(Unavailable):
            ask(issuer, ED.kid)
        assert len(fetch.calls) == 1
        clock.now += 5
        fetch.answers[JWKS_URI] = {"keys": [ED.public_jwk()]}
        assert ask(issuer, ED.kid) is not None

    def test_first_callers_all_wait_for_the_fetch(self) -> None:
        issuer, _ = remote(Ticker())

        async def both() -> list[Any]:
            return await asyncio.gather(*(_wait(issuer.key(Header(b"", "EdDSA", ED.kid, "JWT"))) for _ in range(20)))

        assert all(key is not None for key in asyncio.run(both()))

    def test_a_clock_that_steps_back_does_not_stop_fetching(self) -> None:
        clock = Ticker()
        issuer, fetch = remote(clock)
        assert ask(issuer, ED.kid) is not None
        clock.now -= 10_000
        assert ask(issuer, ED.kid) is not None
        assert len(fetch.calls) == 2

    def test_a_fetch_that_answers_at_once_needs_no_loop(self) -> None:
        body = json.dumps({"keys": [ED.public_jwk()]}).encode()
        issuer = Issuer(THEIRS, API, jwks_uri=JWKS_URI, fetch=lambda url, **_: Fetched(200, body), clock=Ticker())
        assert ask(issuer, ED.kid) is not None

    def test_subjects(self) -> None:
        issuer = Issuer(THEIRS, API, keys=[ED.verification], subject="user:partner/{sub}")
        assert issuer.subject_of({"sub": "alice", "client_id": "app"}) == "user:partner/alice"
        assert issuer.subject_of({"sub": "app", "client_id": "app"}) == "service:app"
        assert issuer.subject_of({"client_id": "app"}) is None

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"jwks_uri": JWKS_URI},
            {"keys": [ED.verification], "jwks_uri": JWKS_URI, "fetch": CountingFetch()},
            {"keys": [ED.verification], "fetch": CountingFetch()},
            {"keys": [ED.verification], "subject": "{sub}@partner"},
            {"jwks_uri": "http://login.partner.example/jwks", "fetch": CountingFetch()},
        ],
    )
    def test_configuration_that_cannot_be_meant(self, given: dict[str, Any]) -> None:
        with pytest.raises(ValueError):
            Issuer(THEIRS, API, **given)
        for iss, audience in (("", API), (THEIRS, "")):
            with pytest.raises(ValueError):
                Issuer(iss, audience, keys=[ED.verification])


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "data:application/json,{}",
        "ftp://login.example/jwks",
        "http://login.example/jwks",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "https://user@login.example/",
        "https://user:secret@login.example/",
        "http://127.0.0.1@evil.example/",
        "https://login.example/#part",
        "https:///jwks",
        "https:login.example",
        "//login.example/jwks",
        "login.example/jwks",
        "https://login.example/a b\n",
        "https://lögin.example/",
        "https://login.example:0/",
        "https://login.example:99999/",
        "https://[::1/",
        "https://]",
        "",
    ],
)
def test_cve_2026_48522_urls_that_are_not_fetched(url: str) -> None:
    with pytest.raises(ValueError):
        checked_url(url)


@pytest.mark.parametrize(
    "url", ["https://login.example/jwks?x=1", "http://127.0.0.1:8000/", "http://[::1]:1/", "http://localhost/"]
)
def test_urls_that_are_fetched(url: str) -> None:
    assert checked_url(url) == url
