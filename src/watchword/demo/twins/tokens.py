"""Forge our own tokens (``JWT``) and OAuth 2.0 access tokens (``at+jwt``)."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Final

from watchword.client import LoginAuth, OAuth2Auth
from watchword.codec.jose import SigningKey
from watchword.demo.courier import Sent
from watchword.demo.script import Cast, Script, accepted, changed, refused
from watchword.demo.seed import BOB
from watchword.demo.twins.bound import bound_tokens
from watchword.demo.twins.forge import Forge
from watchword.model.reason import (
    BAD_ALGORITHM,
    BAD_CLAIMS,
    BAD_SIGNATURE,
    BAD_TYPE,
    EXPIRED,
    INSUFFICIENT_SCOPE,
    MALFORMED_CREDENTIAL,
    NO_CREDENTIAL,
    NOT_YET_VALID,
    REFUSED_GRANT,
    REPLAYED,
    REVOKED,
    UNCONFIRMED,
    UNKNOWN_CREDENTIAL,
    UNKNOWN_CRITICAL,
    UNKNOWN_KEY,
    WRONG_AUDIENCE,
    WRONG_ISSUER,
    WRONG_SECRET,
)

__all__ = ["access_tokens", "own_tokens"]

_ORDERS: Final = Sent("GET", "/orders")
_JSON: Final = ("content-type", "application/json")
_FORM: Final = ("content-type", "application/x-www-form-urlencoded")
_ELSEWHERE: Final = "https://other.example"


def _bearer(token: str) -> Sent:
    return _ORDERS.with_field("authorization", f"Bearer {token}")


def _key(cast: Cast) -> SigningKey:
    assert cast.seeds.signing_key is not None  # noqa: S101 - sown before anything is served
    return cast.seeds.signing_key


def _forgeries(forge: Forge) -> Script:
    """Forge what any signed token can be forged in."""
    now = int(time.time())
    yield refused("claims edited", _bearer(forge.edited(sub="user:root")), BAD_SIGNATURE)
    yield refused("alg none", _bearer(forge.unsigned()), BAD_ALGORITHM)
    yield refused("public key as HMAC secret", _bearer(forge.public_key_as_secret()), BAD_ALGORITHM)
    yield refused("alg swapped in the header", _bearer(forge.headed(alg="ES256")), BAD_ALGORITHM)
    yield refused("another key under the right kid", _bearer(forge.stranger()), BAD_SIGNATURE)
    yield refused("ES256 key under the right kid", _bearer(forge.stranger("ES256")), BAD_ALGORITHM)
    yield refused("a kid nobody has", _bearer(forge.stranger(kid="sig_0")), UNKNOWN_KEY)
    yield refused("brings its own key (jwk)", _bearer(forge.stranger(jwk=True)), BAD_ALGORITHM)
    yield refused("says where its key is (jku)", _bearer(forge.issued({"jku": _ELSEWHERE})), BAD_ALGORITHM)
    yield refused("unknown crit", _bearer(forge.issued({"crit": ["exp"]})), UNKNOWN_CRITICAL)
    yield refused("signature cut short", _bearer(forge.cut()), BAD_SIGNATURE)
    mistyped = f"{forge.head}.{forge.payload}.{changed(forge.signature, 40)}"
    yield refused("one character mistyped", _bearer(mistyped), BAD_SIGNATURE)
    yield refused("five segments: encrypted", _bearer(forge.encrypted()), BAD_ALGORITHM)
    yield refused("expired a minute ago", _bearer(forge.issued(iat=now - 660, exp=now - 60)), EXPIRED)
    yield refused("not valid for an hour yet", _bearer(forge.issued(nbf=now + 3600)), NOT_YET_VALID)
    yield refused("without an expiry", _bearer(forge.issued(exp=None)), BAD_CLAIMS)
    yield refused("of another issuer", _bearer(forge.issued(iss=_ELSEWHERE)), WRONG_ISSUER)
    yield refused("bound to a key it does not show", _bearer(forge.issued(cnf={"jkt": "x"})), UNCONFIRMED)
    yield refused("without the scope orders:read", _bearer(forge.issued(scope="tea:drink")), INSUFFICIENT_SCOPE)


def own_tokens(cast: Cast) -> Script:
    """Forge tokens of the login."""
    log_in = LoginAuth(cast.url, "alice", cast.seeds.passwords["alice"])
    answer = yield accepted("GET /orders, alice's token", _ORDERS, "jwt", auth=log_in)
    forge = Forge(answer.sent.token, _key(cast))
    yield from _forgeries(forge)
    yield refused("for another audience", _bearer(forge.issued(aud=_ELSEWHERE)), WRONG_AUDIENCE)
    yield refused("an id token", _bearer(forge.issued(nonce="n-0S6")), BAD_TYPE)
    yield refused("of another type", _bearer(forge.issued(typ="logout+jwt")), BAD_TYPE)
    yield refused("a subject without its kind", _bearer(forge.issued(sub="alice")), BAD_CLAIMS)
    first = cast.log_in("alice").json()
    yield refused("a refresh token instead", _bearer(first["refresh_token"]), NO_CREDENTIAL)
    yield from _family(cast, first)
    second = cast.log_in("alice").json()
    ended = _bearer(second["token"])
    yield accepted("a second login", ended, "jwt")
    yield accepted("log out", Sent("POST", "/logout", ended.headers), status=204)
    cast.wait()
    yield refused("token of the ended login", ended, REVOKED)
    login = {"username": "alice", "password": changed(cast.seeds.passwords["alice"])}
    yield refused("login, wrong password", Sent("POST", "/login", (_JSON,), json.dumps(login).encode()), WRONG_SECRET)
    login["username"] = "alicia"
    yield refused(
        "login, unknown user", Sent("POST", "/login", (_JSON,), json.dumps(login).encode()), UNKNOWN_CREDENTIAL
    )
    bob = _bearer(cast.log_in("bob").json()["token"])
    yield refused("bob lacks the scope orders:read", bob, INSUFFICIENT_SCOPE)
    cast.disable(BOB)
    yield refused("bob's, once he is disabled", bob, REVOKED)


def _family(cast: Cast, first: dict[str, str]) -> Script:
    """Use a refresh token twice: whoever has it, one of them is a thief, so both lose."""

    def refresh(token: str) -> Sent:
        return Sent("POST", "/refresh", (_JSON,), json.dumps({"refresh_token": token}).encode())

    second = yield accepted("refresh", refresh(first["refresh_token"]))
    answer = yield accepted("refresh again", refresh(second.json().get("refresh_token", "")))
    yield refused("refresh token used twice", refresh(first["refresh_token"]), REPLAYED)
    yield refused("its successor, after the theft", refresh(answer.json().get("refresh_token", "")), REVOKED)
    cast.wait()
    yield refused("access token of that family", _bearer(answer.json().get("token", "")), REVOKED)


def access_tokens(cast: Cast) -> Script:
    """Forge access tokens of the token endpoint."""
    clients, url = cast.seeds.clients, f"{cast.url}/oauth/token"

    def auth(name: str) -> OAuth2Auth:
        return OAuth2Auth(url, *clients[name])

    answer = yield accepted("GET /orders, billing's token", _ORDERS, "oauth2", auth=auth("billing"))
    forge = Forge(answer.sent.token, _key(cast))
    yield refused("for another audience", _bearer(forge.issued(aud=_ELSEWHERE)), WRONG_AUDIENCE)
    yield from _forgeries(forge)
    yield refused("without a client_id", _bearer(forge.issued(client_id=None)), BAD_CLAIMS)
    yield refused("opaque, from nowhere", _bearer("f3a09c1be77d4c5a"), NO_CREDENTIAL)
    narrow = cast.courier.send(_ORDERS, auth("narrow")).sent
    order = Sent("POST", "/orders", (*narrow.headers, _JSON), b'{"item":"tea"}')
    yield refused("without the scope orders:write", order, INSUFFICIENT_SCOPE)
    yield from _grants(_asking(*clients["billing"]), clients)
    yield from bound_tokens(cast)
    doomed = yield accepted("another client, soon revoked", _ORDERS, "oauth2", auth=auth("doomed"))
    cast.revoke("client doomed")
    yield refused("its token, once it is revoked", doomed.sent, REVOKED)


def _asking(client_id: str, secret: str) -> Callable[[str], Sent]:
    basic = b64encode(f"{client_id}:{secret}".encode()).decode()

    def ask(form: str) -> Sent:
        fields = (_FORM, ("authorization", f"Basic {basic}"))
        return Sent("POST", "/oauth/token", fields, form.encode())

    return ask


def _grants(ask: Callable[[str], Sent], clients: dict[str, tuple[str, str]]) -> Script:
    """Ask the token endpoint for what it must not give."""
    grant = "grant_type=client_credentials"
    client_id, secret = clients["billing"]
    yield accepted("ask for a token", ask(grant))
    yield refused("ask, wrong client secret", _asking(client_id, changed(secret))(grant), UNKNOWN_CREDENTIAL)
    yield refused("ask as a revoked client", _asking(*clients["gone"])(grant), REVOKED)
    yield refused("ask for more than it may", ask(f"{grant}&scope=admin"), REFUSED_GRANT)
    yield refused("ask by another grant", ask("grant_type=password"), REFUSED_GRANT)
    yield refused("ask without base64", ask(grant).with_field("authorization", "Basic ???"), MALFORMED_CREDENTIAL)
