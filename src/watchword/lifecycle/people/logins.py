"""Begin what a login begins, a session or a refresh family, and raise it after a step-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from watchword.codec.secrets import digest, new_id, new_secret
from watchword.lifecycle.families import Families, Refreshed
from watchword.lifecycle.people.ceremonies import Proven
from watchword.lifecycle.people.holdings import APPS, ORIGIN, act, ending, origin_of
from watchword.lifecycle.people.proving import TRIES
from watchword.lifecycle.room import make_room
from watchword.lifecycle.verbs import Issued, Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.reason import REPLAYED, UNKNOWN_CREDENTIAL
from watchword.model.records import Add, Swap
from watchword.model.verdict import Rejection
from watchword.standing import standing, until

__all__ = ["Logins", "Visitor"]

_PREFIX: Final = "ws_"
_AGENT: Final = 200  # characters


@dataclass(frozen=True, slots=True)
class Visitor:
    """Describe whose browser or program it is, for the account's list of sessions."""

    agent: str = field(default="", repr=False)
    address: str = ""
    outside: str = field(default="", repr=False)
    """By what a login at a provider names the browser, when it has just come from one."""

    def detail(self) -> dict[str, str]:
        """Return what is kept of it."""
        more = {"outside": self.outside} if self.outside else {}
        return {"agent": self.agent[:_AGENT], "address": self.address, **more}


@dataclass(frozen=True, slots=True)
class Logins:
    """Begin sessions and families of who has proved everything that was due. Durations are in seconds."""

    records: Records
    lifecycle: Lifecycle
    families: Families
    idle: int
    lifetime: int
    told: Callable[[], None]
    clock: Clock

    async def session(self, proven: Proven, visitor: Visitor, before: Credential | None = None) -> Issued:
        """Begin a session; ``material["cookie"]`` is its secret. It ends with what began it, if not before.

        It goes on from the session ``before`` of the same browser and person, which ends at that moment: applications
        that were let in through that one are let in through this one, and told when it ends.
        """
        who, now = proven.who, self.clock()
        login = await self.records.credential(who.credential)
        ends = now + self.lifetime if login is None else until(login, now, self.lifetime)
        if before is not None:
            following = await self._following(before, proven, visitor, int(ends))
            if following is not None:
                return following
        issued = await self.lifecycle.issue(
            Kind.SESSION,
            who.subject,
            by=who.subject,
            scopes=who.scopes,
            networks=[str(network) for network in who.constraints.networks],
            limit=who.constraints.limit,
            expires_at=int(ends),
            options={"idle": self.idle, "login": who.credential, **_seen(proven, visitor)},
        )
        await self._make_room(issued.credential)
        return issued

    async def _following(self, before: Credential, proven: Proven, visitor: Visitor, ends: int) -> Issued | None:
        who, secret = proven.who, new_secret(_PREFIX)
        for _ in range(TRIES):
            now, old = self.clock(), await self.records.credential(before.id)
            refused = await standing(self.records, old, Kind.SESSION, now)
            if refused is not None or old is None or old.subject != who.subject:
                return None
            new = Credential(
                id=new_id("ses_"),
                kind=Kind.SESSION,
                subject=who.subject,
                created_at=int(now),
                scopes=who.scopes,
                lookup=digest(secret),
                networks=tuple(str(network) for network in who.constraints.networks),
                limit=who.constraints.limit,
                expires_at=ends,
                replaces=old.id,
                detail={"idle": self.idle, "login": who.credential, **_going_on(old), **_seen(proven, visitor)},
            )
            changes = ending(old, now=now, by=old.subject, why="logged in again", replaced_by=new.id)
            if await self._write(*changes, Add(new), act(now, "issue", who.subject, who.subject, new)):
                await self._make_room(new)
                return Issued(new, {"cookie": secret})
        return None

    async def family(self, proven: Proven, visitor: Visitor, certificate: bytes | None = None) -> Refreshed:
        """Begin a refresh family. ``certificate`` is the one on the caller's connection (DER)."""
        more = {"proved": dict(proven.proved), **visitor.detail()}
        return await self.families.start(proven.who, by=proven.who.subject, more=more, certificate=certificate)

    async def raised_session(self, proven: Proven, visitor: Visitor) -> Issued | Rejection:
        """Put a new session in the place of ``proven.source``, which ends at that moment (CVE-2022-25896).

        It ends when the old one would have ended. Of any number of concurrent calls one gets it.
        """
        now = self.clock()
        old = await self.records.credential(proven.source)
        refused = await standing(self.records, old, Kind.SESSION, now)
        if refused is not None or old is None:
            return refused or Rejection(UNKNOWN_CREDENTIAL)
        secret = new_secret(_PREFIX)
        new = Credential(
            id=new_id("ses_"),
            kind=Kind.SESSION,
            subject=old.subject,
            created_at=int(now),
            scopes=old.scopes,
            lookup=digest(secret),
            networks=old.networks,
            limit=old.limit,
            expires_at=old.expires_at,
            replaces=old.id,
            detail={**old.detail, **_going_on(old), **_seen(proven, visitor)},
        )
        changes = ending(old, now=now, by=old.subject, why="stepped up", replaced_by=new.id)
        event = act(now, "step-up", old.subject, old.subject, new, f"from {old.id}")
        if not await self._write(*changes, Add(new), event):
            return Rejection(REPLAYED, "the session changed meanwhile", credential=old.id)
        await self._make_room(new)
        return Issued(new, {"cookie": secret})

    async def raised_family(self, proven: Proven) -> Credential | Rejection:
        """Note the new proofs on the refresh family ``proven.source``: tokens from now on carry them."""
        for _ in range(TRIES):
            now = self.clock()
            old = await self.records.credential(proven.source)
            refused = await standing(self.records, old, Kind.REFRESH, now)
            if refused is not None or old is None:
                return refused or Rejection(UNKNOWN_CREDENTIAL)
            new = old.changed(detail={**old.detail, **_proofs(proven)})
            if await self._write(Swap(new), act(now, "step-up", old.subject, old.subject, new)):
                return new
        return Rejection(REPLAYED, "the family keeps changing", credential=proven.source)

    async def _make_room(self, new: Credential) -> None:
        if await make_room(self.records, new.subject, Kind.SESSION, self.clock(), keep=new.id):
            self.told()

    async def _write(self, *changes: Any) -> bool:
        done = await self.records.write(*changes)
        self.told()
        return done


def _going_on(old: Credential) -> Mapping[str, Any]:
    """Return what a session takes over from the one whose place it takes."""
    return {ORIGIN: origin_of(old), APPS: old.detail.get(APPS, {})}


def _seen(proven: Proven, visitor: Visitor) -> Mapping[str, Any]:
    return {**_proofs(proven), **visitor.detail()}


def _proofs(proven: Proven) -> Mapping[str, Any]:
    who = proven.who
    return {
        "factors": list(who.factors),
        "proved": dict(proven.proved),
        "authenticated_at": who.authenticated_at,
    }
