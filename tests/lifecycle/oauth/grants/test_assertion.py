"""Tokens for assertions (RFC 7523), and for those of another authorization server about its people (ID-JAG)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import pytest

from tests.house import House, asking, house
from tests.lifecycle.oauth.grants.stage import error, members
from watchword.codec.jose import SigningKey
from watchword.keyring import Issuer
from watchword.lifecycle.clients.fields import ASSERTION
from watchword.lifecycle.oauth.presented import ID_JAG, LONGEST_ASSERTION
from watchword.lifecycle.oauth.rules import OAuthRules, Resource, TrustedIssuer
from watchword.lifecycle.oauth.terms import Given, Sender
from watchword.lifecycle.verbs import REMEMBERED
from watchword.model.credential import Credential, Kind

US = "https://auth.example"
API = Resource("https://orders.example", scopes=frozenset({"orders:read"}))
IDP, CI, CLUSTER, API_ONLY = "https://idp.example", "https://ci.example", "https://k8s.example", "https://api.example"
KEY = SigningKey.generate("ES256")
COUNT = count()


class Play:
    """Hold the keys of outside issuers, and two clients: one that proves itself, one that cannot."""

    def __init__(self, opened: House) -> None:
        self.opened = opened

    async def set_up(self) -> Play:
        await self.opened.watchword.lifecycle.add_subject("user:alice", by="test")
        await self.opened.watchword.lifecycle.add_subject("service:deploy", by="test")
        self.client = await self._client("app")
        self.public = await self._client("workload", public=True)
        return self

    async def _client(self, name: str, **options: Any) -> Credential:
        given = {"grants": [ASSERTION], **options}
        scopes = ["orders:read", "orders:write"]
        return (await self.opened.issue(Kind.OAUTH_CLIENT, f"service:{name}", scopes=scopes, options=given)).credential

    def signed(self, iss: str = IDP, typ: str = ID_JAG, key: SigningKey = KEY, **change: Any) -> str:
        now = int(self.opened.clock())
        claims = {
            "iss": iss,
            "sub": "alice",
            "aud": US,
            "client_id": self.client.id,
            "jti": f"j{next(COUNT)}",
            "iat": now,
            "exp": now + 300,
            **change,
        }
        return key.sign({name: value for name, value in claims.items() if value is not ...}, typ)

    def plain(self, iss: str = CI, **change: Any) -> str:
        return self.signed(iss, "JWT", **{"sub": "repo:shop:main", "client_id": ..., **change})

    async def ask(
        self,
        token: str,
        client: Credential | None = None,
        resource: tuple[str, ...] = (),
        sender: Sender | None = None,
        **form: str,
    ) -> Given:
        fields = {"grant_type": ASSERTION, "assertion": token, **form}
        grants, several = self.opened.watchword.oauth.grants, {"resource": resource}
        return await grants.answer(asking(), fields, client or self.client, sender or Sender(), several)

    def claims(self, given: Given) -> dict[str, Any]:
        found = self.opened.watchword.keys.claims_of(members(given)["access_token"].encode())
        assert found is not None
        return found


def _trusted(iss: str, *uses: str, **more: Any) -> TrustedIssuer:
    return TrustedIssuer(Issuer(iss, US, keys=[KEY.verification], subject="user:{sub}"), frozenset(uses), **more)


def played(test: Callable[[Play], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def play() -> None:
        named = {"subjects": {"repo:shop:main": "service:deploy"}}
        issuers = (
            _trusted(IDP, "id-jag"),
            _trusted(CI, "assertion", **named),
            _trusted(CLUSTER, "reusable-assertion", **named),
            _trusted(API_ONLY, "exchange"),
        )
        async with house(issuer=US, oauth=OAuthRules(resources=(API,), issuers=issuers)) as opened:
            await test(await Play(opened).set_up())

    def run() -> None:
        asyncio.run(play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@played
async def test_a_workload_gets_a_token_for_what_its_platform_says_of_it(play: Play) -> None:
    given = await play.ask(play.plain(), play.public, scope="orders:read")
    claims = play.claims(given)
    assert (claims["sub"], claims["client_id"], claims["scope"]) == ("service:deploy", play.public.id, "orders:read")
    assert (claims["sid"], "refresh_token" in members(given)) == (play.public.id, False)


@played
async def test_the_audit_says_who_got_a_token_for_whom(play: Play) -> None:
    members(await play.ask(play.plain(), play.public))
    event = (await play.opened.events())[-1]
    assert (event.action, event.credential, event.subject) == ("assertion", play.public.id, "service:deploy")
    assert (event.actor, event.detail) == ("service:workload", f"of {CI} about repo:shop:main")


@played
async def test_an_assertion_may_be_for_the_token_endpoint(play: Play) -> None:
    play.claims(await play.ask(play.plain(aud=f"{US}/oauth/token")))
    play.claims(await play.ask(play.plain(aud=["https://other.example", US])))


@played
async def test_cve_2020_15222_an_assertion_is_good_once(play: Play) -> None:
    token = play.plain(jti="same")
    members(await play.ask(token))
    assert error(await play.ask(token)) == "invalid_grant"
    assert error(await play.ask(play.plain(jti="same", exp=int(play.opened.clock()) + 200))) == "invalid_grant"
    assert error(await play.ask(play.plain(jti=...))) == "invalid_grant"


@played
async def test_of_a_hundred_uses_at_once_one_gets_a_token(play: Play) -> None:
    for token in (play.plain(), play.signed()):
        given = await asyncio.gather(*(play.ask(token) for _ in range(100)))
        assert sum(isinstance(each, dict) for each in given) == 1


@played
async def test_a_refused_request_does_not_spend_the_assertion(play: Play) -> None:
    token = play.plain()
    assert error(await play.ask(token, scope="admin")) == "invalid_scope"
    members(await play.ask(token))


@played
async def test_what_a_platform_gives_for_an_hour_is_shown_as_often_as_needed(play: Play) -> None:
    token = play.plain(CLUSTER, exp=int(play.opened.clock()) + 3607, jti=...)
    for _ in range(3):
        assert play.claims(await play.ask(token))["sub"] == "service:deploy"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": CI + "/"},
        {"iss": CI[:-1]},
        {"iss": CI + ".evil.example"},
        {"iss": [CI]},
        {"iss": ...},
        {"iss": API_ONLY},
        {"iss": IDP},
        {"iss": US},
        {"aud": US + "/"},
        {"aud": "https://other.example"},
        {"aud": []},
        {"aud": ...},
        {"exp": 1},
        {"exp": ...},
        {"exp": "soon"},
        {"exp": 2**40},
        {"nbf": 2**33},
        {"iat": 2**33},
        {"sub": "repo:shop"},
        {"sub": "repo:shop:main2"},
        {"sub": ["repo:shop:main"]},
        {"sub": ...},
        {"jti": 7},
        {"scope": 7},
    ],
    ids=str,
)
def test_ghsa_75c5_xw7c_p5pm_and_must_11_each_claim_is_judged_whole(change: dict[str, Any]) -> None:
    @played
    async def test(play: Play) -> None:
        assert error(await play.ask(play.plain(**change))) == "invalid_grant"

    test()


@played
async def test_the_end_is_bounded(play: Play) -> None:
    now = int(play.opened.clock())
    assert error(await play.ask(play.plain(exp=now + LONGEST_ASSERTION + 1))) == "invalid_grant"
    members(await play.ask(play.plain(exp=now + LONGEST_ASSERTION)))


@played
async def test_must_9_another_key_another_algorithm_and_nonsense_prove_nothing(play: Play) -> None:
    mallory = SigningKey.generate("ES256", kid=KEY.kid)
    honest = play.plain()
    for token in (
        play.plain(key=mallory),
        play.plain(key=SigningKey.generate("EdDSA", kid=KEY.kid)),
        honest[:-8],
        honest + "AA",
        honest.rpartition(".")[0] + ".",
        "eyJhbGciOiJub25lIn0.e30.",
        "junk",
        "a.b.c",
    ):
        assert error(await play.ask(token)) == "invalid_grant"
    assert error(await play.ask("")) == "invalid_request"


@played
async def test_must_10_a_type_that_was_not_agreed_to_is_refused(play: Play) -> None:
    for typ in ("at+jwt", "logout+jwt", "dpop+jwt"):
        token = play.signed(CI, typ, sub="repo:shop:main", client_id=...)
        assert error(await play.ask(token)) == "invalid_grant"


@played
async def test_who_is_disabled_or_gone_gets_nothing(play: Play) -> None:
    await play.opened.watchword.lifecycle.set_enabled("service:deploy", False, by="test")
    assert error(await play.ask(play.plain())) == "invalid_grant"
    assert error(await play.ask(play.signed(sub="nobody"))) == "invalid_grant"


@played
async def test_what_was_issued_before_everything_was_taken_back_is_void(play: Play) -> None:
    token = play.plain(CLUSTER)
    await play.opened.watchword.lifecycle.revoke_tokens("service:deploy", reason="test", by="test")
    assert error(await play.ask(token)) == "invalid_grant"


@played
async def test_what_says_no_time_is_as_old_as_what_was_taken_back(play: Play) -> None:
    assert members(await play.ask(play.plain(iat=...)))
    await play.opened.watchword.lifecycle.revoke_tokens("service:deploy", reason="test", by="test")
    play.opened.clock.now += REMEMBERED - 1
    assert error(await play.ask(play.plain(iat=...))) == "invalid_grant"
    assert members(await play.ask(play.plain()))
    play.opened.clock.now += 2
    assert members(await play.ask(play.plain(iat=...)))


@played
async def test_must_17_a_bound_assertion_is_good_with_its_key_alone(play: Play) -> None:
    mine = Sender(jkt="mine")
    for signed in (play.plain, play.signed):
        assertion = signed(cnf={"jkt": "mine"})
        for sender in (Sender(), Sender(jkt="another")):
            assert error(await play.ask(assertion, sender=sender)) == "invalid_grant"
        given = await play.ask(assertion, sender=mine)
        assert play.claims(given)["cnf"] == {"jkt": "mine"}, "and what was refused did not spend it"
        for cnf in (None, "mine", {}, ["jkt"]):
            assert error(await play.ask(signed(cnf=cnf), sender=mine)) == "invalid_grant", cnf


@played
async def test_must_20_what_tells_of_events_is_no_assertion(play: Play) -> None:
    assert error(await play.ask(play.plain(events={}))) == "invalid_grant"
    assert error(await play.ask(play.signed(events={}))) == "invalid_grant"


@played
async def test_what_an_issuer_says_of_a_login_counts_where_it_is_in_the_right_form(play: Play) -> None:
    said = play.claims(await play.ask(play.signed(amr=["otp"], auth_time=7, acr="aal2", proved={"otp": 7}, origin=7)))
    assert (said["amr"], said["auth_time"]) == (["otp"], 7)
    assert said.keys().isdisjoint({"acr", "proved", "origin"})
    said = play.claims(await play.ask(play.signed(amr=5, auth_time="7")))
    assert said.keys().isdisjoint({"amr", "auth_time"})


@played
async def test_a_token_is_void_with_its_client_and_its_subject(play: Play) -> None:
    lifecycle = play.opened.watchword.lifecycle
    text = members(await play.ask(play.plain()))["access_token"]
    await lifecycle.revoke_tokens("service:deploy", reason="test", by="test")
    await play.opened.watchword.gate.decide(asking(), play.opened.watchword.route("api-key"))
    assert await play.opened.watchword.oauth.inspection.active(text) is None


# --- ID-JAG -----------------------------------------------------------------------------------------------------------


@played
async def test_an_id_jag_says_who_it_is_for_what_and_how_they_logged_in(play: Play) -> None:
    token = play.signed(resource=API.uri, scope="orders:read", amr=["pwd", "otp", "mfa"], auth_time=1_700_000_000)
    claims = play.claims(await play.ask(token))
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("user:alice", API.uri, "orders:read")
    assert (claims["amr"], claims["auth_time"]) == (["pwd", "otp", "mfa"], 1_700_000_000)


@played
async def test_scopes_and_apis_are_no_more_than_the_id_jag_says(play: Play) -> None:
    assert error(await play.ask(play.signed(scope="orders:read"), scope="orders:write")) == "invalid_scope"
    assert play.claims(await play.ask(play.signed(scope="orders:read admin")))["scope"] == "orders:read"
    other = play.opened.watchword.audience
    assert error(await play.ask(play.signed(resource=API.uri), resource=(other,))) == "invalid_target"
    for resource in ("https://unknown.example", [], 7, [API.uri, "https://unknown.example"]):
        given = await play.ask(play.signed(resource=resource))
        assert isinstance(given, dict) is (resource == [API.uri, "https://unknown.example"]), resource
    both = play.signed(resource=[API.uri, other])
    assert play.claims(await play.ask(both, resource=(API.uri,)))["aud"] == API.uri


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "cli_another"},
        {"client_id": ...},
        {"aud": f"{US}/oauth/token"},
        {"aud": [US, "https://other.example"]},
        {"jti": ...},
        {"iat": ...},
        {"exp": ...},
        {"sub": ...},
        {"iss": CI},
        {"iss": US},
    ],
    ids=str,
)
def test_an_id_jag_is_for_one_server_and_one_client(change: dict[str, Any]) -> None:
    @played
    async def test(play: Play) -> None:
        assert error(await play.ask(play.signed(**change))) == "invalid_grant"

    test()


@played
async def test_an_assertion_gives_no_api_that_is_not_the_clients(play: Play) -> None:
    client = await play._client("narrow", audiences=[API.uri])
    for resource, expected in (((), "invalid_target"), ((US,), "invalid_target"), ((API.uri,), "")):
        given = await play.ask(play.plain(), client, resource)
        assert ("" if isinstance(given, dict) else given.error) == expected, resource


@played
async def test_an_id_jag_needs_a_client_that_proves_itself(play: Play) -> None:
    assert error(await play.ask(play.signed(client_id=play.public.id), play.public)) == "invalid_grant"
    members(await play.ask(play.signed(aud=[US])))


@played
async def test_an_id_jag_of_our_own_gets_no_token_here(play: Play) -> None:
    own = play.opened.watchword.keys.signing_key()
    assert error(await play.ask(play.signed(US, key=own))) == "invalid_grant"


def test_this_server_itself_and_twice_the_same_are_no_issuers_of_assertions() -> None:
    for issuers in ((_trusted(US, "assertion"),), (_trusted(CI, "assertion"), _trusted(CI, "id-jag"))):
        with pytest.raises(ValueError, match="named once"):
            asyncio.run(_open(issuers))


async def _open(issuers: tuple[TrustedIssuer, ...]) -> None:
    async with house(issuer=US, oauth=OAuthRules(issuers=issuers)):
        pass
