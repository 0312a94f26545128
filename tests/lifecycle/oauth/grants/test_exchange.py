"""Tokens for tokens (RFC 8693): never more, never longer, never somebody else's, and over when what they came of is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.house import House, asking, bearing, house, statuses
from tests.lifecycle.oauth.grants.stage import error, members
from watchword.codec.jose import SigningKey, verify
from watchword.keyring import Issuer
from watchword.lifecycle.clients.fields import EXCHANGE
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.oauth.grants.exchange import (
    ACCESS_TYPE,
    ID_TYPE,
    JAG_TYPE,
    JWT_TYPE,
    MOST_ACTORS,
    REFRESH_TYPE,
)
from watchword.lifecycle.oauth.rules import OAuthRules, Resource, TrustedIssuer
from watchword.lifecycle.oauth.terms import Given, Sender
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Constraints, Principal

API = Resource("https://orders.example", scopes=frozenset({"orders:read", "orders:write", "profile:read"}))
BACK = Resource("https://stock.example", scopes=frozenset({"orders:read", "stock:read"}))
PARTNER, THEIR_KEY = "https://partner.example", SigningKey.generate()
CHAT = "https://chat.example"
NOT_ISSUED = "urn:ietf:params:oauth:token-type:saml2"


class Play:
    """Hold Alice, the app that she uses, and the API behind which another service is."""

    def __init__(self, opened: House) -> None:
        self.opened = opened
        self.store, self.oauth = opened.watchword.store, opened.watchword.oauth

    async def set_up(self) -> Play:
        self.app = await self.client("app", ["openid", "orders:read", "orders:write"], grants=["authorization_code"])
        self.api = await self.client("api", ["orders:read", "stock:read"], introspects=[API.uri])
        login = await self.opened.issue(Kind.PASSWORD, "user:alice", options={"password": "correct horse battery"})
        self.who = Principal("user:alice", "session", login.credential.id, frozenset(), ("pwd",), 1)
        return self

    async def client(self, name: str, scopes: list[str], **options: Any) -> Credential:
        given = {"grants": [EXCHANGE], "redirect_uris": ["https://app.example/cb"], **options}
        return (await self.opened.issue(Kind.OAUTH_CLIENT, f"service:{name}", scopes=scopes, options=given)).credential

    async def family(self, client: Credential | None = None, **more: Any) -> Credential:
        name = (client or self.app).detail["client_id"]
        scopes = frozenset({"openid", "orders:read", "orders:write"})
        begun = await self.opened.watchword.families.start(
            self.who, by=name, scopes=scopes, more={"client": name, **more}
        )
        self.refresh_token = begun.token
        return begun.family

    async def token(
        self, *, family: Credential | None = None, audience: tuple[str, ...] = (API.uri,), **more: Any
    ) -> str:
        family = family or await self.family()
        scopes = more.pop("scopes", family.scopes)
        given = await self.opened.watchword.tokens.for_app(family, self.app, Terms(scopes, audience, **more))
        return given.text

    async def exchange(
        self,
        token: str,
        client: Credential | None = None,
        *,
        type: str = ACCESS_TYPE,
        sender: Sender | None = None,
        resource: tuple[str, ...] = (),
        audience: tuple[str, ...] = (),
        **form: str,
    ) -> Given:
        fields = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": type, **form}
        several = {"resource": resource, "audience": audience}
        client = await self.store.credential((client or self.api).id)
        assert client is not None
        return await self.oauth.grants.answer(
            asking(), {k: v for k, v in fields.items() if v}, client, sender or Sender(), several
        )

    def claims(self, token: str) -> dict[str, Any]:
        found = self.opened.watchword.keys.claims_of(token.encode())
        assert found is not None
        return found

    async def status(self, token: str, resource: str = BACK.uri) -> int:
        request = bearing(b"Bearer " + token.encode())
        return statuses([await self.opened.decide("oauth2", request, resource=resource)])[0]


def played(test: Callable[[Play], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def play() -> None:
        issuer = Issuer(PARTNER, "us", keys=[THEIR_KEY.verification], subject="user:{sub}", types=("jwt", "at+jwt"))
        trusted = TrustedIssuer(issuer, frozenset({"exchange"}))
        async with house(oauth=OAuthRules(resources=(API, BACK), issuers=(trusted,))) as opened:
            await test(await Play(opened).set_up())

    def run() -> None:
        asyncio.run(play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@played
async def test_an_api_gets_a_token_for_the_api_behind_it_and_says_that_it_acts(play: Play) -> None:
    given = members(await play.exchange(await play.token(), resource=(BACK.uri,)))
    assert (given["issued_token_type"], given["token_type"], given["scope"]) == (ACCESS_TYPE, "Bearer", "orders:read")
    claims = play.claims(given["access_token"])
    assert (claims["sub"], claims["aud"], claims["client_id"]) == ("user:alice", BACK.uri, play.api.id)
    assert claims["act"] == {"sub": "service:api", "client_id": play.api.id}
    assert claims["amr"] == ["pwd"]
    request = bearing(b"Bearer " + given["access_token"].encode())
    decision: Any = await play.opened.decide("oauth2", request, resource=BACK.uri)
    assert (decision.principal.subject, decision.principal.actor) == ("user:alice", "service:api")
    assert "refresh_token" not in given


@played
async def test_the_audit_says_who_got_a_token_for_whom(play: Play) -> None:
    token = await play.token()
    members(await play.exchange(token, resource=(BACK.uri,)))
    event = (await play.opened.events())[-1]
    assert (event.action, event.subject, event.actor) == ("exchange", "user:alice", "service:api")
    assert event.detail == f"{play.claims(token)['jti']} for {BACK.uri}"


SCOPES = st.frozensets(st.sampled_from(["orders:read", "orders:write", "stock:read", "profile:read", "openid"]))
TARGETS = st.lists(st.sampled_from([API.uri, BACK.uri]), unique=True, max_size=2)


@settings(max_examples=60, deadline=None)
@given(held=SCOPES, allowed=SCOPES, asked=SCOPES, targets=TARGETS, audience=TARGETS, life=st.integers(1, 900))
def test_property_nothing_grows_by_an_exchange(
    held: frozenset[str],
    allowed: frozenset[str],
    asked: frozenset[str],
    targets: list[str],
    audience: list[str],
    life: int,
) -> None:
    @played
    async def test(play: Play) -> None:
        client = await play.client("some", sorted(allowed), introspects=[API.uri, BACK.uri])
        named, end = tuple(audience) or (API.uri,), play.opened.clock() + life
        token = await play.token(scopes=held, audience=named, ends_at=end)
        before = play.claims(token)
        given = await play.exchange(token, client, resource=tuple(targets), scope=" ".join(sorted(asked)))
        if not isinstance(given, dict):
            assert given.error in ("invalid_scope", "invalid_target")
            return
        after = play.claims(given["access_token"])
        scopes = set(after["scope"].split())
        assert scopes <= set(before["scope"].split()) & (allowed | {"openid"})
        assert not asked or scopes <= asked
        assert (after["sub"], after["exp"] <= before["exp"]) == (before["sub"], True)
        aud = {after["aud"]} if isinstance(after["aud"], str) else set(after["aud"])
        assert aud == (set(targets) or set(named))

    test()


@played
async def test_never_more_scopes_than_the_token_or_the_client_has(play: Play) -> None:
    token = await play.token()
    assert error(await play.exchange(token, resource=(BACK.uri,), scope="stock:read")) == "invalid_scope"
    assert error(await play.exchange(token, resource=(BACK.uri,), scope="orders:write")) == "invalid_scope"
    given = members(await play.exchange(token, resource=(API.uri,)))
    assert given["scope"] == "orders:read"


@played
async def test_never_a_longer_life_than_what_was_shown(play: Play) -> None:
    token = await play.token(ends_at=play.opened.clock() + 30)
    play.opened.clock.now += 10
    given = members(await play.exchange(token))
    assert given["expires_in"] == 20
    assert play.claims(given["access_token"])["exp"] == play.claims(token)["exp"]


@played
async def test_never_an_api_that_is_not_known_or_not_the_clients(play: Play) -> None:
    token = await play.token()
    narrow = await play.client("narrow", ["orders:read"], introspects=[API.uri], audiences=[API.uri])
    for uri in ("https://evil.example", BACK.uri + "/", CHAT):
        assert error(await play.exchange(token, resource=(uri,))) == "invalid_target"
        assert error(await play.exchange(token, audience=(uri,))) == "invalid_target"
    assert error(await play.exchange(token, narrow, resource=(BACK.uri,))) == "invalid_target"
    assert play.claims(members(await play.exchange(token, narrow))["access_token"])["aud"] == API.uri
    elsewhere = await play.client("elsewhere", ["orders:read"], introspects=[API.uri], audiences=[BACK.uri])
    assert error(await play.exchange(token, elsewhere)) == "invalid_target", "not our own audience instead"
    both = members(await play.exchange(token, resource=(API.uri,), audience=(BACK.uri,)))
    assert play.claims(both["access_token"])["aud"] == [API.uri, BACK.uri]


@played
async def test_must_19_only_a_token_of_its_own_or_for_an_api_that_it_stands_for(play: Play) -> None:
    stranger = await play.client("stranger", ["orders:read"])
    assert error(await play.exchange(await play.token(), stranger)) == "invalid_request"
    assert error(await play.exchange(await play.token(audience=(BACK.uri,)), play.api)) == "invalid_request"
    own = await play.client("own", ["orders:read"])
    token = (await play.opened.watchword.tokens.for_client(own, Terms(own.scopes, (API.uri,)))).text
    claims = play.claims(members(await play.exchange(token, own))["access_token"])
    assert (claims["sub"], "act" in claims) == ("service:own", False), "it acts for itself"


@played
async def test_cve_2025_69196_a_client_exchanges_its_own_token_for_no_api_that_nobody_was_asked_about(
    play: Play,
) -> None:
    """What a refresh does not give, an exchange does not either: the client is nobody's API."""
    play.app = await play.client("shop", ["orders:read"])
    own, free = play.oauth.resources.audience, await play.family(play.app)
    for audience, asked, expected in (
        ((API.uri,), (), API.uri),
        ((API.uri, BACK.uri), (BACK.uri,), BACK.uri),
        ((API.uri,), (BACK.uri,), None),
        ((API.uri,), (API.uri, BACK.uri), None),
        ((API.uri,), (own,), None),
        ((), (BACK.uri,), None),
        ((), (), own),
    ):
        given = await play.exchange(await play.token(family=free, audience=audience), play.app, resource=asked)
        found = play.claims(given["access_token"])["aud"] if isinstance(given, dict) else None
        assert found == expected, (audience, asked)
        assert isinstance(given, dict) or given.error == "invalid_target"


