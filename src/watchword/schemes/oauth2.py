"""OAuth 2.0 access tokens as Bearer (RFC 6750) or, bound to a key, as DPoP (RFC 9449).

They are ``at+jwt`` (RFC 9068), opaque ones of our own, or opaque ones that a provider is asked about (RFC 7662).
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from hashlib import sha256
from inspect import isawaitable
from typing import Any, Final
from urllib.parse import quote_plus

from watchword.bearer import (
    ACCESS_TOKEN,
    OPAQUE,
    TTL,
    BearerToken,
    BoundToken,
    Outcome,
    Trust,
    bearer_token,
    bound_token,
    opaque_place,
)
from watchword.codec.claims import audience_refusal, claim_rule, is_name, outside_name, time_refusal, unconfirmed
from watchword.codec.jose import Token, VerificationKey
from watchword.codec.secrets import well_formed
from watchword.codec.strict import json_object
from watchword.keyring import Issuer, OwnKeys, checked_url
from watchword.model.ports import Clock, Ephemeral, Fetch, Fetched, Soon, Unavailable
from watchword.model.reason import (
    BAD_CLAIMS,
    BAD_TYPE,
    INACTIVE_TOKEN,
    MALFORMED_CREDENTIAL,
    WRONG_ISSUER,
    Reason,
)
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Principal, Rejection, SecurityScheme
from watchword.possession import Possession
from watchword.verdicts import Revocations, Verdicts

__all__ = ["Introspection", "OAuth2"]

_REQUIRED: Final = frozenset({"exp", "sub", "client_id", "iat", "jti"})
_INACTIVE_TTL: Final = 5.0  # seconds that "inactive" is believed
_MOST_INACTIVE: Final = 4_096
_MOST_OPAQUE: Final = 4_096  # bytes
_B64TOKEN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/")
_OK: Final = 200
_KINDS: Final = frozenset({"bearer", "access_token"})
_BOUND_KINDS: Final = frozenset({"dpop", "access_token"})
_OPAQUE: Final = OPAQUE.encode()


class Introspection:
    """Ask one provider what an opaque token is worth (RFC 7662), as a client of it by Basic.

    ``prefix`` tells the provider's tokens from others', so that none is shown to a stranger. ``issuer`` and
    ``audience``, where set, must be what the answer says: an answer without ``aud`` is refused where one is demanded,
    one without ``iss`` is taken for the endpoint's own. ``subject`` and ``client_subject`` are rules as of Issuer.
    """

    def __init__(
        self,
        endpoint: str,
        client_id: str,
        client_secret: str | Callable[[], str],
        fetch: Fetch,
        *,
        issuer: str = "",
        audience: str = "",
        prefix: str = "",
        subject: str = "user:{sub}",
        client_subject: str = "service:{client_id}",
        leeway: float = 30.0,
    ) -> None:
        """Raise ValueError for an endpoint that is not https, or a client without a secret."""
        if not client_id or not client_secret:
            raise ValueError("introspection needs the client id and secret that the provider gave")
        self.endpoint: str = checked_url(endpoint)
        self.prefix: bytes = prefix.encode()
        self._fetch = fetch
        self._issuer = issuer
        self._audience = audience
        self._subject = claim_rule(subject)
        self._client_subject = claim_rule(client_subject)
        self._leeway = leeway
        self._client_id = client_id
        self._secret = client_secret
        # What an answer proves depends on all of these, so a remembered one is found by all of them (CVE-2026-33496).
        depends = (endpoint, client_id, issuer, audience, subject, client_subject)
        self.mark: bytes = sha256(repr(depends).encode()).digest()[:8]

    def __repr__(self) -> str:
        return f"Introspection({self.endpoint!r})"

    async def ask(self, token: bytes) -> dict[str, Any]:
        """Return the provider's answer. Raise Unavailable when it gives none that can be read."""
        form = {"token": token.decode("ascii"), "token_type_hint": "access_token"}
        secret = self._secret if isinstance(self._secret, str) else self._secret()
        pair = f"{quote_plus(self._client_id)}:{quote_plus(secret)}"  # RFC 6749 section 2.3.1
        basic = {"authorization": "Basic " + b64encode(pair.encode()).decode()}
        answer = self._fetch(self.endpoint, data=form, headers=basic)
        fetched = answer if isinstance(answer, Fetched) else await answer
        claims = json_object(fetched.body) if fetched.status == _OK else None
        if claims is None or not isinstance(claims.get("active"), bool):
            raise Unavailable(f"{self.endpoint}: no introspection answer, status {fetched.status}")
        return claims

    def refusal(
        self, claims: Mapping[str, Any], now: float, audience: str = "", *, bound: bool = False
    ) -> Reason | None:
        """Return why the answer does not let the token in here and now, or None; ``audience`` instead of our own.

        ``bound``: it came as ``DPoP``. What ``cnf`` says is for the caller to look at.
        """
        if claims["active"] is not True:
            return INACTIVE_TOKEN
        if self._issuer and claims.get("iss", self._issuer) != self._issuer:
            return WRONG_ISSUER
        wanted = audience or self._audience
        wrong_audience = audience_refusal(claims, wanted) if wanted else None
        if wrong_audience is not None:
            return wrong_audience
        kind = claims.get("token_type", "access_token")
        if not isinstance(kind, str) or kind.lower() not in (_BOUND_KINDS if bound else _KINDS):
            return BAD_TYPE
        if any(name in claims and not is_name(claims[name]) for name in ("sub", "username", "client_id", "jti")):
            return BAD_CLAIMS
        return time_refusal(claims, now, self._leeway)

    def subject_of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the subject that the answer means; without a user in it the client acts for itself."""
        return (self._client_subject if _for_itself(claims) else self._subject)(claims)


class OAuth2:
    """Prove a caller by an access token of an authorization server: ours or another.

    The token's ``client_id`` becomes the actor, unless the client itself is the subject. Own tokens carry a whole
    subject ("service:billing") in ``sub`` and, in ``sid``, the public id of the credential that they came from (without
    it ``client_id`` is that id): revoking it voids them.
    """

    name = "oauth2"
    needs_body = False
    carrier = "Authorization"

    def __init__(
        self,
        own: OwnKeys | None,
        issuers: Mapping[str, Issuer],
        verdicts: Verdicts,
        revocations: Revocations,
        *,
        issuer: str = "",
        audience: str = "",
        alone: bool = False,
        introspections: Iterable[Introspection] = (),
        ephemeral: Ephemeral | None = None,
        possession: Possession | None = None,
        realm: str = "api",
        leeway: float = 30.0,
        token_url: str = "",
        clock: Clock = time.time,
    ) -> None:
        """Trust ``own`` for tokens of ``issuer``, ``issuers`` by exact name, and the first fitting introspection.

        ``alone``: whoever issued a token, it must be for ``audience`` (RFC 8707). ``ephemeral`` holds the claims of our
        own opaque tokens; ``possession`` checks the proofs for tokens that are bound to a key.
        """
        given: dict[str, Any] = {"issuer": issuer, "audience": audience, "alone": alone, "realm": realm}
        self._demanded = audience if alone else ""
        self._trust = Trust(self.name, own, issuers, verdicts, revocations, leeway=leeway, clock=clock, **given)
        self._recall = self._trust.verdicts.get
        self._introspections = tuple(introspections)
        self._ephemeral = ephemeral
        self._possession = possession
        self._token_url = token_url
        self._clock = clock
        self._inactive: dict[bytes, float] = {}

    def read(self, request: Request) -> BearerToken | Rejection | None:
        """Return the Bearer token if it is an ``at+jwt`` or an opaque one that we know what to make of; any of DPoP."""
        value = request.fields.get(b"authorization")
        if value is None:
            return None
        found = bearer_token(request)
        if found is None:
            return self._read_bound(request) if value[4:5] == b" " else None  # a scheme's name of four letters
        if isinstance(found, Rejection):
            return found
        fits = self._opaque(found.token) if found.header is None else found.header.type == ACCESS_TOKEN
        return found if fits else None

    def _read_bound(self, request: Request) -> BearerToken | Rejection | None:
        found = bound_token(request) if self._possession is not None else None
        if isinstance(found, BoundToken) and found.jose is None and not self._opaque(found.token):
            return Rejection(MALFORMED_CREDENTIAL)  # nobody else reads what came as DPoP
        return found

    def _opaque(self, token: bytes) -> bool:
        body = token.rstrip(b"=")
        if not body or len(token) > _MOST_OPAQUE or not _B64TOKEN.issuperset(body):
            return False
        return self._is_own(token) or self._provider(token) is not None

    def _is_own(self, token: bytes) -> bool:
        return self._ephemeral is not None and token.startswith(_OPAQUE)

    def _provider(self, token: bytes) -> Introspection | None:
        return next((each for each in self._introspections if token.startswith(each.prefix)), None)

    def verify(self, credential: BearerToken, request: Request) -> Soon[Outcome]:
        """Return whom the token proves. Raise Unavailable when keys or a provider's answer cannot be had."""
        lookup = sha256(credential.token).digest()
        if credential.header is None:
            if isinstance(credential, BoundToken):
                return self._verify_bound(credential, request)
            return self._verify_opaque(credential.token, lookup, request)
        principal = self._recall(lookup, self._clock())
        if principal is not None:
            return principal
        return self._trust.verify(credential, request, lambda *_: True, partial(self._judged, lookup))

    def _judged(
        self,
        lookup: bytes,
        token: Token,
        issuer: Issuer | None,
        key: VerificationKey | None,
        *,
        bound: bool = False,
    ) -> Outcome:
        claims = token.claims
        reason = self._trust.refusal(token, issuer, key, _REQUIRED)
        if reason is not None:
            return Rejection(reason)
        credential = outside_name("client", claims["client_id"]) if issuer else claims.get("sid", claims["client_id"])
        if not is_name(credential) and issuer is None:
            return Rejection(BAD_CLAIMS, "sid")
        return self._trust.proved(token, lookup, issuer, credential, _actor(claims), keep=bound)

    # --- tokens that say nothing themselves ---------------------------------------------------------------------------

    def _verify_opaque(self, token: bytes, digest: bytes, request: Request, *, bound: bool = False) -> Soon[Outcome]:
        provider, now = self._provider(token), self._clock()
        if self._is_own(token) and (provider is None or not provider.prefix or well_formed(token, _OPAQUE)):
            principal = self._recall(digest, now)
            return principal if principal is not None else self._kept(token, digest, request, bound=bound)
        return self._asked(token, digest, provider, request, bound=bound)

    def _asked(
        self, token: bytes, digest: bytes, provider: Introspection | None, request: Request, *, bound: bool
    ) -> Soon[Outcome]:
        if provider is None:
            return Rejection(INACTIVE_TOKEN)
        lookup, now = digest + provider.mark, self._clock()
        principal = self._recall(lookup, now)
        if principal is not None:
            return principal
        if now < self._inactive.get(lookup, 0.0):
            return Rejection(INACTIVE_TOKEN)
        return self._introspect(token, lookup, provider, request, bound=bound)

    async def _kept(self, token: bytes, digest: bytes, request: Request, *, bound: bool) -> Outcome:
        """Judge an opaque token of our own: its claims are the very ones that a signed one would have."""
        if self._ephemeral is None or not well_formed(token, _OPAQUE):
            return Rejection(MALFORMED_CREDENTIAL)
        raw = await self._ephemeral.get(opaque_place(token))
        claims = None if raw is None else json_object(raw)
        if claims is None:  # another Watchword's look like ours: one that is named by the prefix is asked, too
            provider = self._provider(token)
            named = provider if provider is not None and provider.prefix else None
            asked = self._asked(token, digest, named, request, bound=bound)
            return await asked if isawaitable(asked) else asked
        reason = self._trust.claims_refusal(claims, None, _REQUIRED) or _unconfirmed(claims, request, bound)
        if reason is not None:
            return Rejection(reason)
        credential = claims.get("sid", claims["client_id"])
        return self._trust.own(claims, digest, credential, _actor(claims), keep=bound)

    async def _introspect(
        self, token: bytes, lookup: bytes, provider: Introspection, request: Request, *, bound: bool
    ) -> Outcome:
        claims = await provider.ask(token)
        now = self._clock()
        reason = provider.refusal(claims, now, self._demanded, bound=bound)
        if reason is INACTIVE_TOKEN:
            if len(self._inactive) >= _MOST_INACTIVE:
                self._inactive.clear()
            self._inactive[lookup] = now + _INACTIVE_TTL
        reason = reason or _unconfirmed(claims, request, bound)
        if reason is not None:
            return Rejection(reason)
        client = claims.get("client_id")
        credential = outside_name("client", client) if client is not None else f"token:{lookup[:8].hex()}"
        until = min(claims.get("exp", now + TTL), now + TTL)
        subject = provider.subject_of(claims)
        return self._trust.accepted(claims, lookup, subject, credential, until, actor=_actor(claims), keep=bound)

    # --- tokens that are bound to a key (RFC 9449 section 7) ----------------------------------------------------------

    def _verify_bound(self, found: BoundToken, request: Request) -> Soon[Outcome]:
        """Return whom the token proves together with the proof that came with it: the token first, for it is cheaper.

        What the token says is remembered apart from what Bearer tokens say, and every use of it is proved anew.
        """
        lookup = sha256(found.token).digest() + b"DPoP"
        outcome: Any
        if found.jose is None:
            outcome = self._verify_opaque(found.token, lookup, request, bound=True)
        else:
            outcome = self._recall(lookup, self._clock())
            if outcome is None:
                outcome = self._trust.verify(
                    BearerToken(found.token, found.jose),
                    request,
                    lambda header, _: header.type == ACCESS_TOKEN,
                    lambda *judged: self._judged(lookup, *judged, bound=True),
                    confirmed=True,
                )
        if outcome.__class__ is Principal:
            return self._possessed(outcome, found.token, request)
        return outcome if outcome.__class__ is Rejection else self._possessed_later(outcome, found.token, request)

    async def _possessed_later(self, pending: Awaitable[Outcome], token: bytes, request: Request) -> Outcome:
        outcome = await pending
        if isinstance(outcome, Rejection):
            return outcome
        answer = self._possessed(outcome, token, request)
        return answer if isinstance(answer, (Principal, Rejection)) else await answer

    def _possessed(self, who: Principal, token: bytes, request: Request) -> Soon[Outcome]:
        if self._possession is None:
            return Rejection(BAD_TYPE, credential=who.credential)
        return self._possession.confirm(who, request, token)

    # --- how to ask ---------------------------------------------------------------------------------------------------

    def challenge(self, rejection: Rejection | None) -> Challenge:
        """Ask for a Bearer token (RFC 6750 section 3)."""
        return self._trust.challenge(rejection)

    def challenges(self, rejection: Rejection | None, request: Request | None = None) -> tuple[Challenge, ...]:
        """Ask for a Bearer token or for a bound one; the error goes to what was presented (RFC 9449 section 7.2)."""
        if self._possession is None:
            return (self._trust.challenge(rejection),)
        bound = request is not None and request.fields.get(b"authorization", b"")[:5].lower() == b"dpop "
        asked = self._possession.challenge(rejection if bound else None)
        return self._trust.challenge(None if bound else rejection), asked

    def describe(self) -> SecurityScheme:
        """Return an ``oauth2`` security scheme where our token endpoint is known, else an ``http bearer`` one."""
        if self._token_url:
            return {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": self._token_url, "scopes": {}}}}
        return {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"}


def _for_itself(claims: Mapping[str, Any]) -> bool:
    client = claims.get("client_id")
    return client is not None and claims.get("sub", claims.get("username", client)) == client


def _actor(claims: Mapping[str, Any]) -> str | None:
    """Return who acts: whom the token says in ``act`` (RFC 8693 section 4.1), else the client that it was given to."""
    act = claims.get("act")
    if isinstance(act, Mapping):
        named = act.get("sub")
        return named if is_name(named) else None
    return None if _for_itself(claims) else claims.get("client_id")


def _unconfirmed(claims: Mapping[str, Any], request: Request, bound: bool) -> Reason | None:
    """Return why a Bearer token may not be used over this connection; what came as ``bound`` is looked at later."""
    return unconfirmed(claims["cnf"], request.peer.certificate) if "cnf" in claims and not bound else None
