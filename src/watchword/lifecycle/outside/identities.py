"""Link outside identities to people: who owns one, and never by an email address that a provider tells."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from watchword.codec.names import chosen_name
from watchword.codec.secrets import digest, new_id
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.holdings import LOGINS, act, ending, held
from watchword.lifecycle.values import scopes_of
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Clock, Records
from watchword.model.reason import SUBJECT_DISABLED, SUBJECT_MISMATCH
from watchword.model.records import Add, Subject
from watchword.model.verdict import Principal, Rejection
from watchword.standing import principal_of, standing

__all__ = ["FACTOR", "Identities", "Outsider", "identity_lookup"]

FACTOR: Final = "fed"
"""What a login by an outside identity proves: somebody else proved it."""

_SCHEME: Final = "login"
_WAYS_IN: Final = (Kind.PASSWORD, Kind.PASSKEY, Kind.IDENTITY)
_LONGEST_LABEL: Final = 128
_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Outsider:
    """Say whom a provider vouches for. ``subject`` is its name for them, for good; ``label`` is for people to read.

    ``name`` is what they might like to be called here. Neither label nor name proves anything.
    """

    provider: str
    issuer: str
    subject: str
    label: str = ""
    name: str = ""
    display: str = ""


def identity_lookup(issuer: str, subject: str) -> bytes:
    """Return the digest that an identity is found by; no issuer's name holds a line break."""
    return digest(f"identity:{issuer}\n{subject}")


class Identities:
    """Find, link and unlink. Each identity is one credential of kind ``identity`` and belongs to one person."""

    def __init__(self, records: Records, *, told: Callable[[], None] = lambda: None, clock: Clock = time.time) -> None:
        self._records = records
        self._told = told
        self._clock = clock

    async def find(self, outsider: Outsider) -> Principal | Rejection | None:
        """Return whom the identity is linked to, None when to nobody; a Rejection where it may not be used."""
        record = await self._records.credential_by(identity_lookup(outsider.issuer, outsider.subject))
        return None if record is None else await self._principal(record)

    async def link(self, outsider: Outsider, subject: str, *, scopes: Iterable[str], by: str) -> Credential | Rejection:
        """Link an identity to a person who has just proved themselves; one that is somebody's stays theirs."""
        owner = await self._records.subject(subject)
        if owner is None or owner.disabled_at is not None:
            return Rejection(SUBJECT_DISABLED, scheme=_SCHEME)
        record = self._record(outsider, subject, scopes)
        event = act(self._clock(), "link", by, subject, record, outsider.issuer)
        if await self._write(Add(record), event):
            return record
        kept = await self._records.credential_by(identity_lookup(outsider.issuer, outsider.subject))
        if kept is not None and kept.subject == subject and kept.refusal(self._clock()) is None:
            return kept
        return Rejection(SUBJECT_MISMATCH, "the identity is somebody's already", scheme=_SCHEME)

    async def sign_up(self, outsider: Outsider, *, scopes: Iterable[str] = ()) -> Principal | Rejection:
        """Make an account for an identity that nobody has; its name is a new one, whatever the provider says."""
        wanted = chosen_name(outsider.name) or chosen_name(outsider.name.partition("@")[0]) or "user"
        for attempt in range(_TRIES):
            now = self._clock()
            name = f"user:{wanted}" if not attempt else f"user:{wanted[:56]}-{secrets.token_hex(3)}"
            if await self._records.subject(f"service:{name.partition(':')[2]}") is not None:
                continue  # a password is looked for under both
            detail = {"display": outsider.display[:100]} if outsider.display else {}
            record = self._record(outsider, name, scopes)
            events = (act(now, "add", outsider.provider, name), act(now, "link", outsider.provider, name, record))
            if await self._write(Add(Subject(name, int(now), detail=detail)), Add(record), *events):
                return principal_of(record, _SCHEME, now, (FACTOR,))
            found = await self.find(outsider)
            if found is not None:  # somebody else was quicker with this very identity
                return found
        raise LifecycleError(f"no free name like {wanted}", "try again")

    async def listed(self, subject: str) -> tuple[Credential, ...]:
        """Return the usable identities of a person."""
        now = self._clock()
        return tuple(each for each in await held(self._records, subject, Kind.IDENTITY) if each.refusal(now) is None)

    async def unlink(self, id: str, subject: str, *, by: str, keep: str = "") -> bool:
        """Take an identity from its owner, who may link it anew; False when it is the only way in, or not theirs.

        Sessions and refresh tokens that it began end with it, but for the session ``keep``. What an operator revokes
        with ``watchword revoke`` stays refused, whoever comes with it.
        """
        for _ in range(_TRIES):
            record, now = await self._records.credential(id), self._clock()
            if record is None or record.kind is not Kind.IDENTITY or record.subject != subject:
                return False
            if record.refusal(now) is not None:
                return False
            if not await self._another_way_in(record, now):
                return False
            changes = ending(record, now=now, by=by, why="unlinked", lookup=None)
            for kind in LOGINS:
                for each in await held(self._records, subject, kind):
                    if each.detail.get("login") == id and each.id != keep and each.refusal(now) is None:
                        changes += ending(each, now=now, by=by, why=f"{id} was unlinked")
            if await self._write(*changes):
                return True
        raise LifecycleError(f"{id} keeps changing", "try again")

    async def _another_way_in(self, record: Credential, now: float) -> bool:
        for kind in _WAYS_IN:
            for each in await held(self._records, record.subject, kind):
                if each.id != record.id and each.refusal(now) is None:
                    return True
        return False

    async def _principal(self, record: Credential) -> Principal | Rejection:
        now = self._clock()
        refused = await standing(self._records, record, Kind.IDENTITY, now)
        if refused is not None:
            return Rejection(refused.reason, refused.detail, scheme=_SCHEME, credential=record.id)
        return principal_of(record, _SCHEME, now, (FACTOR,))

    def _record(self, outsider: Outsider, subject: str, scopes: Iterable[str]) -> Credential:
        detail = {
            "provider": outsider.provider,
            "issuer": outsider.issuer,
            "sub": outsider.subject,
            "label": outsider.label[:_LONGEST_LABEL],
        }
        return Credential(
            new_id("idt_"),
            Kind.IDENTITY,
            subject,
            int(self._clock()),
            scopes=scopes_of(scopes),
            lookup=identity_lookup(outsider.issuer, outsider.subject),
            detail=detail,
        )

    async def _write(self, *changes: object) -> bool:
        done = await self._records.write(*changes)  # type: ignore[arg-type]
        self._told()
        return done
