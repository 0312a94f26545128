"""Say what a token is worth, and take it back, to those alone whom it concerns (RFC 7662, RFC 7009).

An access token, a JWT or one that says nothing itself, is judged by the same claims and the same revocations as where
an API is called with it. Of other clients' tokens nobody learns anything but that they are not active.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from watchword.codec.claims import is_name, refusal, texts
from watchword.codec.jose import Header, Token, open_token, peek
from watchword.codec.secrets import well_formed
from watchword.codec.strict import json_object
from watchword.keyring import OwnKeys
from watchword.lifecycle.families import Families
from watchword.lifecycle.oauth.openid.subjects import PAIRWISE, Subjects
from watchword.lifecycle.oauth.terms import Refused, refused
from watchword.lifecycle.tokens import OPAQUE, opaque_place
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential
from watchword.model.ports import Clock, Ephemeral, Soon
from watchword.model.reason import REFUSED_GRANT
from watchword.model.verdict import Principal
from watchword.verdicts import Revocations, Verdicts, origin_tags

__all__ = ["INACTIVE", "Inspection"]

INACTIVE: Final[Mapping[str, Any]] = {"active": False}
"""The answer about a token that is not active, or is none of the asking client's business (RFC 7662 section 2.2)."""

TTL: Final = 60.0
"""Seconds that what a token says is remembered at most; the feed evicts it sooner."""

