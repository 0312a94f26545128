"""Access tokens: RFC 9068 ones offline, opaque ones by RFC 7662. Forged ones: test_token_attacks, test_token_claims."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tokens import API, ED, NOW, OURS, THEIRS, CountingFetch, Ticker, bearer, entry, own_keys, verdict
from watchword.bearer import BearerToken
from watchword.keyring import Issuer
from watchword.model import reason as why
from watchword.model.ports import Fetched, Unavailable
from watchword.model.request import Peer, Request
from watchword.model.verdict import Challenge, Principal, Rejection
from watchword.schemes.oauth2 import Introspection, OAuth2
from watchword.verdicts import Revocations, Verdicts

ASK = "https://login.partner.example/introspect"
# RFC 7662 section 2.2
EXAMPLE = {
    "active": True,
    "client_id": "l238j323ds-23ij4",
    "username": "jdoe",
    "scope": "read write dolphin",
    "sub": "Z5O3upPC88QrAjx00dis",
    "aud": "https://protected.example.net/resource",
    "iss": "https://server.example.com/",
    "exp": NOW + 600,
    "iat": NOW - 600,
    "extension_field": "twenty-seven",
}
TOKEN = "2YotnFZFEjr1zCsicMWpAA"


class Place:
    """An OAuth2 scheme that asks one provider, and what that provider says."""

    def __init__(self, answer: Any = EXAMPLE, **options: Any) -> None:
        self.clock = Ticker()
        self.verdicts = Verdicts()
        self.revocations = Revocations()
        self.fetch = CountingFetch(**{ASK: answer})
        self.provider = Introspection(ASK, "api", "s3cr3t", self.fetch, **options)
        self.scheme = self.trusting(self.provider)

    def trusting(self, *providers: Introspection) -> OAuth2:
        return OAuth2(None, {}, self.verdicts, self.revocations, introspections=providers, clock=self.clock)

    def says(self, **changes: Any) -> None:
        self.fetch.answers[ASK] = {name: value for name, value in {**EXAMPLE, **changes}.items() if value is not ...}

    def verdict(self, token: str | bytes = TOKEN) -> Principal | Rejection | None:
        return verdict(self.scheme, token)


def test_the_client_becomes_the_actor() -> None:
    place = entry("oauth2 own")
    answer = place.verdict(place.token())
    assert answer == Principal(
        subject="user:alice",
        scheme="oauth2",
        credential="cli_1",
        scopes=frozenset({"orders:read", "orders:write"}),
        authenticated_at=NOW,
        claims=place.claims,
        actor="cli_1",
    )
    service = place.verdict(place.token(sub="service:billing"))
    assert isinstance(service, Principal)
    assert (service.subject, service.actor) == ("service:billing", "cli_1")
    outside = entry("oauth2 ES256")
    answer = outside.verdict(outside.token())
    assert isinstance(answer, Principal)
    assert (answer.subject, answer.actor, answer.credential) == ("user:partner/alice", "cli_1", "client:cli_1")


def test_rfc_9068_section_2_2_a_client_that_acts_for_itself_is_a_service() -> None:
    place = entry("oauth2 EdDSA")
    answer = place.verdict(place.token(sub="cli_1"))
    assert isinstance(answer, Principal)
    assert (answer.subject, answer.actor) == ("service:cli_1", None)


def test_revoking_the_client_voids_its_tokens() -> None:
    place = entry("oauth2 own")
    token = place.token()
    assert isinstance(place.verdict(token), Principal)
    place.verdicts.evict("credential:cli_1")
    place.revocations.add("credential:cli_1", NOW, NOW + 600)
    assert place.verdict(token) == Rejection(why.REVOKED, credential="cli_1")
    assert isinstance(place.verdict(place.token(client_id="cli_2")), Principal)


def test_after_a_rotation_the_credential_is_not_the_client_id() -> None:
    place = entry("oauth2 own")
    old, new = place.token(sid="cli_1"), place.token(sid="cli_9")
    answer = place.verdict(new)
    assert isinstance(answer, Principal)
    assert (answer.credential, answer.actor) == ("cli_9", "cli_1")
    place.verdicts.evict("credential:cli_9")
    place.revocations.add("credential:cli_9", NOW, NOW + 600)
    assert place.verdict(new) == Rejection(why.REVOKED, credential="cli_9")
    assert isinstance(place.verdict(old), Principal)
    for sid in ("", 1, None, ["cli_9"]):
        assert place.verdict(place.token(sid=sid)) == Rejection(why.BAD_CLAIMS, "sid")


def test_what_is_read() -> None:
    place = Place()
    read = place.scheme.read
    for token in (TOKEN, "a", "a.b", "mF_9.B5f-4.1JqM.x", "abc==", "~/+x", "v1.x"):
        found = read(bearer(token, b"bearer"))
        assert isinstance(found, BearerToken), token
        assert token not in repr(found) or len(token) < 6
    for raw in (b"", b" ", b"=", b"a b", b"a,b", b'"a"', b"a\x00", b"\xff", b"ak_live_x", b"a" * 4_097):
        found = read(Request("GET", b"/", b"", [(b"authorization", b"Bearer " + raw)], Peer()))
        assert found is None, raw
    assert read(bearer("a.b.c")) == Rejection(why.MALFORMED_CREDENTIAL)
    assert read(bearer(ED.sign({}, "JWT"))) is None
    assert isinstance(read(bearer(ED.sign({}, "application/at+jwt"))), BearerToken)
    assert read(Request("GET", b"/", b"", [], Peer())) is None
    assert place.trusting().read(bearer(TOKEN)) is None


def test_rfc_7662_section_2_asks_as_a_client() -> None:
    place = Place()
    answer = place.verdict()
    assert isinstance(answer, Principal)
    assert answer.subject == "user:Z5O3upPC88QrAjx00dis"
    assert answer.actor == "l238j323ds-23ij4"
    assert answer.credential == "client:l238j323ds-23ij4"
    assert answer.scopes == {"read", "write", "dolphin"}
    basic = "Basic " + base64.b64encode(b"api:s3cr3t").decode()
    assert place.fetch.calls == [
        (ASK, {"token": TOKEN, "token_type_hint": "access_token"}, {"authorization": basic}),
    ]
    assert "s3cr3t" not in repr(place.provider)


def test_rfc_6749_section_2_3_1_client_id_and_secret_are_form_encoded() -> None:
    fetch = CountingFetch(**{ASK: EXAMPLE})
    provider = Introspection(ASK, "a:b", "p%w d", fetch)
    asyncio.run(provider.ask(b"x"))
    assert base64.b64decode(fetch.calls[0][2]["authorization"][6:]) == b"a%3Ab:p%25w+d"


def test_an_answer_is_remembered_for_a_minute_at_most() -> None:
    place = Place()
    first = place.verdict()
    assert place.verdict() is first
    place.clock.now += 59.9
    assert place.verdict() is first
    assert len(place.fetch.calls) == 1
    place.clock.now += 0.1
    assert isinstance(place.verdict(), Principal)
    assert len(place.fetch.calls) == 2
    place = Place({**EXAMPLE, "exp": NOW + 10})
    assert isinstance(place.verdict(), Principal)
    place.clock.now += 10
    place.says(exp=NOW + 10)
    assert place.verdict() == Rejection(why.EXPIRED)


def test_cve_2026_33496_2021_32701_a_remembered_answer_passes_no_other_check() -> None:
    place = Place()
    assert isinstance(place.verdict(), Principal)
    strict: tuple[tuple[dict[str, Any], why.Reason], ...] = (
        ({"audience": API}, why.WRONG_AUDIENCE),
        ({"issuer": "https://other.example"}, why.WRONG_ISSUER),
    )
    for options, reason in strict:
        other = Introspection(ASK, "api", "s3cr3t", place.fetch, **options)
        assert verdict(place.trusting(other), TOKEN) == Rejection(reason)
    elsewhere = CountingFetch(**{ASK + "2": {"active": False}})
    assert verdict(place.trusting(Introspection(ASK + "2", "api", "x", elsewhere)), TOKEN) == Rejection(
        why.INACTIVE_TOKEN
    )
    renamed = Introspection(ASK, "api", "s3cr3t", place.fetch, subject="user:partner/{username}")
    answer = verdict(place.trusting(renamed), TOKEN)
    assert isinstance(answer, Principal)
    assert answer.subject == "user:partner/jdoe"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"active": False}, why.INACTIVE_TOKEN),
        ({"exp": NOW}, why.EXPIRED),
        ({"exp": "never"}, why.BAD_CLAIMS),
        ({"exp": True}, why.BAD_CLAIMS),
        ({"nbf": NOW + 31}, why.NOT_YET_VALID),
        ({"iat": NOW + 31}, why.NOT_YET_VALID),
        ({"iss": "https://server.example.com"}, why.WRONG_ISSUER),
        ({"iss": ["https://server.example.com/"]}, why.WRONG_ISSUER),
        ({"aud": ...}, why.WRONG_AUDIENCE),
        ({"aud": "https://protected.example.net"}, why.WRONG_AUDIENCE),
        ({"aud": []}, why.WRONG_AUDIENCE),
        ({"token_type": "DPoP"}, why.BAD_TYPE),
        ({"token_type": "refresh_token"}, why.BAD_TYPE),
        ({"token_type": 1}, why.BAD_TYPE),
        ({"cnf": {"jkt": "x"}}, why.UNCONFIRMED),
        ({"cnf": {"kid": "x"}}, why.BAD_TYPE),
        ({"sub": 7}, why.BAD_CLAIMS),
        ({"sub": ""}, why.BAD_CLAIMS),
        ({"client_id": ["x"]}, why.BAD_CLAIMS),
        ({"sub": ..., "client_id": ..., "username": ...}, why.BAD_CLAIMS),
        ({"scope": 1}, why.BAD_CLAIMS),
    ],
)
def test_answers_that_let_nobody_in(changes: dict[str, Any], reason: why.Reason) -> None:
    place = Place(issuer="https://server.example.com/", audience="https://protected.example.net/resource")
    assert isinstance(place.verdict(), Principal)
    place.verdicts.clear()
    place.says(**changes)
    answer = place.verdict()
    assert isinstance(answer, Rejection)
    assert answer.reason == reason
    assert len(place.verdicts) == 0


def test_answers_that_say_little_are_enough_where_nothing_more_is_asked() -> None:
    place = Place({"active": True, "client_id": "app"})
    answer = place.verdict()
    assert isinstance(answer, Principal)
    assert (answer.subject, answer.actor, answer.scopes) == ("service:app", None, frozenset())
    place = Place({"active": True, "username": "jdoe", "client_id": "app"}, subject="user:{username}")
    answer = place.verdict()
    assert isinstance(answer, Principal)
    assert (answer.subject, answer.actor) == ("user:jdoe", "app")
    place = Place({"active": True, "sub": "x"})
    answer = place.verdict()
    assert isinstance(answer, Principal)
    assert answer.credential.startswith("token:")
    assert answer.actor is None


@pytest.mark.parametrize(
    "broken",
    [
        Unavailable("timeout"),
        Fetched(500, b'{"active":true}'),
        Fetched(401, b'{"active":true}'),
        Fetched(302, b""),
        b"",
        b"active",
        b"[]",
        {},
        {"active": "true"},
        {"active": 1},
        b'{"active":true,"active":false}',
        b'{"active":false,"sub":"a","active":true}',
    ],
)
def test_cve_2020_15223_a_provider_that_fails_is_broken_not_refusing(broken: Any) -> None:
    place = Place(broken)
    with pytest.raises(Unavailable) as error:
        place.verdict()
    assert TOKEN not in str(error.value)
    assert "s3cr3t" not in str(error.value)
    place.says()
    assert isinstance(place.verdict(), Principal), "a failure must not be remembered"


def test_inactive_is_remembered_briefly_and_not_without_bound() -> None:
    place = Place({"active": False})
    for _ in range(3):
        assert place.verdict() == Rejection(why.INACTIVE_TOKEN)
    assert len(place.fetch.calls) == 1
    place.says()
    place.clock.now += 5
    assert isinstance(place.verdict(), Principal)
    place.fetch.answers[ASK] = {"active": False}

    async def many() -> None:
        for number in range(4_200):
            request = bearer(f"token{number}")
            answer: Any = place.scheme.verify(BearerToken(f"token{number}".encode(), None), request)
            assert (await answer) == Rejection(why.INACTIVE_TOKEN)

    asyncio.run(many())
    assert 0 < len(place.scheme._inactive) <= 4_096


def test_a_token_is_shown_to_its_own_provider_only() -> None:
    place = Place()
    fetch = CountingFetch(**{ASK + "/hub": {"active": True, "client_id": "hub"}})
    hub = Introspection(ASK + "/hub", "api", "x", fetch, prefix="gho_")
    scheme = place.trusting(hub, place.provider)
    answer = verdict(scheme, "gho_abc")
    assert isinstance(answer, Principal)
    assert answer.subject == "service:hub"
    assert place.fetch.calls == []
    assert isinstance(verdict(scheme, TOKEN), Principal)
    assert len(fetch.calls) == 1
    assert verdict(place.trusting(hub), TOKEN) is None


def test_a_disabled_subject_is_refused_whatever_the_provider_says() -> None:
    place = Place()
    place.revocations.add("subject:user:Z5O3upPC88QrAjx00dis", NOW, NOW + 600)
    answer = place.verdict()
    assert isinstance(answer, Rejection)
    assert answer.reason is why.REVOKED


MEMBERS = st.sampled_from([*EXAMPLE, "cnf", "nbf", "jti", "amr"])
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(MEMBERS, VALUES))
def test_any_answer_is_judged_without_raising(changes: dict[str, Any]) -> None:
    place = Place()
    place.says(**{**changes, "active": True})
    assert isinstance(place.verdict(), Principal | Rejection)


def test_rfc_6750_section_3_challenges() -> None:
    scheme = Place().scheme
    assert scheme.challenge(None) == Challenge("Bearer", (("realm", "api"),))
    assert scheme.challenge(Rejection(why.INACTIVE_TOKEN)) == Challenge(
        "Bearer", (("realm", "api"), ("error", "invalid_token"))
    )
    assert scheme.describe() == {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"}
    known = OAuth2(None, {}, Verdicts(), Revocations(), token_url="https://auth.example.com/oauth/token")
    flow = {"tokenUrl": "https://auth.example.com/oauth/token", "scopes": {}}
    assert known.describe() == {"type": "oauth2", "flows": {"clientCredentials": flow}}


def test_configuration_that_cannot_be_meant() -> None:
    fetch = CountingFetch()
    for endpoint, client, secret in (
        ("http://login.partner.example/introspect", "api", "x"),
        ("file:///etc/passwd", "api", "x"),
        (ASK, "", "x"),
        (ASK, "api", ""),
    ):
        with pytest.raises(ValueError):
            Introspection(endpoint, client, secret, fetch)
    with pytest.raises(ValueError):
        Introspection(ASK, "api", "x", fetch, subject="nobody")
    issuer = Issuer(THEIRS, API, keys=[ED.verification])
    own: Any = own_keys(Ticker())
    for keys, issuers, names in (
        (own, {}, {"issuer": OURS}),
        (own, {}, {"audience": API}),
        (own, {THEIRS: issuer}, {"issuer": THEIRS, "audience": API}),
        (None, {"x": issuer}, {}),
    ):
        with pytest.raises(ValueError):
            OAuth2(keys, issuers, Verdicts(), Revocations(), **names)


def test_rfc_8707_where_a_place_is_an_api_of_its_own_an_outside_token_must_be_for_it() -> None:
    clock, place = Ticker(), "https://api.example.com/mcp"
    theirs = Issuer(THEIRS, API, keys=[ED.verification], clock=clock)
    claims = {"iss": THEIRS, "sub": "alice", "client_id": "c", "iat": NOW, "exp": NOW + 60, "jti": "j"}
    for alone, wanted in ((False, API), (True, place)):
        options: dict[str, Any] = {"audience": place, "alone": alone, "clock": clock}
        for audience in (API, place, [API], [API, place], "https://api.example.com/mcp/"):
            scheme = OAuth2(None, {THEIRS: theirs}, Verdicts(), Revocations(), **options)
            found = verdict(scheme, ED.sign({**claims, "aud": audience}, "at+jwt"))
            fits = wanted == audience or (isinstance(audience, list) and wanted in audience)
            assert isinstance(found, Principal) if fits else found == Rejection(why.WRONG_AUDIENCE)
