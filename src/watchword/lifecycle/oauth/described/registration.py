"""Let clients register themselves and manage what they registered (RFC 7591, RFC 7592).

registered -> never used: dropped after a while | used -> changed by itself, any number of times -> deleted by itself

Whatever the operator permits is asked at each change as at the first time (CVE-2026-15572).
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from watchword.codec.secrets import digest, new_id, new_secret, well_formed
from watchword.lifecycle.clients.fields import HELD
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import SECRET_METHODS, client_lookup
from watchword.lifecycle.oauth.described.metadata import DETAIL_KEYS, ClientMetadata, MetadataRefused, metadata_of
from watchword.lifecycle.oauth.described.permits import REGISTERED, permitted, sector_fault
from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.lifecycle.verbs import REMEMBERED, Issued, Lifecycle
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock, Fetch, Records
from watchword.model.records import Change, Drop, Event, Publish, Subject, Swap, Topic
from watchword.model.verdict import Rate
from watchword.standing import standing

__all__ = ["REGISTER_SCOPE", "TOKEN", "Registered", "Registration"]

REGISTER_SCOPE: Final = "clients:register"
"""The scope of an initial access token (RFC 7591 section 3): an API key, so it is listed and revoked like any."""

TOKEN: Final = "rat_"  # noqa: S105
"""What a registration access token begins with (RFC 7592 section 3)."""

_KEPT: Final = "registration_token"
_OWN_SUBJECT: Final = "service:client-"  # of a client that acts for itself: it is nobody else
_CHAIN: Final = 1_000
_TRIES: Final = 8
_PAGE: Final = 500
_AT_ONCE: Final = 500  # records dropped in one go
_EVERY: Final = 3_600.0  # seconds between two times of tidying up
_SOON: Final = 60.0  # and where one time was not enough
_HEARD: Final = 3_600
_ENDED: Final = frozenset({State.REVOKED, State.LEAKED, State.RETIRED, State.EXPIRED})
_FULL: Final = MetadataRefused("temporarily_unavailable", "too many clients are registered")
_NOT_ITS: Final = MetadataRefused("access_denied", "the operator of this server changed this client, and keeps it so")
_SHARE: Final = 20  # registrations are counted anew after this part of ``most``: other processes register, too


@dataclass(frozen=True, slots=True)
class Registered:
    """Hold a client as it is now, and what proves it: "" where that stayed as it was. Shown once, kept nowhere."""

    client: Credential
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class Registration:
    """Register, read, change and delete; and drop what nobody uses."""

    def __init__(
        self,
        records: Records,
        lifecycle: Lifecycle,
        rules: OAuthRules,
        fetch: Fetch | None,
        *,
        told: Callable[[], None] = lambda: None,
        clock: Clock = time.time,
    ) -> None:
        self._records = records
        self._lifecycle = lifecycle
        self._rules = rules.described
        self._permitted = permitted(rules, "registered")
        self._fetch = fetch
        self._told = told
        self._clock = clock
        self._count = 0  # of such clients' records, when they were last counted, and those registered here since
        self._since = 0  # those alone
        self.due: float = float("-inf")
        """The Unix second from which ``tidy`` has something to do."""

    @property
    def policy(self) -> str:
        """Return "off", "token" or "open"."""
        return self._rules.registration

    @property
    def limit(self) -> Rate:
        """Return how often one address may register."""
        return self._rules.limit

    async def register(self, given: Mapping[str, Any], *, by: str) -> Registered | MetadataRefused:
        """Register a client as it describes itself (RFC 7591 section 3.1), or say what is wrong."""
        if self._count >= self._rules.most:
            return _FULL
        found = await self._judged(given)
        if isinstance(found, MetadataRefused):
            return found
        token = new_secret(TOKEN)
        options = {**found.detail, **self._rules.lifetimes(), _KEPT: digest(token).hex()}
        try:
            owner = await self._owner(found, by)
            issued = await self._lifecycle.issue(Kind.OAUTH_CLIENT, owner, by=by, scopes=found.scopes, options=options)
        except LifecycleError:
            return MetadataRefused("access_denied", "registration is closed")
        self._count += 1
        self._since += 1
        if self._since * _SHARE > self._rules.most:
            self.due = self._clock()
        return Registered(issued.credential, issued.material.get("client_secret", ""), token)

    async def _judged(self, given: Mapping[str, Any]) -> ClientMetadata | MetadataRefused:
        found = metadata_of(given, self._permitted, "registered")
        if isinstance(found, MetadataRefused):
            return found
        if "jwks_uri" in found.detail and self._fetch is None:
            return MetadataRefused("invalid_client_metadata", "jwks_uri cannot be used here: send the keys as jwks")
        return await sector_fault(found, self._fetch) or found

    async def _owner(self, found: ClientMetadata, by: str) -> str:
        """Return whose the client is. Raise LifecycleError where the operator disabled all of them."""
        owner = await self._records.subject(REGISTERED)
        if owner is None:
            with suppress(LifecycleError):  # somebody else was faster
                await self._lifecycle.add_subject(REGISTERED, by=by)
        elif owner.disabled_at is not None:
            raise LifecycleError(f"{REGISTERED} is disabled", "enable it")
        if "client_credentials" not in found.detail["grants"]:
            return REGISTERED
        return (await self._lifecycle.add_subject(new_id(_OWN_SUBJECT).lower(), by=by)).name

    async def initial_token(
        self, *, by: str, expires_at: int | None = None, limit: Rate | None = None, name: str = ""
    ) -> Issued:
        """Issue an initial access token: whoever has it may register clients. Raise LifecycleError."""
        if await self._records.subject(REGISTERED) is None:
            with suppress(LifecycleError):
                await self._lifecycle.add_subject(REGISTERED, by=by)
        return await self._lifecycle.issue(
            Kind.API_KEY,
            REGISTERED,
            by=by,
            scopes=[REGISTER_SCOPE],
            expires_at=expires_at,
            limit=limit,
            options={"name": name or "registration"},
        )

    # --- the client's own acts ----------------------------------------------------------------------------------------

    async def mine(self, client_id: str, token: str) -> Credential | None:
        """Return the client that a registration access token is of; None for wrong, unknown and ended ones alike."""
        chain = await self._chain(client_id)
        newest = chain[-1] if chain else None
        kept = "" if newest is None else str(newest.detail.get(_KEPT, ""))
        proved = hmac.compare_digest(digest(token).hex(), kept or "0" * 64)
        if newest is None or not kept or not proved or not well_formed(token, TOKEN):
            return None
        refused = await standing(self._records, newest, Kind.OAUTH_CLIENT, self._clock())
        return newest if refused is None else None

    async def change(
        self, client: Credential, given: Mapping[str, Any], token: str
    ) -> Registered | MetadataRefused | None:
        """Replace all that the client says of itself (RFC 7592 section 2.2); None when it is gone meanwhile.

        What an operator changed of it stays as the operator has it: such a client changes itself no more.
        """
        client_id = str(client.detail["client_id"])
        fault = await self._stays_itself(client, given)
        if fault is not None:
            return fault
        found = await self._judged(given)
        if isinstance(found, MetadataRefused):
            return found
        if ("client_credentials" in found.detail["grants"]) is not client.subject.startswith(_OWN_SUBJECT):
            return MetadataRefused("invalid_client_metadata", "client_credentials: register another client")
        for _ in range(_TRIES):
            current = await self.mine(client_id, token)
            if current is None:
                return None
            secret = await self._swapped(client_id, found)
            if isinstance(secret, MetadataRefused):
                return secret
            if secret is not None:
                return Registered((await self._chain(client_id))[-1], secret)
        return MetadataRefused("temporarily_unavailable", "somebody else keeps changing this client")

    async def _stays_itself(self, client: Credential, given: Mapping[str, Any]) -> MetadataRefused | None:
        """Return what is wrong about the id and the secret that must be sent as they are (RFC 7592 section 2.2)."""
        client_id, secret = str(client.detail["client_id"]), given.get("client_secret")
        if given.get("client_id") != client_id:
            return MetadataRefused("invalid_client_metadata", "client_id is missing, or another")
        if secret is None:
            return None
        held = await self._records.credential_by(client_lookup(client_id, str(secret)))
        if held is None or held.detail.get("client_id") != client_id:
            return MetadataRefused("invalid_client_metadata", "client_secret is not the one that was given")
        return None

    async def _swapped(self, client_id: str, found: ClientMetadata) -> str | MetadataRefused | None:
        """Write the change into every record of the client; return a new secret or "", None when it lost."""
        now = self._clock()
        usable = [each for each in await self._chain(client_id) if each.state(now) not in _ENDED]
        if usable and HELD in usable[-1].detail:
            return _NOT_ITS
        needed, secret = found.detail["auth_method"] in SECRET_METHODS, ""
        changes: list[Change] = []
        for record in usable:
            others = {name: value for name, value in record.detail.items() if name not in DETAIL_KEYS}
            lookup = record.lookup if needed else None
            if needed and record is usable[-1] and record.lookup is None:
                secret = new_secret("cs_live_")
                lookup = client_lookup(client_id, secret)
            detail = {**others, **found.detail}
            changes.append(Swap(record.changed(detail=detail, scopes=found.scopes, lookup=lookup)))
            changes.append(Publish(Topic.CHANGED, record.id, int(now), int(now) + _HEARD))
        event = _event(now, "change", usable[-1], REGISTERED, "by itself") if usable else None
        if event is None or not await self._records.write(*changes, event):
            return None
        self._told()
        return secret

    async def delete(self, client: Credential) -> None:
        """End the client, every token that it has and every token that it was given (RFC 7592 section 2.3)."""
        for record in await self._chain(str(client.detail["client_id"])):
            await self._lifecycle.revoke(record.id, reason="deleted by itself", by=REGISTERED)

    async def _chain(self, client_id: str) -> list[Credential]:
        """Return the client's records, the newest last; none for a client that did not register itself."""
        record = await self._records.credential(client_id) if client_id.startswith("cli_") else None
        if record is None or record.kind is not Kind.OAUTH_CLIENT or record.detail.get("client_id") != client_id:
            return []
        chain = [record]
        while record.replaced_by is not None and len(chain) < _CHAIN:
            following = await self._records.credential(record.replaced_by)
            if following is None:
                break
            record = following
            chain.append(record)
        return chain

    # --- tidying up ---------------------------------------------------------------------------------------------------

    async def tidy(self) -> None:
        """Drop, some at a time, clients that nobody uses and that deleted themselves; count those that stay."""
        now = self._clock()
        if now < self.due:
            return
        self.due, self._since = now + _EVERY, 0
        count, spare, after = 0, list[Credential](), ""
        while page := await self._records.credentials(kind=Kind.OAUTH_CLIENT, after=after, limit=_PAGE):
            described = [each for each in page if each.detail.get("source") in ("registered", "document")]
            spare += [each for each in described if self._spare(each, now)][: _AT_ONCE - len(spare)]
            count += len(described)
            after = page[-1].id
        if spare and await self._records.write(*await self._drops(spare, now)):
            self._told()
            count -= len(spare)
            self.due = now + (_SOON if len(spare) >= _AT_ONCE else _EVERY)
        self._count = count

    def _spare(self, record: Credential, now: float) -> bool:
        if record.replaced_by is not None or record.replaces is not None:
            return False
        if record.revoked_at is not None:  # what the operator revoked of a document stays: its URL is let in no more
            return record.detail.get("source") == "registered" and now > record.revoked_at + REMEMBERED
        if record.refusal(now) is not None:
            return False
        used = record.last_used_at
        if used is None and record.detail.get("source") == "registered":
            return now > record.created_at + self._rules.unused
        return now > (used or record.created_at) + self._rules.idle

    async def _drops(self, spare: list[Credential], now: float) -> list[Change]:
        changes: list[Change] = []
        for record in spare:
            changes += [Drop(record), _event(now, "drop", record, REGISTERED, "nobody uses it")]
            own = await self._records.subject(record.subject) if record.subject.startswith(_OWN_SUBJECT) else None
            if own is not None and await self._alone(own):
                changes.append(Drop(own))
            if record.revoked_at is None:
                changes.append(Publish(Topic.CREDENTIAL, record.id, int(now), int(now) + REMEMBERED))
        return changes

    async def _alone(self, own: Subject) -> bool:
        return len(await self._records.credentials(subject=own.name, limit=2)) == 1


def _event(now: float, action: str, client: Credential, by: str, detail: str) -> Event:
    return Event(
        now,
        action,
        "done",
        scheme=client.kind,
        credential=client.id,
        subject=client.subject,
        actor=by,
        detail=detail,
    )
