"""The seven schemes pass the suite that third parties inherit."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

from tests.house import basic
from tests.proving import dpop
from watchword import Principal
from watchword.app import Watchword
from watchword.assembly import Parts
from watchword.bearer import opaque_place
from watchword.codec.jose import SigningKey
from watchword.codec.secrets import new_secret
from watchword.codec.x509 import der_of
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Kind
from watchword.model.ports import Scheme
from watchword.model.request import Request
from watchword.schemes.api_key import ApiKey
from watchword.schemes.basic import Basic
from watchword.schemes.jwt import Jwt
from watchword.schemes.mtls import Mtls
from watchword.schemes.oauth2 import OAuth2
from watchword.schemes.session import Session
from watchword.schemes.signature import Signature
from watchword.testing.schemes import SchemeSuite


async def material(watchword: Watchword, kind: Kind, subject: str, **more: Any) -> dict[str, Any]:
    issued = await watchword.lifecycle.issue(kind, subject, by="user:admin", **more)
    return {"id": issued.credential.id, "credential": issued.credential, **issued.material}


class Authorized(SchemeSuite):
    """Present something in Authorization."""

    value: bytes

    def bearing(self, value: bytes, **peer: Any) -> Request:
        return self.request((b"authorization", value), **peer)

    def valid_request(self) -> Request:
        return self.bearing(self.value)


class TestApiKey(Authorized):
    def scheme(self, parts: Parts) -> Scheme[Any]:
        return ApiKey(parts.records, parts.verdicts, realm=parts.realm, clock=parts.clock)

    async def prepare(self, watchword: Watchword) -> None:
        key = await material(watchword, Kind.API_KEY, self.expected_subject)
        gone = await material(watchword, Kind.API_KEY, self.expected_subject)
        await watchword.lifecycle.revoke(gone["id"], reason="test", by="user:admin")
        self.value, self.gone = b"Bearer " + key["secret"].encode(), b"Bearer " + gone["secret"].encode()

    def forged_requests(self) -> Mapping[str, Request]:
        return {
            "revoked": self.bearing(self.gone),
            "cut (CVE-2026-27840)": self.bearing(self.value[:-1]),
            "longer": self.bearing(self.value + b"0"),
            "two at once": self.bearing(self.value + b", " + self.value),
            "test for live": self.bearing(self.value.replace(b"ak_live_", b"ak_test_")),
            "empty": self.bearing(b"Bearer ak_"),
        }


class TestBasic(Authorized):
    expected_subject = "user:suite"

    def scheme(self, parts: Parts) -> Scheme[Any]:
        return Basic(parts.password_check(), parts.verdicts, parts.clock, cache_key=b"k" * 32)

    async def prepare(self, watchword: Watchword) -> None:
        options = {"password": "correct horse battery staple"}
        await material(watchword, Kind.PASSWORD, self.expected_subject, options=options)
        self.value = basic("suite", "correct horse battery staple")

    def secrets(self) -> list[str]:
        return [self.value.decode().partition(" ")[2], "correct horse"]

    def forged_requests(self) -> Mapping[str, Request]:
        return {
            "wrong": self.bearing(basic("suite", "correct horse battery stapler")),
            "nobody": self.bearing(basic("nobody", "correct horse battery staple")),
            "empty": self.bearing(basic("suite", "")),
            "no colon": self.bearing(b"Basic c3VpdGU="),
            "not base64": self.bearing(b"Basic !!!"),
            "in plain text": self.bearing(self.value, tls=False),
        }


class TestJwt(Authorized):
    needs_store = False

    def scheme(self, parts: Parts) -> Scheme[Any]:
        return Jwt(
            parts.keys,
            {},
            parts.verdicts,
            parts.revocations,
            issuer=parts.issuer,
            audience=parts.audience,
            realm=parts.realm,
            clock=parts.clock,
        )

    async def prepare(self, watchword: Watchword) -> None:
        who = Principal(self.expected_subject, "test", "none", frozenset({"a"}), ("pwd",), int(time.time()))
        family = await watchword.families.start(who, by="user:admin")
        self.value = b"Bearer " + watchword.tokens.for_family(family.family).text.encode()
        gone = await watchword.families.start(who, by="user:admin")
        self.gone = b"Bearer " + watchword.tokens.for_family(gone.family).text.encode()
        await watchword.lifecycle.revoke(gone.family.id, reason="test", by="user:admin")

    def forged_requests(self) -> Mapping[str, Request]:
        head, payload, signature = self.value.split(b".")
        none = b"Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
        return {
            "unsigned (CVE-2026-28802)": self.bearing(b".".join((none, payload, b""))),
            "other signature": self.bearing(b".".join((head, payload, signature[::-1]))),
            "other payload": self.bearing(b".".join((head, payload[:-2] + b"AA", signature))),
            "family revoked": self.bearing(self.gone),
        }


class TestOAuth2(Authorized):
    needs_store = False

    def scheme(self, parts: Parts) -> Scheme[Any]:
        return OAuth2(
            parts.keys,
            {},
            parts.verdicts,
            parts.revocations,
            issuer=parts.issuer,
            audience=parts.audience,
            realm=parts.realm,
            clock=parts.clock,
        )

    async def prepare(self, watchword: Watchword) -> None:
        client = await material(watchword, Kind.OAUTH_CLIENT, self.expected_subject, scopes=["a"])
        token = await watchword.tokens.for_client(client["credential"], Terms(frozenset({"a"})))
        self.value = b"Bearer " + token.text.encode()

    def forged_requests(self) -> Mapping[str, Request]:
        head, payload, signature = self.value.split(b".")
        return {
            "other signature": self.bearing(b".".join((head, payload, signature[::-1]))),
            "other payload": self.bearing(b".".join((head, payload[:-2] + b"AA", signature))),
            "no signature": self.bearing(b".".join((head, payload, b""))),
        }


class TestOpaqueOAuth2(Authorized):
    """Present a token of our own that says nothing itself."""

    def scheme(self, parts: Parts) -> Scheme[Any]:
        return oauth2(parts)

    async def prepare(self, watchword: Watchword) -> None:
        self.value, self.gone = [b"Bearer " + (await opaque(watchword, self)).encode() for _ in range(2)]
        await watchword.store.take(opaque_place(self.gone[7:]))

    def forged_requests(self) -> Mapping[str, Request]:
        return {
            "cut (CVE-2026-27840)": self.bearing(self.value[:-1]),
            "longer": self.bearing(self.value + b"0"),
            "guessed": self.bearing(b"Bearer " + new_secret("at_").encode()),
            "gone": self.bearing(self.gone),
        }


class TestBoundOAuth2(SchemeSuite):
    """Present a token that belongs to a key, each time with a new proof of that key (RFC 9449)."""

    key = SigningKey.generate("ES256")
    token_format = "opaque"

    def scheme(self, parts: Parts) -> Scheme[Any]:
        return oauth2(parts)

    async def prepare(self, watchword: Watchword) -> None:
        cnf = {"jkt": self.key.verification.thumbprint()}
        self.token = await opaque(watchword, self, cnf, token_format=self.token_format)
        self.plain = await opaque(watchword, self, token_format=self.token_format)

    def bound(self, token: str, *proofs: str, scheme: str = "DPoP") -> Request:
        fields = [(b"dpop", each.encode()) for each in proofs]
        return self.request((b"authorization", f"{scheme} {token}".encode()), *fields)

    def proof(self, token: str, key: SigningKey | None = None, **more: Any) -> str:
        return dpop(key or self.key, "GET", "https://api.example/x", token, **more)

    def valid_request(self) -> Request:
        return self.bound(self.token, self.proof(self.token))

    def forged_requests(self) -> Mapping[str, Request]:
        good = self.proof(self.token)
        return {
            "no proof": self.bound(self.token),
            "as Bearer (MUST 17)": self.bound(self.token, good, scheme="Bearer"),
            "an unbound token as DPoP": self.bound(self.plain, self.proof(self.plain)),
            "two proofs": self.bound(self.token, self.proof(self.token), self.proof(self.token)),
            "another key": self.bound(self.token, self.proof(self.token, SigningKey.generate())),
            "another token's proof": self.bound(self.token, self.proof(self.plain)),
            "no ath": self.bound(self.token, self.proof(self.token, ath=...)),
            "another place": self.bound(self.token, dpop(self.key, "GET", "https://api.example/y", self.token)),
            "another method": self.bound(self.token, dpop(self.key, "POST", "https://api.example/x", self.token)),
            "an hour old": self.bound(self.token, self.proof(self.token, iat=int(time.time()) - 3600)),
        }


class TestBoundSignedOAuth2(TestBoundOAuth2):
    token_format = "jwt"


def oauth2(parts: Parts) -> OAuth2:
    return OAuth2(
        parts.keys,
        {},
        parts.verdicts,
        parts.revocations,
        issuer=parts.issuer,
        audience=parts.audience,
        ephemeral=parts.ephemeral,
        possession=parts.possession(),
        clock=parts.clock,
    )


async def opaque(
    watchword: Watchword, suite: SchemeSuite, cnf: dict[str, str] | None = None, token_format: str = "opaque"
) -> str:
    options = {"token_format": token_format}
    client = await material(watchword, Kind.OAUTH_CLIENT, suite.expected_subject, scopes=["a"], options=options)
    return (await watchword.tokens.for_client(client["credential"], Terms(frozenset({"a"}), cnf=cnf))).text


class TestSignature(SchemeSuite):
    def scheme(self, parts: Parts) -> Scheme[Any]:
        return Signature(parts.records, parts.ephemeral, parts.verdicts, parts.sealer, clock=parts.clock)

    async def prepare(self, watchword: Watchword) -> None:
        self.count = 0
        self.key = await material(watchword, Kind.HMAC, self.expected_subject)

    def secrets(self) -> list[str]:
        return [self.key["secret"]]

    def signed(self, *, body: bytes = b"{}", sent: bytes | None = None, secret: str = "", age: int = 0) -> Request:
        self.count += 1
        stamp, nonce, id = str(int(time.time()) - age).encode(), b"n%d" % self.count, self.key["key_id"].encode()
        whole = hashlib.sha256(body).hexdigest().encode()
        lines = (b"watchword-hmac-v1", id, stamp, nonce, b"POST", b"api.example", b"/x", b"", b"", whole)
        key = (secret or self.key["secret"]).encode()
        signature = hmac.new(key, b"\n".join(lines), "sha256").hexdigest().encode()
        fields = ((b"x-api-key", id), (b"x-timestamp", stamp), (b"x-nonce", nonce), (b"x-signature", signature))
        return self.request(*fields, method="POST", body=body if sent is None else sent)

    def valid_request(self) -> Request:
        return self.signed()

    def forged_requests(self) -> Mapping[str, Request]:
        return {
            "other body": self.signed(sent=b"{ }"),
            "other secret": self.signed(secret="hs_live_guess"),
            "old": self.signed(age=400),
            "from the future": self.signed(age=-400),
        }


class TestMtls(SchemeSuite):
    def scheme(self, parts: Parts) -> Scheme[Any]:
        scheme = Mtls(parts.records, parts.verdicts, clock=parts.clock)
        scheme.trust(self.verifier)
        return scheme

    async def prepare(self, watchword: Watchword) -> None:
        from watchword.codec.x509 import ChainVerifier

        self.verifier = ChainVerifier(await watchword.authorities())
        issued = await material(watchword, Kind.CLIENT_CERT, self.expected_subject)
        gone = await material(watchword, Kind.CLIENT_CERT, self.expected_subject)
        await watchword.lifecycle.revoke(gone["id"], reason="test", by="user:admin")
        self.der, self.gone = (der_of(each["certificate"].encode()) for each in (issued, gone))

    def secrets(self) -> list[str]:
        return []

    def valid_request(self) -> Request:
        return self.request(certificate=self.der)

    def forged_requests(self) -> Mapping[str, Request]:
        from tests.certificates import make, uri

        return {
            "self-signed": self.request(certificate=make(names=[uri(self.expected_subject)], now=time.time()).der),
            "revoked": self.request(certificate=self.gone),
            "cut": self.request(certificate=self.der[:-1]),
            "not a certificate": self.request(certificate=b"x"),
        }


class TestSession(SchemeSuite):
    expected_subject = "user:suite"

    def scheme(self, parts: Parts) -> Scheme[Any]:
        return Session(parts.records, parts.verdicts, clock=parts.clock)

    async def prepare(self, watchword: Watchword) -> None:
        session = await material(watchword, Kind.SESSION, self.expected_subject)
        gone = await material(watchword, Kind.SESSION, self.expected_subject)
        await watchword.lifecycle.revoke(gone["id"], reason="test", by="user:admin")
        self.cookie, self.gone = session["cookie"].encode(), gone["cookie"].encode()

    def with_cookies(self, text: bytes, **peer: Any) -> Request:
        return self.request((b"cookie", text), **peer)

    def valid_request(self) -> Request:
        return self.with_cookies(b"a=b; __Host-session=" + self.cookie)

    single = False

    def forged_requests(self) -> Mapping[str, Request]:
        return {
            "revoked": self.with_cookies(b"__Host-session=" + self.gone),
            "cut": self.with_cookies(b"__Host-session=" + self.cookie[:-1]),
            "two": self.with_cookies(b"__Host-session=" + self.cookie + b"; __Host-session=" + self.gone),
        }

    def test_two_cookie_fields_are_judged_as_one(self) -> None:
        async def test(house: Watchword) -> None:
            both = [(b"cookie", b"__Host-session=" + self.cookie), (b"cookie", b"__Host-session=" + self.gone)]
            for fields in (both, both[::-1]):
                decision = await self.decide(house, self.request(*fields))
                assert decision.__class__.__name__ == "Deny"

        self.play(test)

    def test_cve_2023_23934_a_nameless_cookie_is_no_session(self) -> None:
        async def test(house: Watchword) -> None:
            assert self._built.read(self.with_cookies(b"=__Host-session=" + self.cookie)) is None

        self.play(test)

    def test_over_tls_the_plain_cookie_is_not_believed(self) -> None:
        async def test(house: Watchword) -> None:
            assert self._built.read(self.with_cookies(b"session=" + self.cookie)) is None
            plain = self.with_cookies(b"session=" + self.cookie, tls=False, address="127.0.0.1")
            assert (await self.decide(house, plain)).__class__.__name__ == "Allow"
            host = self.with_cookies(b"__Host-session=" + self.cookie, tls=False)
            assert self._built.read(host) is None

        self.play(test)
