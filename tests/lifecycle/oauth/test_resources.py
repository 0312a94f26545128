"""What tokens are for: known, the client's, never more than was granted, with scopes of no other API (RFC 8707)."""

from __future__ import annotations

import pytest

from tests.hostile import URIS
from tests.house import House, bearing, house, played, statuses
from tests.lifecycle.oauth.grants.stage import BOTH, Stage, error, members
from tests.lifecycle.oauth.test_asking import FIELDS, KNOWN
from watchword.lifecycle.oauth.asking import Ask, Refusal
from watchword.lifecycle.oauth.resources import MOST_RESOURCES, Resources
from watchword.lifecycle.oauth.rules import OAuthRules, Resource
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Principal

OURS = "https://auth.example"
A = Resource("https://a.example/mcp", "A", frozenset({"a"}))
B = Resource("https://b.example", "", frozenset({"b"}))
C = Resource("https://c.example")
FORM = {"grant_type": "client_credentials"}


def resources(*known: Resource, audience: str = OURS, issuer: str = OURS) -> Resources:
    return Resources(audience, known, issuer=issuer, everywhere=frozenset({"openid"}))


def client(**detail: object) -> Credential:
    return Credential("cli_1", Kind.OAUTH_CLIENT, "service:app", 1, detail=detail)


def test_only_known_apis_are_allowed_character_by_character() -> None:
    known = resources(A, B)
    assert known.allowed((), client())
    assert known.allowed((OURS, A.uri, B.uri), client())
    for uri in (A.uri + "/", A.uri.upper(), A.uri + "?", "https://a.example:443/mcp", "https://evil.example", "", "a"):
        assert not known.allowed((uri,), client()), uri


def test_a_client_has_the_apis_that_it_was_given() -> None:
    known, mine = resources(A, B), client(audiences=[A.uri])
    assert known.allowed((A.uri,), mine)
    assert not known.allowed((B.uri,), mine)
    assert not known.allowed((A.uri, B.uri), mine)


def test_a_client_that_was_not_given_our_own_audience_has_it_in_no_way() -> None:
    known = resources(A, B)
    for mine in (client(audiences=[A.uri]), client(audiences=[])):
        assert not known.allowed((), mine)
        assert known.narrowed((), (), mine) is None
        assert known.narrowed((OURS,), (), mine) is None
    assert known.narrowed((), (A.uri, OURS), client(audiences=[A.uri])) == (A.uri,)
    assert not known.allowed((A.uri,), client(audiences=[])), "none is none, and not every one"


def test_no_more_apis_than_a_token_should_name() -> None:
    many = [Resource(f"https://{number}.example") for number in range(MOST_RESOURCES + 1)]
    known = resources(*many)
    assert known.allowed(tuple(each.uri for each in many[:-1]), client())
    assert not known.allowed(tuple(each.uri for each in many), client())


def test_a_grant_is_narrowed_and_never_widened() -> None:
    known = resources(A, B, C)
    assert known.narrowed((), (), client()) == ()
    assert known.narrowed((OURS,), (), client()) == (OURS,)
    assert known.narrowed((A.uri,), (), client()) is None, "nobody was asked about it"
    assert known.narrowed((), (A.uri, B.uri), client()) == (A.uri, B.uri)
    assert known.narrowed((B.uri, B.uri), (A.uri, B.uri), client()) == (B.uri,)
    assert known.narrowed((C.uri,), (A.uri, B.uri), client()) is None
    assert known.narrowed((OURS,), (A.uri,), client()) is None


def test_must_7_what_the_client_lost_or_is_gone_is_not_refreshed() -> None:
    known = resources(A)
    assert known.narrowed((), (A.uri, B.uri), client()) == (A.uri,)
    assert known.narrowed((), (B.uri,), client()) is None, "never our own audience instead"
    assert known.narrowed((A.uri,), (A.uri,), client(audiences=[OURS])) is None


