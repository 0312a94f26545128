"""Add, show, change, disable and replace OAuth clients: the acts behind the command line and the admin API.

A client goes by the id of its first record; each replacement of its secret adds one. What is said of a client stands in
all of them that may still be used, so whichever secret it shows, it is the same client.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from watchword.lifecycle.clients.fields import FIELDS, HELD, FieldError, settled
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT, SECRET_METHODS
from watchword.lifecycle.oauth.described.permits import REGISTERED
from watchword.lifecycle.values import networks_of, scopes_of, subject_of
from watchword.lifecycle.verbs import Issued, Lifecycle
from watchword.lifecycle.voiding import ALWAYS, DISABLED, client_void
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock, Records
from watchword.model.records import Change, Event, Publish, Swap, Topic
from watchword.model.verdict import Rate

__all__ = ["Bounds", "Client", "ClientBook", "ClientChanged", "ClientUnknown"]

_NAMES: Final = ("cli_", "https://")  # who publishes a document goes by its URL
_CHAIN: Final = 1000  # replacements of a secret that are followed
_PAGE: Final = 100
_TRIES: Final = 8
_CHANGED_FOR: Final = 3600  # seconds that a changed record stays in the feed
_OWN_SUBJECTS: Final = frozenset({CA_SUBJECT, REGISTERED})
_RETIRES: Final = "retires_at"
_ENDED: Final = frozenset({State.REVOKED, State.LEAKED, State.RETIRED, State.EXPIRED})


class ClientUnknown(LifecycleError):
    """Say that there is no such client."""


class ClientChanged(LifecycleError):
    """Say that somebody else changed the client meanwhile."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Say what every credential has, as far as it is to change: None leaves it as it is.

    ``limit`` and ``expires_at`` (Unix seconds) are taken away by ``no_limit`` and ``no_end``.
    """

    scopes: Iterable[str] | None = None
    networks: Iterable[str] | None = None
    limit: Rate | None = None
    expires_at: int | None = None
    no_limit: bool = False
    no_end: bool = False

    def changes(self) -> dict[str, Any]:
        """Return the fields of a record that change, each read."""
        found: dict[str, Any] = {}
        if self.scopes is not None:
            found["scopes"] = scopes_of(self.scopes)
        if self.networks is not None:
            found["networks"] = networks_of(self.networks)
        if self.limit is not None or self.no_limit:
            found["limit"] = self.limit
        if self.expires_at is not None or self.no_end:
            found["expires_at"] = self.expires_at
        return found


@dataclass(frozen=True, slots=True)
class Client:
    """Hold every record of one client, from the first to the newest.

    One that describes itself by a document goes by its URL, and has one record once somebody let it act for them.
    """

    records: tuple[Credential, ...]

    @property
    def id(self) -> str:
        """Return its ``client_id``."""
        return self.records[0].id

    @property
    def newest(self) -> Credential:
        """Return the record that counts."""
        return self.records[-1]

    @property
    def version(self) -> str:
        """Return what changes with every change of what the client is."""
        return f"{self.newest.id}.{self.newest.version}"

    @property
    def disabled(self) -> bool:
        """Return whether it is disabled, and may be enabled again."""
        return DISABLED in self.newest.detail

    def usable(self, now: float) -> list[Credential]:
        """Return the records that prove the client, or would if it were enabled."""
        return [each for each in self.records if each.state(now) not in _ENDED]

    def state(self, now: float) -> str:
        """Return "active", "disabled", or how it ended."""
        state = self.newest.state(now)
        return "disabled" if self.disabled and state not in _ENDED else state.value

    def value(self, now: float) -> dict[str, Any]:
        """Return the client as JSON values, without what proves it; times are Unix seconds."""
        newest = self.newest
        used = [each.last_used_at for each in self.records if each.last_used_at is not None]
        said = {name: newest.detail[name] for name in FIELDS if name in newest.detail}
        secrets = [
            {"id": each.id, "state": each.state(now).value, "created_at": each.created_at, "ends_at": each.ends_at()}
            for each in self.usable(now)
            if each.lookup is not None
        ]
        return {
            "client_id": self.id,
            "subject": newest.subject,
            "state": self.state(now),
            "source": newest.detail.get("source", "operator"),
            "scopes": sorted(newest.scopes),
            **said,
            "networks": list(newest.networks),
            "limit": None if newest.limit is None else str(newest.limit),
            "created_at": self.records[0].created_at,
            "expires_at": newest.expires_at,
            "last_used_at": max(used, default=None),
            "secrets": secrets,
            "version": self.version,
        }


class ClientBook:
    """Keep the clients. Each act is one transaction: the change, its feed entries, its audit event."""

    def __init__(
        self,
        records: Records,
        lifecycle: Lifecycle,
        *,
        told: Callable[[], None] = lambda: None,
        clock: Clock = time.time,
    ) -> None:
        self._records = records
        self._lifecycle = lifecycle
        self._told = told
        self._clock = clock

    async def add(
        self, subject: str, fields: Mapping[str, Any], bounds: Bounds | None = None, *, by: str, source: str = ""
    ) -> Issued:
        """Add a client that is the service ``subject``, which is added where it is missing. Raise LifecycleError."""
        try:
            name = subject_of(subject)
        except LifecycleError as error:
            raise FieldError("subject", str(error), error.hint) from None
        if not name.startswith("service:"):
            raise FieldError("subject", f"{name} is no service, and a client is one", "such as service:billing")
        if name in _OWN_SUBJECTS:
            raise FieldError("subject", f"{name} is this server's own", "name a service of yours")
        options = settled(fields) | ({"source": source} if source else {})
        found = (bounds or Bounds()).changes()
        if await self._records.subject(name) is None:
            await self._lifecycle.add_subject(name, by=by)
        return await self._lifecycle.issue(Kind.OAUTH_CLIENT, name, by=by, options=options, **found)

    async def find(self, client_id: str) -> Client:
        """Return a client, whatever its state. Raise ClientUnknown."""
        first = await self._records.credential(client_id) if client_id.startswith(_NAMES) else None
        if first is None or first.kind is not Kind.OAUTH_CLIENT:
            raise ClientUnknown(f"there is no client {client_id[:64]!r}", "`watchword client list` shows them")
        own = str(first.detail.get("client_id", first.id))
        if own != first.id:
            raise ClientUnknown(f"{first.id} is one secret of a client", f"the client is {own}")
        return await self._whole(first)

    async def _whole(self, first: Credential) -> Client:
        records = [first]
        while len(records) < _CHAIN and records[-1].replaced_by is not None:
            following = await self._records.credential(records[-1].replaced_by)
            if following is None:
                break
            records.append(following)
        return Client(tuple(records))

    async def page(self, *, after: str = "", limit: int = _PAGE) -> tuple[list[Client], str]:
        """Return clients by id, strictly after ``after``, and what to begin the next page after ("": there is none)."""
        found: list[Client] = []
        while len(found) <= limit:
            rows = await self._records.credentials(kind=Kind.OAUTH_CLIENT, after=after, limit=_PAGE)
            first = [each for each in rows if each.detail.get("client_id", each.id) == each.id]
            found += [await self._whole(each) for each in first[: limit + 1 - len(found)]]
            if len(rows) < _PAGE:
                break
            after = rows[-1].id
        return found[:limit], found[limit - 1].id if len(found) > limit else ""

    async def change(
        self,
        client_id: str,
        fields: Mapping[str, Any],
        bounds: Bounds | None = None,
        *,
        by: str,
        version: str | None = None,
    ) -> Client:
        """Change what a client is; None takes a field away. One compare-and-swap, of ``version`` where it is given.

        Raise ClientChanged when somebody else was faster, LifecycleError for what cannot be.
        """
        now, client = self._clock(), await self.find(client_id)
        if version is not None and version != client.version:
            raise ClientChanged(f"{client_id} changed meanwhile", "look at it again")
        if client.state(now) not in ("active", "disabled"):
            raise LifecycleError(f"{client_id} is {client.state(now)}", "add a new one instead")
        if client.newest.detail.get("source") == "document":
            raise LifecycleError(f"{client_id} says itself what it is", "disable it, or bound all of them in [oauth]")
        found, whole = (bounds or Bounds()).changes(), settled(fields, client.newest.detail)
        known = {name: value for name, value in whole.items() if name in FIELDS}
        if client.newest.detail.get("source") == "registered" and _its_own({*fields, *found}):
            known[HELD] = True
        changed = []
        for record in client.usable(now):
            own = {name: value for name, value in record.detail.items() if name not in FIELDS}
            more = found if _secret(whole) else {**found, "lookup": None}
            changed.append(record.changed(detail={**own, **known}, **more))
        said = ", ".join(sorted({*fields, *found})) or "nothing"
        return await self._swapped(client, changed, self._event(now, "change", by, client, said))

    async def set_enabled(self, client_id: str, enabled: bool, *, by: str) -> Client:
        """Disable a client, which voids its tokens and those it was given for people, or enable it again.

        Its refresh tokens work again with it; access tokens from before stay void.
        """
        for _ in range(_TRIES):
            now, client = self._clock(), await self.find(client_id)
            if client.state(now) not in ("active", "disabled"):
                raise LifecycleError(f"{client_id} is {client.state(now)}", "add a new one instead")
            if client.disabled is not enabled:
                return client
            changed = [_switched(each, enabled, now) for each in client.usable(now)]
            first = next((each for each in changed if each.id == client.id), client.records[0].changed())
            detail, void = client_void(first, now, await self._records.subject(first.subject))
            rest = [each for each in changed if each.id != client.id]
            event = self._event(now, "enable" if enabled else "disable", by, client)
            try:
                # Both stay in the feed: who reads it from its beginning must not stop at the first of them.
                void = replace(void, until=ALWAYS)
                return await self._swapped(client, [replace(first, detail=detail), *rest], event, void)
            except ClientChanged:
                continue
        raise LifecycleError(f"{client_id} keeps changing", "try again")

    async def rotate(self, client_id: str, *, overlap: int, by: str, version: str | None = None) -> Issued:
        """Give a client a new secret; the one before is valid for ``overlap`` seconds more.

        Of ``version`` alone where that is given. Raise ClientChanged when somebody else was faster.
        """
        client = await self.find(client_id)
        if version not in (None, client.version):
            raise ClientChanged(f"{client_id} changed meanwhile", "look at it again")
        if not _secret(client.newest.detail):
            method = client.newest.detail.get("auth_method", "none")
            raise LifecycleError(f"{client_id} has no secret: it is {method}", "change its keys instead")
        if client.disabled:
            raise LifecycleError(f"{client_id} is disabled", "enable it first")
        newest = client.newest
        return await self._lifecycle.rotate(newest.id, overlap=overlap, by=by, version=newest.version)

    async def remove(self, client_id: str, *, reason: str, by: str) -> Client:
        """Revoke a client for good: every secret, every token that it was given. Idempotent."""
        for _ in range(_TRIES):
            client = await self.find(client_id)
            held = [each for each in client.records if each.revoked_at is None]
            for record in held or client.records[:1]:
                await self._lifecycle.revoke(record.id, reason=reason, by=by)
            client = await self.find(client_id)
            if all(each.revoked_at is not None for each in client.records):
                return client
        raise LifecycleError(f"{client_id} keeps changing", "try again")

    async def _swapped(self, client: Client, changed: list[Credential], event: Event, *more: Change) -> Client:
        now = int(self._clock())
        heard = [Publish(Topic.CHANGED, each.id, now, now + _CHANGED_FOR) for each in changed]
        if not await self._records.write(*map(Swap, changed), *heard, *more, event):
            raise ClientChanged(f"{client.id} changed meanwhile", "look at it again")
        self._told()
        by_id = {each.id: each for each in changed}
        return Client(tuple(by_id.get(each.id, each) for each in client.records))

    def _event(self, now: float, action: str, by: str, client: Client, detail: str = "") -> Event:
        newest = client.newest
        return Event(
            now,
            action,
            "done",
            scheme=newest.kind,
            credential=client.id,
            subject=newest.subject,
            actor=by,
            detail=detail,
        )


def _secret(detail: Mapping[str, Any]) -> bool:
    """Return whether a client of this kind proves itself by a secret."""
    return detail.get("public") is not True and detail.get("auth_method", "client_secret_basic") in SECRET_METHODS


def _its_own(names: set[str]) -> bool:
    """Return whether a client that registered itself could change any of these back."""
    from watchword.lifecycle.oauth.described.metadata import DETAIL_KEYS

    return bool(names & {*DETAIL_KEYS, "scopes"})


def _switched(record: Credential, enabled: bool, now: float) -> Credential:
    """Return the record enabled or disabled: one that is not valid before the end of time proves nothing anywhere.

    A secret that was replaced is set aside the end of its overlap meanwhile, which goes before that.
    """
    detail = {name: value for name, value in record.detail.items() if name not in (DISABLED, _RETIRES)}
    if enabled:
        return record.changed(not_before=None, retire_at=record.detail.get(_RETIRES), detail=detail)
    aside = {} if record.retire_at is None else {_RETIRES: record.retire_at}
    return record.changed(not_before=ALWAYS, retire_at=None, detail={**detail, **aside, DISABLED: int(now)})