@pytest.mark.parametrize(
    "kind", ["family", "token", "subject", "client", "client tokens", "disabled", "expired", "junk"]
)
def test_cve_2026_9097_what_is_dead_is_not_exchanged(kind: str) -> None:
    @played
    async def test(play: Play) -> None:
        family = await play.family()
        token, lifecycle, by = await play.token(family=family), play.opened.watchword.lifecycle, {"by": "user:admin"}
        members(await play.exchange(token))
        await _end(play, kind, family, token, lifecycle, by)
        shown = token[:-4] + "AAAA" if kind == "junk" else token
        assert error(await play.exchange(shown)) == "invalid_request"

    test()


async def _end(play: Play, kind: str, family: Credential, token: str, lifecycle: Any, by: dict[str, str]) -> None:
    claims = play.claims(token)
    if kind == "family":
        await lifecycle.revoke(family.id, reason="test", **by)
    elif kind == "token":
        await lifecycle.revoke_token(claims["jti"], until=claims["exp"], subject="user:alice", reason="test", **by)
        await play.opened.decide("oauth2", bearing(b"Bearer x"))  # the feed is read before any request is judged
    elif kind == "subject":
        await lifecycle.revoke_tokens("user:alice", reason="test", **by)
    elif kind == "client":
        await lifecycle.revoke(play.app.id, reason="test", **by)
    elif kind == "client tokens":
        await lifecycle.revoke_client_tokens(play.app.id, reason="test", **by)
    elif kind == "disabled":
        await lifecycle.set_enabled("user:alice", False, **by)
    elif kind == "expired":
        play.opened.clock.now += 601


