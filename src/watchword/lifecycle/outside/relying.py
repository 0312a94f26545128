"""Ask a provider who somebody is: authorization code with PKCE, bound to the browser that began (OpenID Connect Core).

begun: state, nonce, verifier kept for one browser -> come back once -> code redeemed -> id_token judged: Outsider
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final

from watchword.codec.claims import is_name, moment
from watchword.codec.jose import Token, VerificationKey, open_token, peek
from watchword.codec.oidc import (
    TENANT,
    Metadata,
    authorization_url,
    basic,
    callback_of,
    id_token_refusal,
    metadata_of,
    same_issuer,
    with_query,
)
from watchword.codec.secrets import Sealer, digest
from watchword.codec.strict import json_object
from watchword.keyring import Issuer
from watchword.lifecycle.outside.github import github_metadata, outsider_of_github
from watchword.lifecycle.outside.identities import Outsider
from watchword.model.ports import Clock, Ephemeral, Fetch, Fetched, Unavailable
from watchword.model.reason import (
    BAD_CLAIMS,
    BAD_TYPE,
    INSUFFICIENT_AUTHENTICATION,
    MALFORMED_REQUEST,
    NO_CREDENTIAL,
    REFUSED_GRANT,
    UNKNOWN_CREDENTIAL,
    UNKNOWN_KEY,
    WRONG_ISSUER,
    Reason,
)
from watchword.model.verdict import Rejection

__all__ = ["Arrived", "Provider", "RelyingParty", "browser_mark", "session_place"]

BEGUN: Final = 600
"""Seconds that a person may take at the provider."""

_FRESH: Final = 3600.0  # seconds until a provider's metadata is read again
_RETRY: Final = 5.0
_SCHEME: Final = "login"
_SKEW: Final = 60.0  # seconds that the provider's clock may be behind
_LONGEST: Final = 8_192  # characters of a provider's token
_BROWSERS: Final = 10  # that came from one session at the provider
_ID_TOKEN: Final = frozenset({"", "jwt"})
_NAMES: Final = frozenset({"email", "name", "preferred_username"})  # of people; what they prove is nothing


@dataclass(frozen=True, slots=True)
class Provider:
    """Say how one provider is asked, and what may come of it.

    ``name`` stands in URLs, ``label`` on buttons. ``kind`` is "openid" or "github". ``tenants`` limits who may log in
    at a provider of many. ``sign_up`` makes accounts for identities that nobody has, with the scopes ``grants``.
    """

    name: str
    label: str
    issuer: str
    client_id: str
    client_secret: str | Callable[[], str] = field(default="", repr=False)
    kind: str = "openid"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    many_tenants: bool = False
    tenants: tuple[str, ...] = ()
    sign_up: bool = False
    grants: tuple[str, ...] = ()

    def secret(self) -> str:
        """Return the client secret as it is now."""
        return self.client_secret if isinstance(self.client_secret, str) else self.client_secret()


@dataclass(frozen=True, slots=True)
class Arrived:
    """Hold who came back from a provider, and with what intention they had left."""

    outsider: Outsider
    intention: Mapping[str, str]


class RelyingParty:
    """Be a client of one provider, whose answers come to a ``redirect_uri`` of its own (RFC 9700 section 4.4)."""

    def __init__(
        self,
        provider: Provider,
        redirect_uri: str,
        *,
        ephemeral: Ephemeral,
        sealer: Sealer,
        fetch: Fetch,
        remembered: float = 86_400.0,
        clock: Clock = time.time,
    ) -> None:
        """Remember for ``remembered`` seconds which sessions at the provider logins came from."""
        self.provider = provider
        self._redirect_uri = redirect_uri
        self._ephemeral = ephemeral
        self._sealer = sealer
        self._fetch = fetch
        self._remembered = remembered
        self._clock = clock
        self._metadata: Metadata | None = github_metadata(provider.issuer) if provider.kind == "github" else None
        self._keys: Issuer | None = None
        self._read_at = self._tried_at = float("-inf")

    async def begin(self, browser: str, intention: Mapping[str, str], *, anew: bool = False) -> str:
        """Return where to send the browser that ``browser`` (a secret of its cookie) names. Raise Unavailable.

        ``anew``: the provider shall not be content with a login of before (``prompt=login``; Core section 3.1.2.1).
        """
        metadata = await self.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        kept: dict[str, Any] = {
            "provider": self.provider.name,
            "nonce": nonce,
            "verifier": verifier,
            "intention": dict(intention),
        }
        kept["since"] = self._clock() if anew else 0.0
        place = _place(browser, state)
        sealed = self._sealer.seal(json.dumps(kept).encode(), place)
        await self._ephemeral.put(place, sealed, self._clock() + BEGUN)
        openid = self.provider.kind == "openid"
        return authorization_url(
            with_query(metadata.authorization_endpoint, {"prompt": "login"} if anew and openid else {}),
            client_id=self.provider.client_id,
            redirect_uri=self._redirect_uri,
            scopes=self.provider.scopes,
            state=state,
            nonce=nonce if openid else "",
            verifier=verifier,
        )

    async def finish(self, browser: str, query: bytes) -> Arrived | Rejection:
        """Judge what the browser came back with; exactly one of any number of uses gets further. Raise Unavailable."""
        fields = callback_of(query)
        if fields is None or not fields.get("state"):
            return _refused(MALFORMED_REQUEST, "callback")
        place = _place(browser, fields["state"])
        sealed = await self._ephemeral.take(place)
        if sealed is None:  # another browser's, another time's, used up, or made up (CVE-2026-41425, CVE-2026-73419)
            return _refused(UNKNOWN_CREDENTIAL, "state")
        kept = json.loads(self._sealer.open(sealed, place))
        if kept["provider"] != self.provider.name:
            return _refused(WRONG_ISSUER, "another provider's callback")
        metadata = await self.metadata()
        if self._mixed_up(metadata, fields):
            return _refused(WRONG_ISSUER, "iss of the callback")
        if "error" in fields or not fields.get("code"):
            return _refused(NO_CREDENTIAL, "the provider gave no code")
        found = await self._redeemed(metadata, fields["code"], kept, browser)
        return found if isinstance(found, Rejection) else Arrived(found, kept["intention"])

    def _mixed_up(self, metadata: Metadata, fields: Mapping[str, str]) -> bool:
        """Return whether the answer is, or may be, another server's (RFC 9207 section 2.4)."""
        iss = fields.get("iss")
        if iss is None:
            return metadata.names_itself
        if TENANT in metadata.issuer:
            before, _, after = metadata.issuer.partition(TENANT)
            tid = iss.removeprefix(before).removesuffix(after)
            return not same_issuer(metadata.issuer, {"iss": iss, "tid": tid}, self.provider.tenants)
        return iss != metadata.issuer

    async def _redeemed(
        self, metadata: Metadata, code: str, kept: Mapping[str, Any], browser: str
    ) -> Outsider | Rejection:
        answer = await self._tokens(metadata, code, kept["verifier"])
        if isinstance(answer, Rejection):
            return answer
        access = answer.get("access_token")
        if not isinstance(access, str) or not 0 < len(access) <= _LONGEST or not access.isascii():
            return _refused(BAD_CLAIMS, "access_token")
        if self.provider.kind == "github":
            return await outsider_of_github(self._fetch, self.provider.name, self.provider.issuer, access)
        claims = await self._judged(metadata, answer.get("id_token"), access, kept["nonce"])
        if isinstance(claims, Rejection):
            return claims
        if "auth_time" in claims and (moment(claims["auth_time"]) or 0.0) < kept["since"] - _SKEW:
            return _refused(INSUFFICIENT_AUTHENTICATION, "the provider's login is of before")
        await self._note_session(claims, browser)
        return _outsider(self.provider.name, await self._described(metadata, claims, access))

    async def _described(self, metadata: Metadata, claims: dict[str, Any], access: str) -> dict[str, Any]:
        """Return the claims with a name to show; many providers give names at userinfo alone (Core section 5.4)."""
        if not metadata.userinfo_endpoint or not _NAMES.isdisjoint(claims):
            return claims
        try:
            fetched = await self._fetched(metadata.userinfo_endpoint, None, {"authorization": f"Bearer {access}"})
        except Unavailable:  # who it is, is proved already
            return claims
        told = json_object(fetched.body) if fetched.status == 200 else None
        if told is None or told.get("sub") != claims["sub"]:  # it would be somebody else's (Core section 5.3.2)
            return claims
        return {**{name: told[name] for name in _NAMES if name in told}, **claims}

    async def _tokens(self, metadata: Metadata, code: str, verifier: str) -> dict[str, Any] | Rejection:
        """Redeem the code. A refusal of the provider is one of ours; no usable answer at all is broken."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
            "client_id": self.provider.client_id,
        }
        headers: dict[str, str] = {"accept": "application/json"}
        secret = self.provider.secret()
        if secret and metadata.posts_secret:
            form["client_secret"] = secret
        elif secret:
            headers["authorization"] = basic(self.provider.client_id, secret)
        fetched = await self._fetched(metadata.token_endpoint, form, headers)
        answer = json_object(fetched.body)
        if answer is None or not (fetched.status == 200 or "error" in answer):
            raise Unavailable(f"{metadata.token_endpoint}: no token answer, status {fetched.status}")
        if fetched.status != 200 or "error" in answer:
            return _refused(REFUSED_GRANT, f"the provider's token endpoint: {_word(answer.get('error'))}")
        return answer

    async def _judged(self, metadata: Metadata, raw: object, access: str, nonce: str) -> dict[str, Any] | Rejection:
        """Return the claims of the id_token: its signature first, by a key of the provider, then what it says."""
        proved = await self.proved(raw, _ID_TOKEN, "id_token")
        if isinstance(proved, Rejection):
            return proved
        token, key = proved
        refused = id_token_refusal(
            token.claims,
            issuer=metadata.issuer,
            client_id=self.provider.client_id,
            nonce=nonce,
            access_token=access,
            algorithm=key.algorithm,
            now=self._clock(),
            tenants=self.provider.tenants,
        )
        return token.claims if refused is None else _refused(refused, "id_token")

    async def proved(self, raw: object, types: frozenset[str], what: str) -> tuple[Token, VerificationKey] | Rejection:
        """Return a JWT of one of these types that a key of the provider signed. Read ``metadata`` before."""
        if not isinstance(raw, str) or not raw.isascii():
            return _refused(BAD_CLAIMS, what)
        token = _opened(raw.encode(), types)
        if isinstance(token, Reason):
            return _refused(token, what)
        if self._keys is None:  # GitHub signs nothing
            return _refused(UNKNOWN_KEY, what)
        key = self._keys.key(token.header)
        key = key if key is None or isinstance(key, VerificationKey) else await key
        if key is None:
            return _refused(UNKNOWN_KEY, what)
        refused = token.refusal(key)
        return (token, key) if refused is None else _refused(refused, what)

    async def _note_session(self, claims: Mapping[str, Any], browser: str) -> None:
        """Remember which browser came from which session at the provider, to know what its end is the end of."""
        if not is_name(claims.get("sid")):
            return
        place, now = session_place(str(claims["iss"]), claims["sid"]), self._clock()
        kept = await self._ephemeral.get(place)
        browsers: list[str] = [] if kept is None else json.loads(kept)["browsers"]
        named = [*(each for each in browsers if each != browser_mark(browser)), browser_mark(browser)][-_BROWSERS:]
        value = json.dumps({"sub": claims["sub"], "browsers": named}).encode()
        await self._ephemeral.put(place, value, now + self._remembered)

    async def metadata(self) -> Metadata:
        """Return what the provider says of itself, read once an hour; while it is away, what it said before."""
        if self.provider.kind == "github" and self._metadata is not None:
            return self._metadata
        now = self._clock()
        stale = not 0 <= now - self._read_at < _FRESH
        if self._metadata is None or (stale and not 0 <= now - self._tried_at < _RETRY):
            self._tried_at = now
            try:
                self._take(await self._fetched(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"))
            except Unavailable:
                if self._metadata is None:
                    raise
        if self._metadata is None:
            raise Unavailable(f"no metadata of {self.provider.issuer}")
        return self._metadata

    def _take(self, fetched: Fetched) -> None:
        provider = self.provider
        found: Metadata | str = f"status {fetched.status}"
        if fetched.status == 200:
            found = metadata_of(fetched.body, provider.issuer, tenants=provider.many_tenants)
        if isinstance(found, str):
            raise Unavailable(f"metadata of {provider.issuer}: {found}")
        if self._metadata is None or self._keys is None or found.jwks_uri != self._metadata.jwks_uri:
            client, fetch = provider.client_id, self._fetch
            self._keys = Issuer(found.issuer, client, jwks_uri=found.jwks_uri, fetch=fetch, clock=self._clock)
        self._metadata, self._read_at = found, self._clock()

    async def _fetched(
        self, url: str, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        answer = self._fetch(url, data=data, headers=headers)
        return await answer if isawaitable(answer) else answer


def session_place(issuer: str, session: str) -> str:
    """Return where it is kept who came from a session at a provider."""
    return "outside-sid:" + digest(f"{issuer}\n{session}").hex()


def browser_mark(browser: str) -> str:
    """Return by what a session names the browser that it was begun in, without its secret."""
    return digest(f"outside browser {browser}").hex()


def _opened(raw: bytes, types: frozenset[str]) -> Token | Reason:
    header = peek(raw)
    if isinstance(header, Reason):
        return header
    if header.type not in types:  # an access or a logout token says nothing of a login
        return BAD_TYPE
    return open_token(raw, header)


def _outsider(provider: str, claims: Mapping[str, Any]) -> Outsider:
    email, name = _word(claims.get("email")), _word(claims.get("name"))
    wanted = _word(claims.get("preferred_username")) or email
    label = email or wanted or name or str(claims["sub"])
    return Outsider(provider, str(claims["iss"]), str(claims["sub"]), label, wanted.partition("@")[0], name)


def _word(value: object) -> str:
    """Return a text that may be shown and noted, "" for what is none."""
    return value[:128] if isinstance(value, str) and value.isprintable() else ""


def _place(browser: str, state: str) -> str:
    return "outside:" + digest(f"{browser}\n{state}").hex()


def _refused(reason: Reason, detail: str) -> Rejection:
    return Rejection(reason, detail, scheme=_SCHEME)
