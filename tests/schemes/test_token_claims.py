"""What a signed token claims, and by which remote key, at every place that lets one in; advisories name the tests."""

from __future__ import annotations

import json

import pytest

from tests.tokens import (
    API,
    ED,
    ENTRIES,
    ES,
    JWKS_URI,
    MALLORY,
    NOW,
    OURS,
    RS,
    THEIRS,
    Entry,
    bearer,
    compact,
    entry,
    not_accepted,
    raw_sign,
    refused,
)
from watchword.codec.claims import certificate_confirmation
from watchword.model import reason as why
from watchword.model.ports import Fetched, Unavailable
from watchword.model.verdict import Principal, Rejection


@pytest.fixture(params=ENTRIES)
def place(request: pytest.FixtureRequest) -> Entry:
    built = entry(request.param)
    assert isinstance(built.verdict(built.token()), Principal), "the honest twin must pass, or a refusal proves nothing"
    built.verdicts.clear()
    return built


def test_ghsa_75c5_xw7c_p5pm_issuer_is_compared_whole(place: Entry) -> None:
    iss = place.claims["iss"]
    wrong = [
        iss[:-1],
        iss + "/",
        iss + ".evil.example",
        iss[8:],
        iss.upper(),
        " " + iss,
        "",
        "h",
        "*",
        [iss],
        {"iss": iss},
        None,
        1,
        True,
    ]
    for value in [*wrong, OURS + " " + THEIRS, [OURS, THEIRS], "https://nobody.example"]:
        refused(place, place.token(iss=value), why.WRONG_ISSUER)
    refused(place, place.token(iss=...), why.WRONG_ISSUER)


def test_ghsa_wcvh_g65p_v576_audience_and_expiry_are_checked(place: Entry) -> None:
    for value in (
        "",
        "*",
        API + "/",
        API[:-1],
        API.upper(),
        [],
        [API + "/"],
        [[API]],
        [API, 1],
        {"aud": API},
        None,
        1,
        True,
        ...,
    ):
        refused(place, place.token(aud=value), why.WRONG_AUDIENCE)
    for value in (NOW, NOW - 1, 0, -0.0):
        refused(place, place.token(exp=value), why.EXPIRED)
    for value in (None, "", str(NOW + 60), True, [NOW + 60], {}, -1, 10**13, 10**400, 1e300, ...):
        refused(place, place.token(exp=value), why.BAD_CLAIMS, why.MALFORMED_CREDENTIAL)
    assert isinstance(place.verdict(place.token(aud=["https://other.example", API])), Principal)
    assert isinstance(place.verdict(place.token(exp=NOW + 0.5)), Principal)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_expiry_that_never_ends(place: Entry, text: str) -> None:
    payload = json.dumps(place.changed(exp=0)).replace('"exp": 0', f'"exp": {text}').encode()
    refused(place, place.forged(place.header(), payload), why.BAD_CLAIMS, why.MALFORMED_CREDENTIAL)


def test_each_claim_absent_or_wrong(place: Entry) -> None:
    for name in ("nbf", "iat"):
        refused(place, place.token(**{name: NOW + 31}), why.NOT_YET_VALID)
        for value in ("", str(NOW), True, None, [], -1, 1e20):
            refused(place, place.token(**{name: value}), why.BAD_CLAIMS)
        assert isinstance(place.verdict(place.token(**{name: NOW + 29})), Principal)
        place.verdicts.clear()
    for value in ("", None, 7, True, ["user:alice"], {}, "x" * 300, "user:a\x00b", "user:a\nb"):
        refused(place, compact(place.header(), place.changed(sub=value), raw_sign(place.key)), why.BAD_CLAIMS)
    half = compact(place.header(), place.changed(sub="user:\ud800"), raw_sign(place.key))
    refused(place, half, why.MALFORMED_CREDENTIAL)
    refused(place, place.token(sub=...), why.BAD_CLAIMS)
    for name, value in (
        ("jti", 1),
        ("jti", ""),
        ("jti", []),
        ("scope", 1),
        ("scope", [1]),
        ("scope", {}),
        ("amr", 1),
    ):
        refused(place, place.token(**{name: value}), why.BAD_CLAIMS)
    refused(place, place.token(auth_time="now"), why.BAD_CLAIMS)
    required = {"iss", "sub", "aud", "exp"}
    if place.claims["iss"] == OURS or place.typ == "at+jwt":
        required |= {"iat", "jti"}
    if place.typ == "at+jwt":
        required |= {"client_id"}
    for name in required:
        refused(place, place.token(**{name: ...}))


def test_a_subject_of_our_own_has_a_kind() -> None:
    for name in ("jwt own", "oauth2 own"):
        place = entry(name)
        for value in ("alice", "admin:alice", "User:alice", ":alice", "usr:"):
            refused(place, place.token(sub=value), why.BAD_CLAIMS)


def test_an_id_token_is_no_access_token(place: Entry) -> None:
    for claim in ({"nonce": "n"}, {"at_hash": "x"}, {"c_hash": "x"}, {"s_hash": "x"}, {"events": {}}):
        refused(place, place.token(**claim), why.BAD_TYPE)
    others = {
        "JWT",
        "at+jwt",
        "dpop+jwt",
        "logout+jwt",
        "id_token+jwt",
        "oauth-id-jag+jwt",
        "token-introspection+jwt",
        "secevent+jwt",
    }
    for typ in others - {place.typ}:
        not_accepted(place, place.token(typ))
    header = place.header()
    del header["typ"]
    not_accepted(place, place.forged(header))
    for typ in (None, 1, [], ["JWT"], {}, True):
        not_accepted(place, place.forged(place.header(typ=typ)))