@pytest.mark.parametrize("kind", ["family", "token", "subject", "client", "client tokens", "disabled", "its own"])
def test_what_came_of_an_exchange_ends_with_what_it_came_of(kind: str) -> None:
    @played
    async def test(play: Play) -> None:
        family = await play.family()
        token, lifecycle, by = await play.token(family=family), play.opened.watchword.lifecycle, {"by": "user:admin"}
        first = members(await play.exchange(token, resource=(API.uri,)))["access_token"]
        second = members(await play.exchange(first, resource=(BACK.uri,)))["access_token"]
        assert await play.status(second) == 200
        if kind == "its own":
            await lifecycle.revoke(play.api.id, reason="test", **by)
        else:
            await _end(play, kind, family, token, lifecycle, by)
        assert await play.status(second) == 401
        assert await play.oauth.inspection.active(second) is None

    test()


@played
async def test_of_a_middle_one_too_and_not_the_other_way_round(play: Play) -> None:
    token = await play.token()
    first = members(await play.exchange(token, resource=(API.uri,)))["access_token"]
    second = members(await play.exchange(first, resource=(BACK.uri,)))["access_token"]
    claims = play.claims(first)
    lifecycle = play.opened.watchword.lifecycle
    await lifecycle.revoke_token(claims["jti"], until=claims["exp"], subject="user:alice", reason="test", by="x")
    assert await play.status(second) == 401
    assert await play.status(token, API.uri) == 200


