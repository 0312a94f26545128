"""Refresh token families: every use replaces the token, a second use ends the family (RFC 9700 section 4.14).

A client whose network lost the answer would be locked out by that, so for a short grace the token before the current
one is answered again: with the very same successor, and only while nobody has used that. There is never a second one.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from watchword.codec.claims import certificate_confirmation, unconfirmed
from watchword.codec.secrets import Mac, derived_secret, digest, new_id, new_secret
from watchword.lifecycle.room import make_room
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.reason import MALFORMED_CREDENTIAL, REPLAYED, REVOKED, UNKNOWN_CREDENTIAL
from watchword.model.records import Add, Event, Swap
from watchword.model.verdict import Principal, Rejection
from watchword.standing import standing, until

__all__ = ["Families", "Refreshed", "holder_of"]

_PARTS: Final = 4
_DIGITS: Final = 10
_LONGEST: Final = 256
_TRIES: Final = 8
_RACE: Final = 2.0  # seconds in which a second use is a race: it is told to come again, and gets nothing yet
_AGAIN: Final = ((b"retry-after", b"2"),)
_BY: Final = "service:watchword"
_PASSWORD: Final = "pwd_"  # noqa: S105 - what the id of one begins with


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Hold a family as it is now and its one valid refresh token."""

    family: Credential
    token: str = field(repr=False)


class Families:
    """Start and continue families. A token reads ``rt_FAMILY.PROOF.GENERATION.SECRET``.

    PROOF is the same in all tokens of a family: only who once held one of them can name an ancestor, so a stranger who
    knows a family's public id cannot end it. A successor's SECRET follows from the token before it, a salt in the
    record and ``key``: whoever has but two of them cannot make it, and the record holds no token.
    """

    def __init__(
        self,
        records: Records,
        lifecycle: Lifecycle,
        *,
        key: bytes | Mac,
        lifetime: int = 30 * 86400,
        grace: float = 10.0,
        bind: bool = False,
        clock: Clock = time.time,
    ) -> None:
        """Keep families for ``lifetime`` seconds; answer a lost token again for ``grace``.

        ``bind``: a family begun over a connection with a client certificate belongs to that certificate.
        """
        self._key = key
        self._bind = bind
        self._records = records
        self._lifecycle = lifecycle
        self._lifetime = lifetime
        self._grace = grace
        self._clock = clock

    async def start(
        self,
        who: Principal,
        *,
        by: str,
        scopes: Iterable[str] | None = None,
        id: str = "",
        more: Mapping[str, Any] | None = None,
        certificate: bytes | None = None,
        lifetime: int | None = None,
    ) -> Refreshed:
        """Start a family for who has just proved themselves; it ends after ``lifetime`` seconds, or with what began it.

        ``id`` names it where its name had to be known before; ``more`` goes into its detail, such as the ``client``
        that alone may refresh it, ``proved`` (when each factor was proven, Unix seconds) or ``cnf``. ``certificate``
        is the one on the caller's connection (DER).
        """
        now = int(self._clock())
        id, proof = id or new_id("fam_"), new_secret("")
        token = _token(id, proof, 0, new_secret(""))
        family = Credential(
            id=id,
            kind=Kind.REFRESH,
            subject=who.subject,
            created_at=now,
            scopes=who.scopes if scopes is None else frozenset(scopes),
            secret=digest(token),
            networks=tuple(str(network) for network in who.constraints.networks),
            limit=who.constraints.limit,
            expires_at=await self._end(who.credential, now, lifetime or self._lifetime),
            detail={
                "proof": digest(proof).hex(),
                "generation": 0,
                "factors": list(who.factors),
                "authenticated_at": who.authenticated_at,
                "login": who.credential,
                "proved": {factor: who.authenticated_at for factor in who.factors if factor != "mfa"},
                **({"cnf": certificate_confirmation(certificate)} if self._bind and certificate else {}),
                **(more or {}),
            },
        )
        event = Event(now, "issue", "done", scheme=family.kind, credential=id, subject=family.subject, actor=by)
        if not await self._records.write(Add(family), event):
            raise RuntimeError("a new family's id was taken")
        await make_room(self._records, family.subject, Kind.REFRESH, now, keep=id)
        return Refreshed(family, token)

    async def _end(self, login: str, now: int, lifetime: int) -> int:
        """Return when a family ends: a password for a week opens no door for a month."""
        record = await self._records.credential(login)
        return now + lifetime if record is None else int(until(record, now, lifetime))

    async def redeem(
        self,
        token: str,
        *,
        client: str | None = None,
        certificate: bytes | None = None,
        jkt: str = "",
        rotate: bool = True,
    ) -> Refreshed | Rejection:
        """Replace ``token``: exactly one of any number of concurrent uses wins.

        A family begun by an OAuth client is refreshed by that ``client`` alone, one begun by a login by none; one that
        is bound over a connection with that ``certificate`` (DER), or with a proof of the key ``jkt``. Whoever loses a
        race within two seconds of the winner is refused and told to come again; from then to the end of the grace the
        same token gets the winner's answer again. Any other second use ends the family. Without ``rotate`` the token
        stays: for clients that prove themselves, and whose tokens are bound to a key (FAPI 2.0 section 5.3.2.1).
        """
        parts = _parts(token)
        if parts is None:
            return Rejection(MALFORMED_CREDENTIAL, "refresh token")
        id, proof, generation = parts
        for tries in range(_TRIES):
            now = self._clock()
            family = await self._usable(id, proof, now)
            if isinstance(family, Rejection):
                return family
            if family.detail.get("client") != client:
                return Rejection(UNKNOWN_CREDENTIAL, "another client's", credential=id)
            unbound = unconfirmed(family.detail["cnf"], certificate, jkt) if "cnf" in family.detail else None
            if unbound is not None:
                return Rejection(unbound, "refresh token", credential=id)
            if not hmac.compare_digest(family.secret, digest(token)):
                if generation >= family.detail["generation"]:
                    return Rejection(UNKNOWN_CREDENTIAL, "generation", credential=id)
                return await self._used_before(family, token, now, raced=tries > 0)
            following, successor = self._following(family, token, now)
            if not rotate:
                following, successor = family.changed(last_used_at=int(now)), token
            event = Event(now, "refresh", "done", scheme=family.kind, credential=id, subject=family.subject)
            if await self._records.write(Swap(following), event):
                return Refreshed(following, successor)
        return Rejection(REPLAYED, "the family keeps changing", _AGAIN, credential=id)

    async def _usable(self, id: str, proof: str, now: float) -> Credential | Rejection:
        """Return the family that the proof is of, if it may be refreshed at all: no grace is asked before this.

        The proof comes first, so that who has none cannot tell by the time which families there are.
        """
        family = _one_of(await self._records.credential(id))
        if not hmac.compare_digest(family.detail["proof"], digest(proof).hex()):
            return Rejection(UNKNOWN_CREDENTIAL, "proof", credential=family.id)
        refused = await standing(self._records, family, Kind.REFRESH, now)
        if refused is not None:
            return refused
        began = family.detail.get("login", "")
        login = await self._records.credential(began)
        # Ended since, or while the login that it proved was under way; of passwords that ended only the last are kept.
        if began.startswith(_PASSWORD) if login is None else login.refusal(now) is not None:
            return Rejection(REVOKED, "its login", credential=id)
        consent = family.detail.get("consent")
        if consent is not None:
            given = await self._records.credential(consent)
            if given is None or await standing(self._records, given, Kind.CONSENT, now) is not None:
                return Rejection(REVOKED, "its consent", credential=id)
            return replace(family, scopes=family.scopes & given.scopes)  # some of it was perhaps taken back
        return family

    async def holder(self, token: str) -> Credential | None:
        """Return the family that the token is or once was of, None when it proves none."""
        return await holder_of(self._records, token)

    async def current(self, token: str) -> Credential | None:
        """Return the family whose one valid refresh token this is, None for any other text."""
        parts = _parts(token)
        family = None if parts is None else await self._usable(parts[0], parts[1], self._clock())
        if not isinstance(family, Credential) or not hmac.compare_digest(family.secret, digest(token)):
            return None
        return family

    def _following(self, family: Credential, token: str, now: float) -> tuple[Credential, str]:
        """Return the family with the token's successor in its place, and that successor."""
        salt, generation = os.urandom(16).hex(), family.detail["generation"] + 1
        successor = self._successor(family.id, token, generation, salt)
        rotated = {"generation": generation, "previous": family.secret.hex(), "rotated_at": now, "salt": salt}
        detail = {**family.detail, **rotated}
        return family.changed(secret=digest(successor), detail=detail, last_used_at=int(now)), successor

    def _successor(self, id: str, token: str, generation: int, salt: str) -> str:
        proof = token.split(".")[1]
        return _token(id, proof, generation, derived_secret(self._key, f"{salt}\n{token}".encode()))

    async def _used_before(self, family: Credential, token: str, now: float, *, raced: bool) -> Refreshed | Rejection:
        """Judge a token that has a successor: a race, a lost answer, or a theft."""
        detail = family.detail
        if hmac.compare_digest(str(detail.get("previous", "")), digest(token).hex()):
            age = now - detail["rotated_at"]
            if raced or -self._grace <= age < min(self._grace, _RACE):
                return Rejection(REPLAYED, "lost the race", _AGAIN if self._grace > _RACE else (), credential=family.id)
            if _RACE <= age < self._grace and "salt" in detail:
                successor = self._successor(family.id, token, detail["generation"], detail["salt"])
                if not hmac.compare_digest(family.secret, digest(successor)):  # made under another root key
                    return Rejection(REPLAYED, "its successor cannot be made again", credential=family.id)
                event = Event(now, "refresh", "done", scheme=family.kind, credential=family.id, subject=family.subject)
                if await self._records.write(event._replace(detail="the same successor again")):
                    return Refreshed(family, successor)
        await self._lifecycle.revoke(family.id, reason="a refresh token was used twice", by=_BY)
        return Rejection(REPLAYED, "the family is revoked", credential=family.id)