def test_a_token_carries_scopes_of_its_own_apis_alone() -> None:
    known, wanted = resources(A, B, C), frozenset({"a", "b", "openid"})
    assert known.scopes(wanted, (A.uri,)) == {"a", "openid"}
    assert known.scopes(wanted, (A.uri, B.uri)) == wanted
    assert known.scopes(wanted, (C.uri,)) == wanted, "it lists none"
    assert known.scopes(wanted, ()) == wanted
    ours = resources(Resource(OURS, scopes=frozenset({"a"})))
    assert ours.scopes(wanted, ()) == {"a", "openid"}


PATH = "/.well-known/oauth-protected-resource"


def test_rfc9728_section_3_1_the_well_known_path_goes_between_host_and_path() -> None:
    known = resources(Resource(f"{OURS}/mcp", "Tools", frozenset({"b", "a"})), Resource(f"{OURS}/x?tenant=1"), A)
    said = known.described(f"{PATH}/mcp")
    assert said is not None
    assert (said["resource"], said["authorization_servers"]) == (f"{OURS}/mcp", [OURS])
    assert (said["scopes_supported"], said["resource_name"]) == (["a", "b"], "Tools")
    assert said["bearer_methods_supported"] == ["header"]
    assert "ES256" in said["dpop_signing_alg_values_supported"]
    assert (known.described(f"{PATH}/x?tenant=1") or {})["resource"] == f"{OURS}/x?tenant=1"
    assert (known.described(PATH) or {})["resource"] == OURS
    for place in (f"{PATH}/", f"{PATH}/mcp/", f"{PATH}/x", f"{PATH}/x?tenant=2", f"{PATH}/MCP", "/mcp", ""):
        assert known.described(place) is None, place


def test_rfc9728_section_2_what_proofs_must_be_is_said_as_it_is() -> None:
    said = Resources(OURS, algorithms=("EdDSA", "PS256"), require_dpop=True).described(PATH)
    assert said is not None
    assert said["dpop_signing_alg_values_supported"] == ["EdDSA", "PS256"]
    assert said["dpop_bound_access_tokens_required"] is True
    lax = Resources(OURS).described(PATH)
    assert lax is not None
    assert "dpop_bound_access_tokens_required" not in lax


def test_apis_elsewhere_have_their_metadata_elsewhere() -> None:
    known = resources(A, audience="https://api.example")
    assert known.described(f"{PATH}/mcp") is None
    assert (known.described(PATH) or {})["resource"] == "https://api.example"


def test_two_apis_cannot_share_their_metadata() -> None:
    with pytest.raises(ValueError, match="share the metadata"):
        resources(Resource(OURS + "/"))


@pytest.mark.parametrize("place", URIS[::7])
def test_no_hostile_place_describes_anything(place: str) -> None:
    assert resources(A).described(f"{PATH}/{place}") is None


async def _stage(opened: House, *uris: str, **options: object) -> tuple[Stage, str]:
    stage = await Stage.of(opened, grants=[*BOTH, "client_credentials"], **options)
    ask = Ask(stage.client, KNOWN[0], frozenset({"a", "b", "openid"}), FIELDS["code_challenge"], resources=uris)
    who = Principal("user:alice", "session", stage.who.credential, frozenset({"a", "b"}), ("pwd",), 1)
    return stage, await opened.watchword.oauth.codes.grant(ask, who)


def _with(*uris: str) -> dict[str, tuple[str, ...]]:
    return {"resource": uris}


def _played(test: object) -> object:
    import asyncio

    async def play() -> None:
        async with house(oauth=OAuthRules(resources=(A, B))) as opened:
            await test(opened)  # type: ignore[operator]

    def run() -> None:
        asyncio.run(play())

    run.__name__ = getattr(test, "__name__", "test")
    return run


async def _refreshed(stage: Stage, token: str, *uris: str) -> object:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    grants = stage.opened.watchword.oauth.grants
    from tests.house import asking

    return await grants.answer(asking(), form, stage.client, several=_with(*uris))