@played
async def test_actors_are_nested_and_bounded(play: Play) -> None:
    token = await play.token()
    chain = [await play.client(f"step{number}", ["orders:read"], introspects=[API.uri]) for number in range(6)]
    for number, client in enumerate(chain[:MOST_ACTORS]):
        token = members(await play.exchange(token, client))["access_token"]
        claims = play.claims(token)
        assert claims["act"]["sub"] == f"service:step{number}"
        assert len(claims["origin"]) == number + 1
        if number:
            assert claims["act"]["act"]["sub"] == f"service:step{number - 1}"
    assert error(await play.exchange(token, chain[MOST_ACTORS])) == "invalid_request"


@played
async def test_an_actor_token_says_who_acts_and_must_be_the_clients(play: Play) -> None:
    token = await play.token()
    tokens = play.opened.watchword.tokens
    mine = (await tokens.for_client(play.api, Terms(play.api.scopes))).text
    given = await play.exchange(token, actor_token=mine, actor_token_type=ACCESS_TYPE)
    assert play.claims(members(given)["access_token"])["act"] == {"sub": "service:api", "client_id": play.api.id}
    other = (await tokens.for_client(await play.client("other", []), Terms(frozenset()))).text
    for text, kind in ((other, ACCESS_TYPE), (mine, ""), ("", ACCESS_TYPE), (mine, ID_TYPE), ("junk", ACCESS_TYPE)):
        assert error(await play.exchange(token, actor_token=text, actor_token_type=kind)) == "invalid_request"