async def holder_of(records: Records, token: str) -> Credential | None:
    """Return the family that a refresh token is or once was of, None when it proves none."""
    parts = _parts(token)
    if parts is None:
        return None
    family = _one_of(await records.credential(parts[0]))
    return family if hmac.compare_digest(family.detail["proof"], digest(parts[1]).hex()) else None


# Stands where no family is, so that looking at one takes as long.
_NOBODYS: Final = Credential(id="", kind=Kind.REFRESH, subject="", created_at=0, detail={"proof": "-" * 64})


def _one_of(family: Credential | None) -> Credential:
    found = family or _NOBODYS
    return found if found.kind is Kind.REFRESH else _NOBODYS


def _token(family: str, proof: str, generation: int, secret: str) -> str:
    return f"rt_{family.removeprefix('fam_')}.{proof}.{generation}.{secret}"


def _parts(token: str) -> tuple[str, str, int] | None:
    """Return the family's id, its proof and the token's generation."""
    parts = token.split(".") if len(token) <= _LONGEST and token.isascii() else []
    if len(parts) != _PARTS or not parts[0].startswith("rt_") or not _number(parts[2]):
        return None
    return "fam_" + parts[0].removeprefix("rt_"), parts[1], int(parts[2])


def _number(text: str) -> bool:
    return 0 < len(text) <= _DIGITS and text.isascii() and text.isdigit()
