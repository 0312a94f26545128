"""What an honest JWT proves, and how it stops doing so. Forged ones: test_token_attacks and test_token_claims."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import Any

import pytest

from tests.tokens import API, ED, ES, NOW, OURS, THEIRS, bearer, entry, key_record, own_keys, verdict
from watchword.bearer import BearerToken
from watchword.keyring import Issuer
from watchword.model import reason as why
from watchword.model.request import Peer, Request
from watchword.model.verdict import Challenge, Principal, Rejection
from watchword.schemes.jwt import Jwt
from watchword.verdicts import Revocations, Verdicts


def test_an_own_token_proves_all_it_says() -> None:
    place = entry("jwt own")
    token = place.token(sid="ses_1", amr=["pwd", "otp"], auth_time=NOW - 50)
    assert place.verdict(token) == Principal(
        subject="user:alice",
        scheme="jwt",
        credential="ses_1",
        scopes=frozenset({"orders:read", "orders:write"}),
        factors=("pwd", "otp"),
        authenticated_at=NOW - 50,
        claims=place.changed(sid="ses_1", amr=["pwd", "otp"], auth_time=NOW - 50),
    )
    bare = place.verdict(place.token(scope=...))
    assert isinstance(bare, Principal)
    assert (bare.credential, bare.scopes, bare.factors, bare.authenticated_at) == ("jti:t1", frozenset(), (), NOW)
    assert isinstance(place.verdict(place.token(sub="service:billing")), Principal)
    assert isinstance(place.verdict(place.token(sid=1)), Rejection)


def test_an_outside_token_is_named_by_its_issuers_rule() -> None:
    place = entry("jwt ES256")
    answer = place.verdict(place.token(scope=..., scp=["a", "b"]))
    assert isinstance(answer, Principal)
    assert (answer.subject, answer.credential, answer.scopes) == ("user:partner/alice", "jti:t1", {"a", "b"})
    unnamed = place.token(jti=..., iat=...)
    nameless = place.verdict(unnamed)
    assert isinstance(nameless, Principal)
    assert nameless.credential == f"token:{sha256(unnamed.encode()).hexdigest()[:16]}"
    assert nameless.authenticated_at == 0


def test_a_token_is_recalled_by_the_whole_field_however_it_was_proved_first() -> None:
    place = entry("jwt own")
    token = place.token().encode()
    requests = [
        Request("GET", b"/", b"", [(b"authorization", prefix + token)], Peer()) for prefix in (b"Bearer ", b"bearer ")
    ]
    assert [place.scheme.recall(each) for each in requests] == [None, None]
    found = place.scheme.read(requests[1])
    assert isinstance(found, BearerToken)
    who = place.scheme.verify(found, requests[1])
    assert isinstance(who, Principal)
    assert place.scheme.recall(requests[0]) is who
    assert place.scheme.verify(found, requests[0]) is who
    for other in (token + b"A", token[:-1], b" " + token):
        assert place.scheme.recall(Request("GET", b"/", b"", [(b"authorization", b"Bearer " + other)], Peer())) is None


def test_outside_types_are_the_issuers_own() -> None:
    issuer = Issuer(THEIRS, API, keys=[ED.verification], types=("", "application/Vendor+JWT"), clock=lambda: NOW)
    scheme = Jwt(None, {THEIRS: issuer}, Verdicts(), Revocations(), clock=lambda: NOW)
    claims = {"iss": THEIRS, "aud": API, "sub": "a", "exp": NOW + 9}
    assert isinstance(verdict(scheme, ED.sign(claims, "vendor+jwt")), Principal)
    assert verdict(scheme, ED.sign(claims, "JWT")) == Rejection(why.BAD_TYPE)


def test_the_type_of_an_own_token_is_exact() -> None:
    place = entry("jwt own")
    for typ in ("jwt", "application/jwt", "application/JWT", "JWT "):
        assert place.verdict(place.token(typ)) == Rejection(why.BAD_TYPE)


def test_what_is_read() -> None:
    place = entry("jwt own")
    token = place.token().encode()
    read = place.scheme.read
    for prefix in (b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   "):
        found = read(Request("GET", b"/", b"", [(b"authorization", prefix + token)], Peer()))
        assert isinstance(found, BearerToken)
        assert found.token == token
        assert token.decode() not in repr(found)
    for value in (
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer x",
        b"Bearer a.b",
        b"Bearer a.b.c.d",
        b"Bearer ak_live_a.b.c",
        b"Basic " + token,
        b"Bearer\t" + token,
        b"Bearerx" + token,
        token,
        b"DPoP " + token,
    ):
        assert read(Request("GET", b"/", b"", [(b"authorization", value)], Peer())) is None, value
    assert read(Request("GET", b"/", b"", [], Peer())) is None
    assert read(bearer(place.token("at+jwt"))) is None
    assert read(bearer(place.token("application/AT+JWT"))) is None
    assert read(bearer("a.b.c")) == Rejection(why.MALFORMED_CREDENTIAL)


@pytest.mark.parametrize("tag", ["token:t1", "subject:user:alice", "credential:ses_1"])
def test_revocation_needs_no_look_up(tag: str) -> None:
    place = entry("jwt own")
    token = place.token(sid="ses_1")
    assert isinstance(place.verdict(token), Principal)
    place.verdicts.evict(tag)  # as the feed does: first the remembered verdict goes, then the token is void
    assert len(place.verdicts) == 0
    place.revocations.add(tag, NOW, NOW + 600)
    assert place.verdict(token) == Rejection(why.REVOKED, credential="ses_1")
    later = place.verdict(place.token(sid="ses_2", jti="t2", iat=NOW + 1))
    assert isinstance(later, Principal)


def test_a_disabled_subject_voids_outside_tokens_without_a_time_too() -> None:
    place = entry("jwt EdDSA")
    place.revocations.add("subject:user:partner/alice", NOW, NOW + 600)
    for token in (place.token(), place.token(iat=...)):
        answer = place.verdict(token)
        assert isinstance(answer, Rejection)
        assert answer.reason is why.REVOKED


def test_a_verdict_ends_with_the_token_the_key_or_the_minute() -> None:
    place = entry("jwt own")
    token = place.token(exp=NOW + 10)
    assert isinstance(place.verdict(token), Principal)
    place.clock.now = NOW + 9.9
    assert isinstance(place.verdict(token), Principal)
    place.clock.now = NOW + 10
    assert place.verdict(token) == Rejection(why.EXPIRED)

    place = entry("jwt own")
    place.scheme._trust._own = own_keys(place.clock, key_record(ED, retire_at=NOW + 5))
    assert isinstance(place.verdict(place.token()), Principal)
    place.clock.now = NOW + 5
    assert place.verdict(place.token()) == Rejection(why.UNKNOWN_KEY)

    place = entry("jwt own")
    assert isinstance(place.verdict(place.token()), Principal)
    assert len(place.verdicts) == 1
    place.clock.now = NOW + 60
    place.scheme._trust._own = own_keys(place.clock, key_record(ES))
    assert place.verdict(place.token()) == Rejection(why.UNKNOWN_KEY)


def test_a_repeat_is_the_same_object_and_waits_for_nothing() -> None:
    place = entry("jwt own")
    request = bearer(place.token())
    first = place.scheme.verify(place.scheme.read(request), request)
    assert place.scheme.verify(place.scheme.read(request), request) is first


def test_cve_2026_33496_schemes_that_trust_differently_share_no_verdict() -> None:
    place = entry("jwt own")
    token = place.token()
    assert isinstance(place.verdict(token), Principal)
    other: dict[str, Any] = {"issuer": OURS, "audience": API + "/other", "clock": place.clock}
    stricter = Jwt(place.scheme._trust._own, {}, place.verdicts, place.revocations, **other)
    assert verdict(stricter, token) == Rejection(why.WRONG_AUDIENCE)


def test_rfc_6750_section_3_challenges() -> None:
    scheme = entry("jwt own").scheme
    assert scheme.challenge(None) == Challenge("Bearer", (("realm", "api"),))
    assert scheme.challenge(Rejection(why.NO_CREDENTIAL)) == Challenge("Bearer", (("realm", "api"),))
    for row in (why.EXPIRED, why.BAD_SIGNATURE, why.REVOKED):
        assert scheme.challenge(Rejection(row)) == Challenge("Bearer", (("realm", "api"), ("error", "invalid_token")))
    assert scheme.describe() == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def test_configuration_that_cannot_be_meant() -> None:
    issuer = Issuer(THEIRS, API, keys=[ED.verification])
    for own, issuers, names in (
        (own_keys(lambda: NOW), {}, {}),  # type: ignore[arg-type]
        (own_keys(lambda: NOW), {}, {"issuer": OURS}),  # type: ignore[arg-type]
        (None, {"https://alias.example": issuer}, {}),
        (own_keys(lambda: NOW), {THEIRS: issuer}, {"issuer": THEIRS, "audience": API}),  # type: ignore[arg-type]
    ):
        with pytest.raises(ValueError):
            Jwt(own, issuers, Verdicts(), Revocations(), **names)


def test_a_repeat_costs_a_small_part_of_a_signature() -> None:
    place = entry("jwt own")
    request = bearer(place.token())

    def once() -> float:
        started = time.perf_counter()
        place.scheme.verify(place.scheme.read(request), request)
        return time.perf_counter() - started

    def first() -> float:
        place.verdicts.clear()
        return once()

    assert min(once() for _ in range(200)) * 5 < min(first() for _ in range(50))