@played
async def test_only_whom_the_operator_lets_impersonates(play: Play) -> None:
    free = await play.client("free", ["orders:read"], introspects=[API.uri], exchange={"impersonate": True})
    token = await play.token()
    assert "act" not in play.claims(members(await play.exchange(token, free))["access_token"])
    acted = members(await play.exchange(token))["access_token"]
    kept = play.claims(members(await play.exchange(acted, free))["access_token"])
    assert kept["act"]["sub"] == "service:api", "who acted before is not forgotten"


@played
async def test_may_act_is_honoured(play: Play) -> None:
    for may, expected in (
        ({"sub": "service:api"}, ""),
        ({"client_id": play.api.id, "sub": "service:api"}, ""),
        ({"sub": "service:other"}, "invalid_request"),
        ({"sub": "service:api", "iss": "https://elsewhere.example"}, "invalid_request"),
        ({}, "invalid_request"),
        ("service:api", "invalid_request"),
    ):
        given = await play.exchange(await play.token(more={"may_act": may}))
        assert ("" if isinstance(given, dict) else given.error) == expected, may


@played
async def test_must_17_a_bound_token_is_exchanged_with_its_key_alone(play: Play) -> None:
    token = await play.token(cnf={"jkt": "mine"})
    assert error(await play.exchange(token)) == "invalid_request"
    assert error(await play.exchange(token, sender=Sender(jkt="another"))) == "invalid_request"
    given = members(await play.exchange(token, sender=Sender(jkt="mine")))
    assert given["token_type"] == "DPoP"
    assert play.claims(given["access_token"])["cnf"] == {"jkt": "mine"}
    free = members(await play.exchange(await play.token(), sender=Sender(jkt="another")))
    assert play.claims(free["access_token"])["cnf"] == {"jkt": "another"}, "an exchange may bind"


@played
async def test_the_bounds_of_what_was_shown_stay(play: Play) -> None:
    family = await play.family()
    bounded = family.changed(networks=("10.0.0.0/8",))
    token = await play.token(family=bounded)
    assert play.claims(members(await play.exchange(token))["access_token"])["networks"] == ["10.0.0.0/8"]


@played
async def test_an_id_token_says_who_and_not_what(play: Play) -> None:
    family = await play.family(play.api, resources=[BACK.uri])
    access = await play.opened.watchword.tokens.for_app(family, play.api, Terms(family.scopes))
    issue = play.opened.watchword.tokens.openid.issue
    token = await issue(family, play.api, access.text, 600)
    given = members(await play.exchange(token, type=ID_TYPE, resource=(BACK.uri,)))
    assert error(await play.exchange(token, type=ID_TYPE, resource=(API.uri,))) == "invalid_target", "nobody was asked"
    assert (given["scope"], play.claims(given["access_token"])["sub"]) == ("", "user:alice")
    assert error(await play.exchange(token, type=ID_TYPE, scope="orders:read")) == "invalid_scope"
    assert error(await play.exchange(token, play.app, type=ID_TYPE)) == "unauthorized_client"
    other = await play.client("other", ["orders:read"])
    assert error(await play.exchange(token, other, type=ID_TYPE)) == "invalid_request", "another client's"
    for kind in (ACCESS_TYPE, JWT_TYPE):
        assert error(await play.exchange(token, type=kind)) == "invalid_request", "an id_token is no access token"
    assert error(await play.exchange(access.text, type=ID_TYPE)) == "invalid_request"
    await play.opened.watchword.lifecycle.set_enabled("user:alice", False, by="x")
    assert error(await play.exchange(token, type=ID_TYPE)) == "invalid_request"


