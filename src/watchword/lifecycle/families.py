"""Refresh token families: every use replaces the token, a second use ends the family (RFC 9700 section 4.14)."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from watchword.codec.secrets import digest, new_id, new_secret
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.reason import MALFORMED_CREDENTIAL, REPLAYED, REVOKED, UNKNOWN_CREDENTIAL
from watchword.model.records import Add, Event, Swap
from watchword.model.verdict import Principal, Rejection
from watchword.standing import standing

__all__ = ["Families", "Refreshed"]

_PARTS: Final = 4
_DIGITS: Final = 10
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Hold a family as it is now and its one valid refresh token."""

    family: Credential
    token: str = field(repr=False)


class Families:
    """Start and continue families. A token reads ``rt_FAMILY.PROOF.GENERATION.SECRET``.

    PROOF is the same in all tokens of a family: only who once held one of them can name an ancestor, so a stranger who
    knows a family's public id cannot end it.
    """

    def __init__(
        self,
        records: Records,
        lifecycle: Lifecycle,
        *,
        lifetime: int = 30 * 86400,
        grace: float = 0.0,
        clock: Clock = time.time,
    ) -> None:
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
    ) -> Refreshed:
        """Start a family for who has just proved themselves; it ends after ``lifetime`` seconds, whatever happens.

        ``id`` names it where its name had to be known before; ``more`` goes into its detail, such as the ``client`` that
        alone may refresh it.
        """
        now = int(self._clock())
        id, proof = id or new_id("fam_"), new_secret("")
        token = _token(id, proof, 0)
        family = Credential(
            id=id,
            kind=Kind.REFRESH,
            subject=who.subject,
            created_at=now,
            scopes=who.scopes if scopes is None else frozenset(scopes),
            secret=digest(token),
            networks=tuple(str(network) for network in who.constraints.networks),
            limit=who.constraints.limit,
            expires_at=now + self._lifetime,
            detail={
                "proof": digest(proof).hex(),
                "generation": 0,
                "factors": list(who.factors),
                "authenticated_at": who.authenticated_at,
                "login": who.credential,
                **(more or {}),
            },
        )
        event = Event(now, "issue", "done", scheme=family.kind, credential=id, subject=family.subject, actor=by)
        if not await self._records.write(Add(family), event):
            raise RuntimeError("a new family's id was taken")
        return Refreshed(family, token)

    async def redeem(self, token: str, *, client: str | None = None) -> Refreshed | Rejection:
        """Replace ``token``: exactly one of any number of concurrent uses wins.

        A family begun by an OAuth client is refreshed by that ``client`` alone, one begun by a login by none.
        """
        parts = _parts(token)
        if parts is None:
            return Rejection(MALFORMED_CREDENTIAL, "refresh token")
        id, proof, generation = parts
        now = self._clock()
        family = await self._records.credential(id)
        refused = await standing(self._records, family, Kind.REFRESH, now)
        if refused is not None or family is None:
            return refused or Rejection(UNKNOWN_CREDENTIAL)
        login = await self._records.credential(family.detail.get("login", ""))
        if login is not None and login.revoked_at is not None:  # while the login that it proved was under way
            return Rejection(REVOKED, "its login", credential=id)
        if not hmac.compare_digest(family.detail["proof"], digest(proof).hex()):
            return Rejection(UNKNOWN_CREDENTIAL, "proof", credential=id)
        if family.detail.get("client") != client:
            return Rejection(UNKNOWN_CREDENTIAL, "another client's", credential=id)
        if hmac.compare_digest(family.secret, digest(token)):
            return await self._continue(family, proof, now)
        if generation < family.detail["generation"]:
            return await self._reused(family, digest(token), now)
        return Rejection(UNKNOWN_CREDENTIAL, "generation", credential=id)

    async def holder(self, token: str) -> Credential | None:
        """Return the family that the token is or once was of, None when it proves none."""
        parts = _parts(token)
        family = None if parts is None else await self._records.credential(parts[0])
        if parts is None or family is None or family.kind is not Kind.REFRESH:
            return None
        return family if hmac.compare_digest(family.detail["proof"], digest(parts[1]).hex()) else None

    async def _continue(self, family: Credential, proof: str, now: float) -> Refreshed | Rejection:
        generation = family.detail["generation"] + 1
        token = _token(family.id, proof, generation)
        detail = {**family.detail, "generation": generation, "previous": family.secret.hex(), "rotated_at": now}
        following = family.changed(secret=digest(token), detail=detail, last_used_at=int(now))
        event = Event(now, "refresh", "done", scheme=family.kind, credential=family.id, subject=family.subject)
        if await self._records.write(Swap(following), event):
            return Refreshed(following, token)
        # Another use of the same token won while this one ran: that is a race, not yet a theft.
        return Rejection(REPLAYED, "lost the race", credential=family.id)

    async def _reused(self, family: Credential, used: bytes, now: float) -> Rejection:
        previous = hmac.compare_digest(str(family.detail.get("previous", "")), used.hex())
        if previous and now - family.detail["rotated_at"] < self._grace:
            return Rejection(REPLAYED, "within grace", credential=family.id)
        await self._lifecycle.revoke(family.id, reason="a refresh token was used twice", by="service:watchword")
        return Rejection(REPLAYED, "the family is revoked", credential=family.id)


def _token(family: str, proof: str, generation: int) -> str:
    return f"rt_{family.removeprefix('fam_')}.{proof}.{generation}.{new_secret('')}"


def _parts(token: str) -> tuple[str, str, int] | None:
    """Return the family's id, its proof and the token's generation."""
    parts = token.split(".") if len(token) <= _LONGEST and token.isascii() else []
    if len(parts) != _PARTS or not parts[0].startswith("rt_") or not _number(parts[2]):
        return None
    return "fam_" + parts[0].removeprefix("rt_"), parts[1], int(parts[2])


def _number(text: str) -> bool:
    return 0 < len(text) <= _DIGITS and text.isascii() and text.isdigit()