_SCHEME: Final = "introspection"
_REFRESH: Final = "rt_"
_TYPES: Final = frozenset({"at+jwt", "jwt"})  # what OAuth clients get, and what a login gives
_REQUIRED: Final = frozenset({"exp", "iat", "sub", "jti"})
_SAID: Final = (
    *("iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "cnf", "act", "authorization_details"),
    *("auth_time", "acr", "amr", "networks", "limit"),
)
_USER: Final = "user:"
_NO_ACCESS: Final = "N_A"  # no access token: it must not be taken for one (RFC 8693 section 2.2.1)


class Inspection:
    """Answer clients about tokens. ``verdicts`` is where it keeps a part of its own."""

    def __init__(
        self,
        keys: OwnKeys,
        ephemeral: Ephemeral,
        families: Families,
        lifecycle: Lifecycle,
        verdicts: Verdicts,
        revocations: Revocations,
        subjects: Subjects,
        *,
        issuer: str,
        leeway: float = 30.0,
        clock: Clock = time.time,
    ) -> None:
        self._keys = keys
        self._ephemeral = ephemeral
        self._families = families
        self._lifecycle = lifecycle
        self._verdicts = verdicts.part()
        self._find = self._verdicts.find
        self._revocations = revocations
        self._subjects = subjects
        self._issuer = issuer
        self._leeway = leeway
        self._clock = clock

    # --- introspection ------------------------------------------------------------------------------------------------

    def look(self, text: str, asker: Credential) -> Soon[Mapping[str, Any]]:
        """Return the introspection response for ``asker``, a client that has proved who it is.

        It gets to see its own tokens, and access tokens for an API that it stands for (``introspects`` in its detail).
        """
        token = text.encode("utf-8", "replace")
        proved = self._find(sha256(token).digest())
        if proved is not None and self._clock() < proved[1]:
            return self._shown(proved[0].claims, asker)
        return self._looked(token, asker)

    async def _looked(self, token: bytes, asker: Credential) -> Mapping[str, Any]:
        if token.startswith(_REFRESH.encode()):
            return await self._refresh(token, asker)
        since = self._verdicts.mark
        claims = await self._claims(token)
        if claims is None or self._refused(claims):
            return INACTIVE
        answer = _answer(claims)
        self._remember(token, claims, answer, since)
        return self._shown(answer, asker)

    def _shown(self, answer: Mapping[str, Any], asker: Credential) -> Mapping[str, Any]:
        """Return what the asker gets to see. Its own people go by the names that it knows (OpenID Core section 8)."""
        if not _concerns(answer, asker):
            return INACTIVE
        if asker.detail.get("subject_type") != PAIRWISE or answer.get("client_id") != asker.detail["client_id"]:
            return answer
        said = {name: value for name, value in answer.items() if name != "username"}
        return self._named(said, asker)

    def _named(self, said: Mapping[str, Any], asker: Credential) -> Mapping[str, Any]:
        """Return what is said of somebody, and in ``act`` of who acts for them, by the names that the asker knows."""
        subject, act = str(said.get("sub", "")), said.get("act")
        known = {"sub": self._subjects.of(asker, subject)} if subject.startswith(_USER) else {}
        return {**said, **known, **({"act": self._named(act, asker)} if isinstance(act, Mapping) else {})}

    async def active(self, text: str) -> Mapping[str, Any] | None:
        """Return what an access token of ours claims, whoever it is of, while it holds; None for everything else."""
        claims = await self._claims(text.encode("utf-8", "replace"))
        return None if claims is None or self._refused(claims) else claims

    async def _claims(self, token: bytes) -> dict[str, Any] | None:
        """Return what an access token of ours claims, None when it is none; whether it still holds is not judged."""
        if token.startswith(OPAQUE.encode()):
            raw = await self._ephemeral.get(opaque_place(token)) if well_formed(token, OPAQUE) else None
            return None if raw is None else json_object(raw)
        header = peek(token)
        if not isinstance(header, Header) or header.type not in _TYPES:
            return None
        key = self._keys.verification_key(header.kid or "")
        opened = open_token(token, header)
        if key is None or not isinstance(opened, Token) or opened.refusal(key) is not None:
            return None
        return opened.claims

    def _refused(self, claims: Mapping[str, Any]) -> bool:
        """Return whether an access token of ours does not hold, or does not any more."""
        audiences = texts(claims.get("aud"))
        if not audiences:
            return True
        reason = refusal(
            claims,
            issuer=self._issuer,
            audience=audiences[0],
            now=self._clock(),
            leeway=self._leeway,
            required=_REQUIRED,
            confirmed=True,
        )
        if reason is not None:
            return True
        client, source = claims.get("client_id", ""), claims.get("sid", claims.get("client_id"))
        if not is_name(source):
            return True
        if "origin" in claims and self._revocations.origin_void(claims):
            return True
        return self._revocations.token_void(claims["jti"], claims["sub"], claims["iat"], source, client)

    def _remember(self, token: bytes, claims: Mapping[str, Any], answer: Mapping[str, Any], since: int) -> None:
        client, now = claims.get("client_id", ""), self._clock()
        source = claims.get("sid", client)
        tags = (f"token:{claims['jti']}", *((f"subject:client:{client}",) if client else ()), *origin_tags(claims))
        who = Principal(claims["sub"], _SCHEME, source, claims=answer)
        until = min(claims["exp"], now + TTL)
        self._verdicts.put(sha256(token).digest(), who, until, now, tags, since)

    async def _refresh(self, token: bytes, asker: Credential) -> Mapping[str, Any]:
        """Answer about a refresh token: to the client that alone may use it."""
        family = await self._families.current(token.decode("utf-8", "replace"))
        if family is None or family.detail.get("client") != asker.detail["client_id"]:
            return INACTIVE
        answer: dict[str, Any] = {
            "active": True,
            "token_type": _NO_ACCESS,
            "iss": self._issuer,
            "sub": family.subject,
            "client_id": family.detail["client"],
            "scope": " ".join(sorted(family.scopes)),
            "iat": int(family.detail.get("rotated_at", family.created_at)),
            "auth_time": int(family.detail["authenticated_at"]),
            **_named(family.subject),
        }
        if family.expires_at is not None:
            answer["exp"] = family.expires_at
        if family.detail.get("cnf"):
            answer["cnf"] = dict(family.detail["cnf"])
        return self._shown(answer, asker)

    # --- revocation ---------------------------------------------------------------------------------------------------

    async def revoke(self, text: str, client: Credential) -> Refused | None:
        """Take a token of ``client`` back; None also where there is nothing to take back (RFC 7009 section 2.2).

        With a refresh token, any of its family, goes the family and every access token that came from it; an access
        token goes alone. Another client's token is refused (section 2.1), and stays.
        """
        name, token = client.detail["client_id"], text.encode("utf-8", "replace")
        if text.startswith(_REFRESH):
            family = await self._families.holder(text)
            if family is None or family.refusal(self._clock()) is not None:
                return None
            if family.detail.get("client") != name:
                return _anothers()
            await self._lifecycle.revoke(family.id, reason="given back by its client", by=client.subject)
            return None
        claims = await self._claims(token)
        if claims is None or self._refused(claims):
            return None
        if claims.get("client_id") != name:
            return _anothers()
        until, subject = int(claims["exp"]), str(claims["sub"])
        why = "given back by its client"
        await self._lifecycle.revoke_token(claims["jti"], until=until, subject=subject, reason=why, by=client.subject)
        if text.startswith(OPAQUE):
            await self._ephemeral.take(opaque_place(text))
        return None


def _anothers() -> Refused:
    return refused(REFUSED_GRANT, "another client's token", "invalid_grant")


def _answer(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of RFC 7662 section 2.2, and those that other RFCs add to them."""
    bound = isinstance(claims.get("cnf"), Mapping) and "jkt" in claims["cnf"]
    said = {name: claims[name] for name in _SAID if name in claims}
    kind = "DPoP" if bound else "Bearer"
    return {"active": True, "token_type": kind, **said, **_named(claims["sub"])}


def _named(subject: str) -> dict[str, str]:
    return {"username": subject.removeprefix(_USER)} if subject.startswith(_USER) else {}


def _concerns(answer: Mapping[str, Any], asker: Credential) -> bool:
    """Return whether an access token is the asker's own, or for an API that the asker stands for (CVE-2026-37979)."""
    detail = asker.detail
    if answer.get("client_id") == detail["client_id"]:
        return True
    stands_for = frozenset(detail.get("introspects") or ())
    return not stands_for.isdisjoint(texts(answer.get("aud")) or ())