@pytest.mark.parametrize("kind", ["family", "subject", "client", "client tokens", "disabled", "expired"])
def test_an_id_token_is_worth_nothing_without_what_it_was_given_beside(kind: str) -> None:
    @played
    async def test(play: Play) -> None:
        play.who = play.who._replace(constraints=Constraints((ip_network("192.0.2.0/24"),)))
        client, token = await _jagger(play)
        play.app, lifecycle, by = client, play.opened.watchword.lifecycle, {"by": "user:admin"}
        (family,) = await play.store.credentials(kind=Kind.REFRESH, subject="user:alice")
        ask: dict[str, Any] = {"type": ID_TYPE, "requested_token_type": JAG_TYPE, "audience": (CHAT,)}
        members(await play.exchange(token, client, **ask))
        given = members(await play.exchange(token, client, type=ID_TYPE))["access_token"]
        claims = play.claims(given)
        assert (claims["sid"], claims["origin"], claims["networks"]) == (family.id, [], ["192.0.2.0/24"])
        await _end(play, kind, family, given, lifecycle, by)
        assert error(await play.exchange(token, client, **ask)) == "invalid_request"
        assert error(await play.exchange(token, client, type=ID_TYPE)) == "invalid_request"
        assert statuses([await play.opened.decide("oauth2", bearing(b"Bearer " + given.encode()))]) == [401]
        assert await play.oauth.inspection.active(given) is None, "and with it goes what came of it"

    test()


@played
async def test_what_cannot_be_had_is_said_in_the_rfcs_words(play: Play) -> None:
    token = await play.token()
    assert error(await play.exchange(token, requested_token_type=REFRESH_TYPE)) == "invalid_request"
    assert error(await play.exchange(token, requested_token_type=NOT_ISSUED)) == "invalid_request"
    assert error(await play.exchange(token, type=NOT_ISSUED)) == "invalid_request"
    assert error(await play.exchange("", type=ACCESS_TYPE)) == "invalid_request"
    assert error(await play.exchange(token, type="")) == "invalid_request"
    assert error(await play.exchange(play.refresh_token, type=REFRESH_TYPE)) == "invalid_request"
    assert members(await play.exchange(token, requested_token_type=JWT_TYPE))["issued_token_type"] == JWT_TYPE


@played
async def test_opaque_tokens_are_exchanged_and_given_alike(play: Play) -> None:
    opaque = await play.client("opaque", ["orders:read"], introspects=[API.uri], token_format="opaque")
    given = members(await play.exchange(await play.token(), opaque, resource=(API.uri,)))
    assert given["access_token"].startswith("at_")
    assert error(await play.exchange(given["access_token"], opaque, requested_token_type=JWT_TYPE)) == "invalid_request"
    again = members(await play.exchange(given["access_token"], resource=(BACK.uri,)))
    assert play.claims(again["access_token"])["act"]["act"]["sub"] == "service:opaque"


@played
async def test_must_11_tokens_of_a_trusted_issuer_are_for_us_and_of_somebody_here(play: Play) -> None:
    now = int(play.opened.clock())
    claims = {"iss": PARTNER, "sub": "alice", "aud": "us", "iat": now, "exp": now + 60, "scope": "orders:read"}
    given = members(await play.exchange(THEIR_KEY.sign(claims), type=JWT_TYPE, resource=(BACK.uri,)))
    said = play.claims(given["access_token"])
    assert (said["sub"], said["scope"], said["sid"]) == ("user:alice", "orders:read", play.api.id)
    assert said["exp"] == now + 60
    for change in (
        {"iss": PARTNER + "/"},
        {"iss": [PARTNER]},
        {"iss": PARTNER[:-1]},
        {"aud": "us2"},
        {"aud": []},
        {"sub": "nobody"},
        {"sub": ""},
        {"exp": now},
        {"exp": None},
        {"nbf": now + 600},
    ):
        token = THEIR_KEY.sign({**claims, **change})
        assert error(await play.exchange(token, type=JWT_TYPE)) == "invalid_request", change
    assert error(await play.exchange(SigningKey.generate().sign(claims), type=JWT_TYPE)) == "invalid_request"
    assert error(await play.exchange(THEIR_KEY.sign(claims, "logout+jwt"), type=JWT_TYPE)) == "invalid_request"


