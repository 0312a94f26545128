"""CVE-2026-11800, CVE-2026-33322: every place where a signed token comes in refuses the same forgeries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from typing import Any

import pytest

from tests.forged import forgeries
from tests.house import House, asking, house
from tests.proving import claims_of_client, public
from watchword.codec.jose import SigningKey
from watchword.codec.secrets import new_id
from watchword.keyring import Issuer
from watchword.lifecycle.oauth.authorization.request_objects import RequestObjects
from watchword.lifecycle.oauth.presented import ID_JAG, Shown
from watchword.lifecycle.oauth.proofs import ASSERTION
from watchword.lifecycle.oauth.rules import OAuthRules, TrustedIssuer
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Credential, Kind
from watchword.model.request import Peer, Request
from watchword.model.verdict import Allow, Principal

CLIENT, THEIRS = SigningKey.generate("ES256"), SigningKey.generate("ES256")
OUTSIDE, US = "https://idp.example", "http://127.0.0.1:8000"
PLACE = "https://api.example/orders"

Judge = Callable[[str], Awaitable[bool]]


@dataclass
class Entry:
    """Hold one place: who signs, what is signed, and whether a token gets in."""

    key: SigningKey
    typ: str
    claims: Callable[[], Mapping[str, Any]]
    accepts: Judge
    brings: Mapping[str, Any] = field(default_factory=dict)


class Stage:
    """Hold a house with a client, a person, and an outside issuer."""

    def __init__(self, opened: House, client: Credential, own: SigningKey, bound: str) -> None:
        self.opened, self.client, self.own, self.bound = opened, client, own, bound
        self.now = int(opened.clock.now)

    @classmethod
    async def of(cls, opened: House) -> Stage:
        options = {"jwks": {"keys": [CLIENT.public_jwk()]}, "auth_method": "private_key_jwt"}
        client = (await opened.issue(Kind.OAUTH_CLIENT, scopes=["a"], options=options)).credential
        await opened.watchword.lifecycle.add_subject("user:alice", by="user:admin")
        cnf = {"jkt": CLIENT.verification.thumbprint()}
        bound = await opened.watchword.tokens.for_client(client, Terms(frozenset({"a"}), cnf=cnf))
        alice = Principal("user:alice", "session", "", authenticated_at=int(opened.clock.now))
        await opened.watchword.families.start(alice, by="test", more={"client": client.id})  # what id_tokens stand on
        return cls(opened, client, opened.watchword.keys.signing_key(), bound.text)

    def entries(self) -> dict[str, Entry]:
        oauth, mine = self.opened.watchword.oauth, self.access
        named = partial(claims_of_client, self.client.id, US, self.now)
        return {
            "a bearer token": Entry(self.own, "at+jwt", mine, partial(self.decided, "oauth2")),
            "a login's token": Entry(self.own, "JWT", self.login, partial(self.decided, "jwt")),
            "introspection": Entry(self.own, "at+jwt", mine, self.introspected),
            "a token to exchange": Entry(self.own, "at+jwt", mine, self.shown(oauth.presented.access)),
            "an id_token to exchange": Entry(self.own, "JWT", self.id_token, self.shown(self.of_client)),
            "id_token_hint": Entry(self.own, "JWT", self.id_token, self.hinted),
            "a foreign token to exchange": Entry(THEIRS, "JWT", self.foreign, self.shown(oauth.presented.exchanged)),
            "an assertion": Entry(THEIRS, "JWT", self.foreign, self.shown(self.asserted)),
            "an ID-JAG": Entry(THEIRS, ID_JAG, self.foreign, self.shown(self.asserted)),
            "client_assertion": Entry(CLIENT, "JWT", named, self.authenticated),
            "a request object": Entry(CLIENT, "oauth-authz-req+jwt", self.request, self.asked),
            "a DPoP proof": Entry(CLIENT, "dpop+jwt", self.proof, self.possessed, {"jwk": public(CLIENT)}),
        }

    # What is signed.

    def access(self) -> dict[str, Any]:
        given = {"jti": new_id("jti_"), "sid": self.client.id, "scope": "a", "client_id": self.client.id}
        return {"iss": US, "sub": self.client.subject, "aud": US, "iat": self.now, "exp": self.now + 60, **given}

    def login(self) -> dict[str, Any]:
        return {"iss": US, "sub": "user:alice", "aud": US, "iat": self.now, "exp": self.now + 60, "jti": new_id("j")}

    def id_token(self) -> dict[str, Any]:
        given = {"aud": self.client.id, "at_hash": "x", "auth_time": self.now}
        return {"iss": US, "sub": "user:alice", "iat": self.now, "exp": self.now + 60, **given}

    def foreign(self) -> dict[str, Any]:
        given = {"jti": new_id("j"), "client_id": self.client.id}
        return {"iss": OUTSIDE, "sub": "alice", "aud": US, "iat": self.now, "exp": self.now + 60, **given}

    def request(self) -> dict[str, Any]:
        return {"iss": self.client.id, "aud": US, "exp": self.now + 60, "client_id": self.client.id, "scope": "a"}

    def proof(self) -> dict[str, Any]:
        return {"jti": new_id("j"), "htm": "GET", "htu": PLACE, "iat": self.now}

    # Where it comes in.

    async def decided(self, scheme: str, token: str) -> bool:
        fields = [(b"host", b"api.example"), (b"authorization", b"Bearer " + token.encode("latin-1"))]
        asked = Request("GET", b"/orders", b"", fields, Peer("192.0.2.1", tls=True))
        return isinstance(await self.opened.decide(scheme, asked), Allow)

    async def introspected(self, token: str) -> bool:
        answer: Any = self.opened.watchword.oauth.inspection.look(token, self.client)
        return (await answer if isawaitable(answer) else answer)["active"] is True

    def shown(self, judge: Callable[[str], Awaitable[Any]]) -> Judge:
        async def accepts(token: str) -> bool:
            return isinstance(await judge(token), Shown)

        return accepts

    async def of_client(self, token: str) -> Any:
        return await self.opened.watchword.oauth.presented.id_token(token, self.client)

    async def asserted(self, token: str) -> Any:
        return await self.opened.watchword.oauth.presented.assertion(token, self.client)

    async def hinted(self, token: str) -> bool:
        return self.opened.watchword.tokens.openid.hinted(token) is not None

    async def authenticated(self, token: str) -> bool:
        form = {"client_assertion_type": ASSERTION, "client_assertion": token}
        return isinstance(await self.opened.watchword.oauth.proofs.prove(asking(), form, US), Credential)

    async def asked(self, token: str) -> bool:
        oauth = self.opened.watchword.oauth
        objects = RequestObjects(oauth.client_keys, US, self.opened.clock)
        return isinstance(await objects.open(token, self.client), dict)

    async def possessed(self, token: str) -> bool:
        possession = self.opened.watchword.parts.possession()
        fields = [(b"host", b"api.example"), (b"dpop", token.encode("latin-1"))]
        proved: Any = possession.prove(Request("GET", b"/orders", b"", fields, Peer("192.0.2.1", tls=True)))
        return isinstance(await proved if isawaitable(proved) else proved, str)


async def _judged(name: str) -> list[str]:
    outside = Issuer(OUTSIDE, US, keys=[THEIRS.verification], subject="user:{sub}")
    uses = frozenset({"assertion", "id-jag", "exchange"})
    async with house(oauth=OAuthRules(issuers=(TrustedIssuer(outside, uses),))) as opened:
        stage = await Stage.of(opened)
        entry = stage.entries()[name]
        honest = partial(entry.key.sign, typ=entry.typ, headers=entry.brings or None)
        assert await entry.accepts(honest(entry.claims())), "the honest one must get in, or nothing is shown"
        let_in = [
            each
            for each, token in forgeries(entry.key, entry.typ, entry.claims(), entry.brings)
            if await entry.accepts(token)
        ]
        assert await entry.accepts(honest(entry.claims())), "no forgery changes that"
        return let_in


ENTRIES = (
    *("a bearer token", "a login's token", "introspection", "a token to exchange", "an id_token to exchange"),
    *("id_token_hint", "a foreign token to exchange", "an assertion", "an ID-JAG", "client_assertion"),
    *("a request object", "a DPoP proof"),
)


@pytest.mark.parametrize("name", ENTRIES)
def test_cve_2026_11800_no_entry_lets_a_forgery_in(name: str) -> None:
    assert asyncio.run(_judged(name)) == []


def test_every_entry_is_here() -> None:
    async def names() -> set[str]:
        async with house() as opened:
            return set((await Stage.of(opened)).entries())

    assert asyncio.run(names()) == set(ENTRIES)