async def _audience(opened: House, token: str) -> object:
    claims = opened.watchword.keys.claims_of(token.encode())
    assert claims is not None
    return claims["aud"]


@_played
async def test_cve_2025_69196_a_token_for_one_api_is_refused_at_another(opened: House) -> None:
    stage, code = await _stage(opened, A.uri)
    given = members(await stage.redeemed(code))
    assert await _audience(opened, given["access_token"]) == A.uri
    assert given["scope"] == "a openid"
    token = bearing(b"Bearer " + given["access_token"].encode())
    assert statuses([await opened.decide("oauth2", token)]) == [401], "our own audience is another API, too"
    assert statuses([await opened.decide("oauth2", token, resource=B.uri)]) == [401]
    assert statuses([await opened.decide("oauth2", token, resource=A.uri)]) == [200]


@_played
async def test_what_was_granted_is_narrowed_at_each_refresh(opened: House) -> None:
    stage, code = await _stage(opened, A.uri, B.uri)
    given = members(await stage.redeemed(code))
    assert await _audience(opened, given["access_token"]) == [A.uri, B.uri]
    only = members(await _refreshed(stage, given["refresh_token"], B.uri))  # type: ignore[arg-type]
    assert await _audience(opened, only["access_token"]) == B.uri
    assert only["scope"] == "b openid"
    own = opened.watchword.audience
    assert error(await _refreshed(stage, only["refresh_token"], own)) == "invalid_target"  # type: ignore[arg-type]
    both = members(await _refreshed(stage, only["refresh_token"]))  # type: ignore[arg-type]
    assert await _audience(opened, both["access_token"]) == [A.uri, B.uri]


@_played
async def test_what_nobody_was_asked_about_is_not_to_be_had_with_the_code(opened: House) -> None:
    from tests.house import asking
    from tests.lifecycle.oauth.test_asking import VERIFIER

    stage, code = await _stage(opened)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": KNOWN[0], "code_verifier": VERIFIER}
    given = await opened.watchword.oauth.grants.answer(asking(), form, stage.client, several=_with(A.uri))
    assert error(given) == "invalid_target"


@_played
async def test_a_client_asks_for_its_own_tokens_api_by_api(opened: House) -> None:
    from tests.house import asking

    stage, _ = await _stage(opened, audiences=[A.uri])
    grants = opened.watchword.oauth.grants
    given = members(await grants.answer(asking(), FORM, stage.client, several=_with(A.uri)))
    assert await _audience(opened, given["access_token"]) == A.uri
    assert given["scope"] == "a"
    assert error(await grants.answer(asking(), FORM, stage.client, several=_with(B.uri))) == "invalid_target"
    assert error(await grants.answer(asking(), FORM, stage.client)) == "invalid_target", "nor our own audience instead"


@_played
async def test_what_is_not_the_clients_is_not_to_be_had_by_asking_for_nothing(opened: House) -> None:
    stage, code = await _stage(opened, audiences=[A.uri])
    assert error(await stage.redeemed(code)) == "invalid_target"
    judged = opened.watchword.oauth.judge.judge({**FIELDS, "resource": ""}, stage.client, opened.clock())
    assert isinstance(judged, Refusal)
    assert judged.error == "invalid_target"
    stage, code = await _stage(opened, A.uri, audiences=[A.uri])
    given = members(await stage.redeemed(code))
    assert await _audience(opened, given["access_token"]) == A.uri
    again = members(await stage.refreshed(given["refresh_token"]))
    assert await _audience(opened, again["access_token"]) == A.uri, "what was granted needs not be named again"


@played
async def test_without_a_resource_tokens_are_for_our_own_audience(opened: House) -> None:
    stage = await Stage.of(opened, grants=["client_credentials"])
    given = members(await stage.answer(**FORM))
    assert await _audience(opened, given["access_token"]) == opened.watchword.audience