@pytest.mark.parametrize(
    "change",
    [
        {"origin": 7},
        {"origin": "https://partner.example"},
        {"networks": "eu-west", "limit": "gold"},
        {"auth_time": "yesterday", "amr": 5, "acr": ["x"]},
        {"proved": {"hwk": 1}},
        {"act": {"act": {"act": {"act": {"act": {"sub": "service:api"}}}}}},
        {"sid": "cli_x", "client_id": "cli_y"},
    ],
)
def test_what_an_outside_issuer_means_by_a_name_is_no_claim_of_ours(change: dict[str, Any]) -> None:
    @played
    async def test(play: Play) -> None:
        now = int(play.opened.clock())
        claims = {"iss": PARTNER, "sub": "alice", "aud": "us", "iat": now, "exp": now + 60, "scope": "orders:read"}
        plain = members(await play.exchange(THEIR_KEY.sign(claims), type=JWT_TYPE, resource=(BACK.uri,)))
        given = members(await play.exchange(THEIR_KEY.sign({**claims, **change}), type=JWT_TYPE, resource=(BACK.uri,)))
        before, after = play.claims(plain["access_token"]), play.claims(given["access_token"])
        assert {**after, "jti": ""} == {**before, "jti": ""}
        assert await play.status(given["access_token"]) == 200

    test()


@played
async def test_must_20_what_an_outside_issuer_tells_of_events_lets_nobody_in(play: Play) -> None:
    now = int(play.opened.clock())
    told = {"iss": PARTNER, "sub": "alice", "aud": "us", "iat": now, "exp": now + 60, "jti": "1", "events": {}}
    assert error(await play.exchange(THEIR_KEY.sign(told), type=JWT_TYPE)) == "invalid_request"


@pytest.mark.parametrize("cnf", [None, 7, "ab", [], ["ab"], {}, {"jkt": "another"}, {"jkt": "mine", "x5t#S256": "x"}])
def test_must_17_what_an_outside_issuer_bound_is_exchanged_with_its_key_alone(cnf: Any) -> None:
    @played
    async def test(play: Play) -> None:
        now = int(play.opened.clock())
        claims = {"iss": PARTNER, "sub": "alice", "aud": "us", "iat": now, "exp": now + 60, "cnf": cnf}
        for sender in (Sender(), Sender(jkt="mine")):
            assert error(await play.exchange(THEIR_KEY.sign(claims), type=JWT_TYPE, sender=sender)) == "invalid_request"
        bound = THEIR_KEY.sign({**claims, "cnf": {"jkt": "mine"}})
        given = members(await play.exchange(bound, type=JWT_TYPE, sender=Sender(jkt="mine")))
        assert play.claims(given["access_token"])["cnf"] == {"jkt": "mine"}

    test()


# --- Identity Assertion JWT Authorization Grant -----------------------------------------------------------------------


async def _jagger(play: Play) -> tuple[Credential, str]:
    """Return a client that may assert to the chat server, and the id_token of who is logged in to it."""
    places = {"exchange": {"audiences": {CHAT: "their-id"}}}
    client = await play.client("wiki", ["chat:read", "chat:history"], **places)
    family = await play.family(client)
    access = await play.opened.watchword.tokens.for_app(family, client, Terms(family.scopes))
    return client, await play.opened.watchword.tokens.openid.issue(family, client, access.text, 600)


