"""Judge tokens that are shown to get others: our own, and what outside issuers assert (RFC 8693, RFC 7523).

Whoever shows one that is dead, taken back, somebody else's or of nobody here learns no more than that it is refused.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final, TypeAlias

from watchword.codec.claims import factors, is_name, moment, scopes, texts, time_refusal
from watchword.codec.jose import Header, Token, open_token, peek
from watchword.codec.secrets import digest
from watchword.keyring import OwnKeys
from watchword.lifecycle.families import Families
from watchword.lifecycle.oauth.clients import Clients
from watchword.lifecycle.oauth.described.documents import SCHEME
from watchword.lifecycle.oauth.inspection import Inspection
from watchword.lifecycle.oauth.openid.subjects import Subjects
from watchword.lifecycle.oauth.rules import TrustedIssuer
from watchword.lifecycle.people.holdings import held
from watchword.lifecycle.verbs import REMEMBERED
from watchword.lifecycle.voiding import VOID
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Ephemeral, Records, Unavailable
from watchword.model.reason import (
    BAD_CLAIMS,
    BAD_TYPE,
    INACTIVE_TOKEN,
    REPLAYED,
    REVOKED,
    SUBJECT_DISABLED,
    UNKNOWN_KEY,
    WRONG_AUDIENCE,
    WRONG_ISSUER,
    Reason,
)
from watchword.model.records import Event
from watchword.model.verdict import Rejection
from watchword.standing import standing

__all__ = ["ID_JAG", "LONGEST_ASSERTION", "PresentedTokens", "Shown"]

ID_JAG: Final = "oauth-id-jag+jwt"
"""``typ`` of an Identity Assertion JWT Authorization Grant (draft-ietf-oauth-identity-assertion-authz-grant)."""

LONGEST_ASSERTION: Final = 7_200
"""Seconds that an assertion may still have before it (RFC 7523 section 3 lets an unreasonably far end be refused)."""

_LEEWAY: Final = 30.0
_LONGEST_NOTE: Final = 512
_ENDS: Final = frozenset({"exp", "sub"})
_JAG: Final = frozenset({"exp", "sub", "iat", "jti", "client_id"})
_OWN_ID: Final = frozenset({"", "jwt"})
_OUTSIDE: Final = ("iss", "sub", "jti", "cnf", "may_act", "resource")
_NOT_OF_LOGIN: Final = frozenset({"jti", "events", "client_id", "scope"})


@dataclass(frozen=True, slots=True)
class Shown:
    """Hold what a token proves that holds: of whom it is, and how far it goes.

    ``scopes`` is None where the token says nothing of them, ``audience`` is empty where it names no API here,
    ``client_id`` and ``source`` (the credential that it came from) are "" where it is of none here. ``once`` is what a
    replay of it would have in common with it.
    """

    subject: str
    claims: Mapping[str, Any] = field(repr=False)
    ends_at: float
    scopes: frozenset[str] | None = None
    audience: tuple[str, ...] = ()
    client_id: str = ""
    source: str = ""
    once: bytes = field(default=b"", repr=False)

    def held_with(self, cnf: Mapping[str, str] | None) -> bool:
        """Return whether who shows it, and proves ``cnf``, holds what it is bound to: no thief may trade a bound token
        for one that is not.
        """
        if "cnf" not in self.claims:
            return True
        bound = self.claims["cnf"]
        return isinstance(bound, Mapping) and cnf is not None and dict(bound) == dict(cnf)


Judged: TypeAlias = Shown | Rejection


class PresentedTokens:
    """Judge what is shown. Raise Unavailable where that cannot be told."""

    def __init__(
        self,
        keys: OwnKeys,
        records: Records,
        ephemeral: Ephemeral,
        inspection: Inspection,
        families: Families,
        clients: Clients,
        issuers: tuple[TrustedIssuer, ...],
        subjects: Subjects,
        *,
        issuer: str,
        clock: Clock = time.time,
    ) -> None:
        """Believe our own, and ``issuers`` as far as each may be used. Raise ValueError where one is ourselves."""
        self._keys = keys
        self._records = records
        self._ephemeral = ephemeral
        self._inspection = inspection
        self._families = families
        self._clients = clients
        self._subjects = subjects
        self._issuer = issuer
        self._issuers = {each.issuer.iss: each for each in issuers}
        self._clock = clock
        if issuer in self._issuers or len(self._issuers) != len(issuers):
            raise ValueError("an issuer of assertions is named once, and is not this server itself")

    # --- our own ------------------------------------------------------------------------------------------------------

    async def access(self, text: str) -> Judged:
        """Judge an access token of our own, a JWT or an opaque one, whoever it is for (CVE-2026-9097)."""
        claims = await self._inspection.active(text)
        if claims is None:
            return Rejection(INACTIVE_TOKEN, "access token")
        fallen = await self._fallen(claims)
        granted = scopes(claims)
        if fallen is not None or granted is None:
            return fallen or Rejection(BAD_CLAIMS)
        return Shown(
            subject=claims["sub"],
            claims=claims,
            ends_at=claims["exp"],
            scopes=granted,
            audience=texts(claims["aud"]) or (),
            client_id=claims.get("client_id", ""),
            source=claims.get("sid", ""),
        )

    async def _fallen(self, claims: Mapping[str, Any]) -> Rejection | None:
        """Return what of that which a token stands on does not stand, by the records: no worker lags behind those."""
        source = await self._records.credential(claims.get("sid", ""))
        if source is None or source.revoked_at is not None:
            return Rejection(REVOKED, "what it came from")
        client = claims.get("client_id", "")
        if client.startswith(("cli_", SCHEME)):
            first = await self._records.credential(client)
            found = await self._clients.find(client)
            if first is None or found is None or claims["iat"] <= first.detail.get(VOID, -1):
                return Rejection(REVOKED, "its client")
        return await self._nobody(claims["sub"], claims["iat"])

    async def _nobody(self, subject: str, issued_at: float) -> Rejection | None:
        """Return why nobody may act as ``subject`` by what was issued then."""
        found = await self._records.subject(subject)
        if found is None or found.disabled_at is not None:
            return Rejection(SUBJECT_DISABLED, "subject")
        return Rejection(REVOKED, "subject") if issued_at <= found.detail.get(VOID, -1) else None

    async def id_token(self, text: str, client: Credential) -> Judged:
        """Judge an id_token of our own that was given to ``client`` (OpenID Connect Core 1.0 section 2)."""
        token = _opened(text)
        if isinstance(token, Rejection):
            return token
        key, claims = self._keys.verification_key(token.header.kid or ""), token.claims
        reason = UNKNOWN_KEY if key is None else token.refusal(key)
        if reason is not None:
            return Rejection(reason, "id_token")
        login = "at_hash" in claims and _NOT_OF_LOGIN.isdisjoint(claims)
        if token.header.type not in _OWN_ID or claims.get("iss") != self._issuer or not login:
            return Rejection(BAD_TYPE, "id_token")
        if claims.get("aud") != client.detail["client_id"]:
            return Rejection(WRONG_AUDIENCE, "another client's id_token")
        reason = self._untimely(claims)
        if reason is not None or "iat" not in claims:
            return Rejection(reason or BAD_CLAIMS, "id_token")
        first = await self._records.credential(client.detail["client_id"])
        if first is not None and claims["iat"] <= first.detail.get(VOID, -1):
            return Rejection(REVOKED, "its client")
        fallen = await self._nobody(claims["sub"], claims["iat"])
        family = await self._beside(claims, client)
        if fallen is not None or family is None:
            return fallen or Rejection(REVOKED, "what it was given beside")
        said, end = {**claims, **_bounds_of(family)}, min(claims["exp"], family.ends_at() or claims["exp"])
        granted = tuple(family.detail.get("resources", ()))
        return Shown(family.subject, said, end, audience=granted, client_id=claims["aud"], source=family.id)

    async def _beside(self, claims: Mapping[str, Any], client: Credential) -> Credential | None:
        """Return the family beside which an id_token was given: one that stands, of the same client and login."""
        for each in await held(self._records, claims["sub"], Kind.REFRESH):
            session = each.detail.get("session")
            sid = self._subjects.session(client, session) if session else None
            login = each.detail.get("client"), int(each.detail["authenticated_at"]), sid
            if login != (claims["aud"], claims.get("auth_time"), claims.get("sid")):
                continue
            if await standing(self._records, each, Kind.REFRESH, self._clock()) is None:
                return each
        return None

    async def refresh(self, text: str, client: Credential) -> Judged:
        """Judge a refresh token of ``client``: it is not spent by this."""
        family = await self._families.current(text)
        if family is None or family.detail.get("client") != client.detail["client_id"]:
            return Rejection(INACTIVE_TOKEN, "refresh token")
        claims = {
            "auth_time": int(family.detail["authenticated_at"]),
            "amr": list(family.detail["factors"]),
            **_bounds_of(family),
            **({"cnf": dict(family.detail["cnf"])} if family.detail.get("cnf") else {}),
        }
        ends_at = family.expires_at or self._clock() + LONGEST_ASSERTION
        return Shown(family.subject, claims, ends_at, family.scopes, (), family.detail["client"], family.id)

    # --- of others ----------------------------------------------------------------------------------------------------

    def outside(self, text: str) -> bool:
        """Return whether this is a JWT that says that it is of an issuer which may be known."""
        token = _opened(text)
        iss = token.claims.get("iss") if isinstance(token, Token) else None
        return isinstance(iss, str) and iss in self._issuers

    async def exchanged(self, text: str) -> Judged:
        """Judge a JWT of an outside issuer that is to be exchanged: for us, and of somebody known here."""
        found = await self._asserted(text, "exchange")
        if isinstance(found, Rejection):
            return found
        token, trusted = found
        if token.header.type not in trusted.issuer.types:
            return Rejection(BAD_TYPE, trusted.issuer.iss)
        named = texts(token.claims.get("aud")) or ()
        if not {self._issuer, trusted.issuer.audience} & set(named):
            return Rejection(WRONG_AUDIENCE, trusted.issuer.iss)
        return await self._shown(token, trusted)

    async def assertion(self, text: str, client: Credential) -> Judged:
        """Judge an assertion by which ``client`` wants a token for who it is of (RFC 7523 section 3)."""
        token = _opened(text)
        if isinstance(token, Rejection):
            return token
        jag = token.header.type == ID_JAG
        found = await self._asserted(text, *(("id-jag",) if jag else ("assertion", "reusable-assertion")))
        if isinstance(found, Rejection):
            return found
        token, trusted = found
        refused = self._no_jag(token, client) if jag else self._no_assertion(token, trusted)
        if refused is None and token.claims["exp"] > self._clock() + LONGEST_ASSERTION:
            refused = BAD_CLAIMS
        if refused is not None:
            return Rejection(refused, trusted.issuer.iss)
        once = b"" if not jag and "assertion" not in trusted.uses else _mark(trusted.issuer.iss, token.claims["jti"])
        return await self._shown(token, trusted, once)

    async def note(self, action: str, client: Credential, shown: Shown, detail: str) -> None:
        """Have it in the audit what a client got a token for, and for whom: durable before the token is out."""
        event = Event(
            self._clock(),
            action,
            "done",
            scheme=client.kind,
            credential=client.id,
            subject=shown.subject,
            actor=client.subject,
            detail=detail[:_LONGEST_NOTE],
        )
        if not await self._records.write(event):
            raise Unavailable("the audit takes no event")

    async def spend(self, shown: Shown) -> Rejection | None:
        """Take what may be shown once: exactly one of any number of showings gets None."""
        if not shown.once:
            return None
        claimed = self._ephemeral.claim(shown.once, shown.ends_at + _LEEWAY)
        won = await claimed if isawaitable(claimed) else claimed
        return None if won else Rejection(REPLAYED, "assertion")

    def _no_jag(self, token: Token, client: Credential) -> Reason | None:
        """Return why an ID-JAG is none for us and this client: it is for one server and one client alone."""
        claims = token.claims
        if not claims.keys() >= _JAG or client.detail.get("public") is True:
            return BAD_CLAIMS
        if claims.get("aud") not in (self._issuer, [self._issuer]):
            return WRONG_AUDIENCE
        return None if claims["client_id"] == client.detail["client_id"] else WRONG_AUDIENCE

    def _no_assertion(self, token: Token, trusted: TrustedIssuer) -> Reason | None:
        claims = token.claims
        if token.header.type not in trusted.issuer.types:
            return BAD_TYPE
        if not {self._issuer, f"{self._issuer}/oauth/token"} & set(texts(claims.get("aud")) or ()):
            return WRONG_AUDIENCE
        return BAD_CLAIMS if "assertion" in trusted.uses and "jti" not in claims else None

    async def _asserted(self, text: str, *uses: str) -> tuple[Token, TrustedIssuer] | Rejection:
        """Return a JWT whose issuer is known for one of ``uses``, signed by it, and timely."""
        token = _opened(text)
        if isinstance(token, Rejection):
            return token
        iss = token.claims.get("iss")
        trusted = self._issuers.get(iss) if isinstance(iss, str) else None  # the whole of it (GHSA-75c5-xw7c-p5pm)
        if trusted is None or trusted.uses.isdisjoint(uses):
            return Rejection(WRONG_ISSUER)
        soon = trusted.issuer.key(token.header)
        key = await soon if isawaitable(soon) else soon
        reason = UNKNOWN_KEY if key is None else token.refusal(key)
        reason = reason or self._untimely(token.claims)
        if reason is None and "events" in token.claims:  # it tells of something that was (RFC 8417), and lets nobody in
            reason = BAD_TYPE
        return (token, trusted) if reason is None else Rejection(reason, trusted.issuer.iss)

    def _untimely(self, claims: Mapping[str, Any]) -> Reason | None:
        """Return why claims do not hold now; an end must be there."""
        if not claims.keys() >= _ENDS or not is_name(claims["sub"]):
            return BAD_CLAIMS
        if any(name in claims and not is_name(claims[name]) for name in ("jti", "client_id")):
            return BAD_CLAIMS
        return time_refusal(claims, self._clock(), _LEEWAY)

    async def _shown(self, token: Token, trusted: TrustedIssuer, once: bytes = b"") -> Judged:
        claims = token.claims
        subject, granted = trusted.subject_of(claims), scopes(claims)
        if subject is None or granted is None:
            return Rejection(BAD_CLAIMS, trusted.issuer.iss)
        # Without its time it may be older than what was taken back, for as long as that is remembered.
        fallen = await self._nobody(subject, moment(claims.get("iat", self._clock() - REMEMBERED)) or 0)
        bound = granted if "scope" in claims or "scp" in claims else None
        return fallen or Shown(subject, _believed(claims), claims["exp"], bound, once=once)


def _bounds_of(family: Credential) -> dict[str, Any]:
    """Return the claims that hold what comes of a family to its bounds."""
    limit = None if family.limit is None else [family.limit.count, family.limit.seconds]
    return {"networks": list(family.networks), "limit": limit}


def _believed(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return what counts here of what an outside issuer says, in the right form.

    What else we say in tokens of our own may mean something else there, and nobody here has checked it.
    """
    found = {name: claims[name] for name in _OUTSIDE if name in claims}
    amr, since = factors(claims), moment(claims.get("auth_time"))
    if "amr" in claims and amr is not None:
        found["amr"] = list(amr)
    if since is not None:
        found["auth_time"] = int(since)
    return found


def _opened(text: str) -> Token | Rejection:
    raw = text.encode("utf-8", "replace")
    header = peek(raw)
    if not isinstance(header, Header):
        return Rejection(header)
    token = open_token(raw, header)
    return token if isinstance(token, Token) else Rejection(token)


def _mark(iss: str, jti: str) -> bytes:
    return b"assertion:" + digest(f"{len(iss)}:{iss}{jti}")