def test_a_token_bound_to_a_key_is_no_bearer_token(place: Entry) -> None:
    for cnf in ({"kid": "x"}, {"x5t#S256": "x", "jkt": "x"}, {}, None):
        refused(place, place.token(cnf=cnf), why.BAD_TYPE)
    for member in ("jkt", "x5t#S256"):  # MUST 17
        refused(place, place.token(cnf={member: "x"}), why.UNCONFIRMED)


def test_a_token_bound_to_a_certificate_passes_over_its_connection_alone(place: Entry) -> None:
    token = place.token(cnf=certificate_confirmation(b"der"))

    def over(certificate: bytes | None) -> Principal | Rejection | None:
        request = bearer(token)
        request.peer.certificate = certificate
        credential = place.scheme.read(request)
        return place.scheme.verify(credential, request)  # type: ignore[no-any-return]

    for _ in range(2):  # who passed before opens the way to nobody
        assert isinstance(over(b"der"), Principal)
        assert len(place.verdicts) == 0
        for other in (None, b"", b"another"):
            refusal = over(other)
            assert isinstance(refusal, Rejection)
            assert refusal.reason is why.UNCONFIRMED


def test_ghsa_rp9m_7r4c_75qg_two_tokens_never_share_claims(place: Entry) -> None:
    subjects: list[str] = []
    for who in ("a", "b"):
        sub = place.claims["sub"] + who
        token = place.token(sub=sub)
        for _ in range(2):  # the second time from the cache
            answer = place.verdict(token)
            assert isinstance(answer, Principal)
            assert answer.claims["sub"] == sub
            subjects.append(answer.subject)
        head, _, signature = token.rpartition(".")
        answer = place.verdict(head + "." + ("A" if signature[0] != "A" else "B") + signature[1:])
        assert isinstance(answer, Rejection)
    assert subjects[0] == subjects[1] != subjects[2] == subjects[3]


@pytest.mark.parametrize("name", ["jwt EdDSA", "oauth2 EdDSA"])
class TestRemoteKeys:
    def test_cve_2026_48524_an_outage_keeps_the_keys(self, name: str) -> None:
        place = entry(name, jwks=True)
        assert place.fetch is not None
        assert isinstance(place.verdict(place.token()), Principal)
        for broken in (
            Unavailable("down"),
            Fetched(500, b""),
            b"",
            b"<html>",
            {"keys": []},
            {"keys": [{"kty": "oct", "k": "AA"}]},
            {},
        ):
            place.fetch.answers[JWKS_URI] = broken
            place.clock.now += 599
            place.verdicts.clear()
            assert isinstance(place.verdict(place.token(exp=place.clock.now + 60)), Principal), broken

    def test_ghsa_2gx3_rcp4_g85q_random_kids_fetch_once_a_minute(self, name: str) -> None:
        place = entry(name, jwks=True)
        assert place.fetch is not None
        assert isinstance(place.verdict(place.token()), Principal)
        place.verdicts.clear()
        for minute in range(1, 4):
            place.clock.now = NOW + 61 * minute
            for number in range(500):
                forged = place.forged(place.header(kid=f"kid{minute}-{number}"), sign=raw_sign(MALLORY))
                refused(place, forged, why.UNKNOWN_KEY)
            assert len(place.fetch.calls) == 1 + minute

    def test_no_keys_at_all_is_broken_not_refused(self, name: str) -> None:
        place = entry(name, jwks=True)
        assert place.fetch is not None
        place.fetch.answers[JWKS_URI] = Unavailable("down")
        for _ in range(3):
            with pytest.raises(Unavailable):
                place.verdict(place.token())
        assert len(place.fetch.calls) == 1
        place.fetch.answers[JWKS_URI] = {"keys": [place.key.public_jwk()]}
        place.clock.now += 5
        assert isinstance(place.verdict(place.token()), Principal)

    def test_ghsa_9v7f_9g4p_ffgj_a_redirect_is_not_followed(self, name: str) -> None:
        place = entry(name, jwks=True)
        assert place.fetch is not None
        place.fetch.answers[JWKS_URI] = Fetched(302, json.dumps({"keys": [MALLORY.public_jwk()]}).encode())
        with pytest.raises(Unavailable):
            place.verdict(place.forged(place.header(kid=MALLORY.kid), sign=raw_sign(MALLORY)))
        assert [url for url, _, _ in place.fetch.calls] == [JWKS_URI]

    def test_cve_2026_22817_a_set_without_alg_leaves_the_algorithm_to_the_key(self, name: str) -> None:
        place = entry(name, jwks=True)
        assert place.fetch is not None
        jwks = []
        for key in (ED, ES, RS):
            jwk = key.public_jwk()
            del jwk["alg"]
            jwks.append(jwk)
        place.fetch.answers[JWKS_URI] = {"keys": jwks}
        for key in (ED, ES, RS):
            honest = compact(place.header(alg=key.algorithm, kid=key.kid), place.claims, raw_sign(key))
            assert isinstance(place.verdict(honest), Principal)
        place.verdicts.clear()
        for key in (ED, ES, RS):
            for algorithm in {"EdDSA", "ES256", "RS256"} - {key.algorithm}:
                forged = compact(place.header(alg=algorithm, kid=key.kid), place.claims, raw_sign(key))
                refused(place, forged, why.BAD_ALGORITHM)