@played
async def test_an_id_jag_is_for_one_server_and_the_clients_name_there(play: Play) -> None:
    client, token = await _jagger(play)
    ask = {"type": ID_TYPE, "requested_token_type": JAG_TYPE, "audience": (CHAT,)}
    given = members(await play.exchange(token, client, **ask, scope="chat:read", resource=(CHAT + "/api",)))  # type: ignore[arg-type]
    assert (given["issued_token_type"], given["token_type"], given["expires_in"]) == (JAG_TYPE, "N_A", 300)
    key = play.opened.watchword.keys.signing_key().verification
    claims = verify(given["access_token"].encode(), key)
    assert isinstance(claims, dict)
    assert (claims["aud"], claims["client_id"], claims["sub"]) == (CHAT, "their-id", "user:alice")
    assert (claims["scope"], claims["resource"], claims["amr"]) == ("chat:read", CHAT + "/api", ["pwd"])
    assert claims["exp"] - claims["iat"] == 300
    assert error(await play.exchange(given["access_token"], client, type=JWT_TYPE)) == "invalid_request"
    refresh = {**ask, "type": REFRESH_TYPE}
    assert members(await play.exchange(play.refresh_token, client, **refresh))["issued_token_type"] == JAG_TYPE  # type: ignore[arg-type]


@played
async def test_a_refresh_token_is_shown_from_where_it_may_be_used(play: Play) -> None:
    client, _ = await _jagger(play)
    play.who = play.who._replace(constraints=Constraints((ip_network("10.0.0.0/8"),)))
    await play.family(client)
    ask: dict[str, Any] = {"type": REFRESH_TYPE, "requested_token_type": JAG_TYPE, "audience": (CHAT,)}
    assert error(await play.exchange(play.refresh_token, client, **ask)) == "invalid_request"
    _, token = await _jagger(play)
    assert error(await play.exchange(token, client, **{**ask, "type": ID_TYPE})) == "invalid_request"


@played
async def test_only_the_refresh_token_that_its_client_could_use_is_good_for_an_id_jag(play: Play) -> None:
    client, _ = await _jagger(play)
    old, ask = play.refresh_token, {"type": REFRESH_TYPE, "requested_token_type": JAG_TYPE, "audience": (CHAT,)}
    other = await play.client("other", [], exchange={"audiences": {CHAT: "other-id"}})
    assert error(await play.exchange(old, other, **ask)) == "invalid_request", "another client's"  # type: ignore[arg-type]
    redeemed = await play.opened.watchword.families.redeem(old, client=client.id)
    assert isinstance(redeemed, Refreshed)
    assert error(await play.exchange(old, client, **ask)) == "invalid_request", "used already"  # type: ignore[arg-type]
    members(await play.exchange(redeemed.token, client, **ask))  # type: ignore[arg-type]


@played
async def test_a_client_that_must_not_know_a_name_reads_it_in_no_id_jag(play: Play) -> None:
    places = {"exchange": {"audiences": {CHAT: "their-id"}}, "subject_type": "pairwise"}
    client = await play.client("wiki", ["chat:read"], **places)
    await play.family(client)
    ask: dict[str, Any] = {"type": REFRESH_TYPE, "requested_token_type": JAG_TYPE, "audience": (CHAT,)}
    assert error(await play.exchange(play.refresh_token, client, **ask)) == "invalid_request"


@played
async def test_an_id_jag_is_given_as_the_operator_decides(play: Play) -> None:
    client, token = await _jagger(play)
    ask: dict[str, Any] = {"type": ID_TYPE, "requested_token_type": JAG_TYPE}
    assert error(await play.exchange(token, client, **ask)) == "invalid_request"
    assert error(await play.exchange(token, client, **ask, audience=(CHAT, CHAT))) == "invalid_request"
    assert error(await play.exchange(token, client, **ask, audience=("https://other.example",))) == "invalid_target"
    chat = {**ask, "audience": (CHAT,)}
    assert error(await play.exchange(token, client, **chat, scope="chat:admin")) == "invalid_scope"
    assert error(await play.exchange(token, client, **chat, resource=("chat",))) == "invalid_target"
    assert error(await play.exchange(token, **chat)) == "invalid_request", "another client's id_token"
    assert error(await play.exchange(await play.token(), client, **{**chat, "type": ACCESS_TYPE})) == "invalid_request"
