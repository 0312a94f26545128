"""The one code path of every kind: issue, show, list, rotate, revoke."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from watchword.audit import redact
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT, MINTS, SELF_SIGNED, Draft, Minted, Workshop, every
from watchword.lifecycle.outlasting import TOGETHER, Outlasting
from watchword.lifecycle.signing import LONGEST_LIFE, begin_signing, instead_of
from watchword.lifecycle.values import networks_of, scopes_of, subject_of
from watchword.lifecycle.voiding import ALWAYS, VOID, client_taken_back, client_void, taken_back, void_up_to
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock
from watchword.model.records import Add, Change, Event, Publish, Subject, Swap, Topic
from watchword.model.verdict import Rate

__all__ = ["REMEMBERED", "Issued", "Lifecycle"]

REMEMBERED: Final = LONGEST_LIFE
"""Seconds that a revocation stays in the feed: no access token may live longer."""
_TRIES: Final = 8
_ALL: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Issued:
    """Hold a new credential and what proves it; ``material`` is shown once."""

    credential: Credential
    material: Mapping[str, str] = field(repr=False)


class Lifecycle:
    """Carry out administrative acts. Each is one transaction: the change, its feed entry and its audit event.

    Only refresh families that change all the while end right after it (``Outlasting``).
    ``told`` is called after each, so that this process reads the feed before its next decision.
    """

    def __init__(
        self, workshop: Workshop, *, told: Callable[[], None] = lambda: None, clock: Clock = time.time
    ) -> None:
        self._workshop = workshop
        self._records = workshop.records
        self._told = told
        self._clock = clock
        self._outlasting = Outlasting(workshop.records, told, clock)

    @property
    def workshop(self) -> Workshop:
        """Return what minting needs."""
        return self._workshop

    async def add_subject(self, name: str, *, by: str, detail: Mapping[str, Any] | None = None) -> Subject:
        """Add a user or service; ``name`` is "user:alice" or "service:billing"."""
        now = self._clock()
        subject = Subject(subject_of(name), int(now), detail=dict(detail or {}))
        if not await self._commit(Add(subject), _event(now, "add", by, subject=subject.name)):
            raise LifecycleError(f"{subject.name} exists already", "choose another name, or `enable` it")
        return subject

    async def provide(self, *, by: str) -> None:
        """Make the server's own subject, signing key and certificate authority where there are none yet."""
        if await self._records.subject(CA_SUBJECT) is None:
            await self._commit(Add(Subject(CA_SUBJECT, int(self._clock()))))
        await begin_signing(self._workshop, by=by, now=self._clock())
        held, now = await every(self._records, Kind.CA), self._clock()
        if not any(record.refusal(now) is None or record.state(now) is State.PENDING for record in held):
            await self.issue(Kind.CA, CA_SUBJECT, by=by)

    async def set_enabled(self, name: str, enabled: bool, *, by: str) -> Subject:
        """Enable or disable a subject; disabling voids every token that it holds or is given until it is enabled.

        Sessions and refresh tokens end for good, those that were being made meanwhile when it is enabled again. Tokens
        that its OAuth clients hold for people are void with it.
        """
        for tries in range(_TRIES):
            now = self._clock()
            subject = await self.subject(name)
            if (subject.disabled_at is None) is enabled:
                return subject
            if subject.name == CA_SUBJECT and not enabled:
                raise LifecycleError(f"{CA_SUBJECT} is this server itself", "revoke a key of its instead")
            at = max(void_up_to(subject, now), subject.disabled_at or 0)
            detail = {**subject.detail, VOID: at}
            changed = subject.changed(disabled_at=None if enabled else int(now), detail=detail)
            event = _event(now, "enable" if enabled else "disable", by, subject=subject.name)
            # An outside issuer goes on signing for a disabled subject, so what is void is not only what was signed.
            void = Publish(Topic.SUBJECT, subject.name, at if enabled else ALWAYS, ALWAYS)
            why, together = f"the subject was {event.action}d", tries < TOGETHER
            ended = await self._ended(subject.name, why, by, now, together=together)
            if await self._commit(Swap(changed), void, event, *ended):
                if not together:
                    await self._outlasting.end(subject.name, by=by, why=why)
                await self._clients_switched(changed.name)
                return changed
        raise LifecycleError(f"{name} keeps changing", "try again")

    async def _clients_switched(self, owner: str) -> None:
        """Void the tokens of the subject's OAuth clients, from now on as well while it is disabled."""
        after = ""
        while page := await self._records.credentials(kind=Kind.OAUTH_CLIENT, subject=owner, after=after):
            for each in page:
                if each.detail.get("client_id") == each.id:
                    await self._client_switched(each.id)
            after = page[-1].id

    async def _client_switched(self, client_id: str) -> None:
        for _ in range(_TRIES):
            first, now = await self.show(client_id), self._clock()
            swap, void = client_taken_back(first, now, await self._records.subject(first.subject))
            # Both this and its opposite stay in the feed: who reads it anew must not stop at the first of them.
            lasting = [replace(void, until=ALWAYS) if isinstance(void, Publish) else void]
            if await self._commit(swap, *lasting):
                return
        raise LifecycleError(f"{client_id} keeps changing", "try again")

    async def subject(self, name: str) -> Subject:
        """Return a subject, or raise LifecycleError naming the nearest one."""
        found = await self._records.subject(subject_of(name))
        if found is None:
            kind, _, own = subject_of(name).partition(":")
            known = [each.name for each in await self._records.subjects(prefix=f"{kind}:", limit=1000)]
            near = get_close_matches(own, [each.partition(":")[2] for each in known], 1)
            add = f"add it with `watchword {kind} add {own}`"
            raise LifecycleError(f"there is no {kind}:{own}", f"did you mean {kind}:{near[0]}?" if near else add)
        return found

    async def issue(
        self,
        kind: Kind,
        subject: str,
        *,
        by: str,
        scopes: Iterable[str] = (),
        expires_at: int | None = None,
        networks: Iterable[str] = (),
        limit: Rate | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Issued:
        """Issue a credential of any kind to an enabled subject."""
        now = self._clock()
        owner = await self.subject(subject)
        if owner.disabled_at is not None:
            raise LifecycleError(f"{owner.name} is disabled", "enable it first")
        await self._check_single_password(kind, owner.name, now)
        allowed, granted = networks_of(networks), scopes_of(scopes)
        draft = Draft(kind, owner.name, int(now), expires_at, dict(options or {}))
        minted = await self._mint(draft)
        record = Credential(
            id=minted.id,
            kind=kind,
            subject=owner.name,
            created_at=int(now),
            scopes=granted,
            networks=allowed,
            limit=limit,
            expires_at=minted.expires_at or expires_at,
            lookup=minted.lookup,
            secret=minted.secret,
            detail=minted.detail,
        )
        await self._write(Add(record), *_keys(record, now), _event(now, "issue", by, record))
        return Issued(record, minted.material)

    async def show(self, id: str) -> Credential:
        """Return one credential, or raise LifecycleError."""
        record = await self._records.credential(id)
        if record is None:
            raise LifecycleError(f"there is no credential {id[:64]!r}", "`watchword list` shows their ids")
        return record

    async def page(
        self, *, kind: Kind | None = None, subject: str | None = None, after: str = "", limit: int = 100
    ) -> list[Credential]:
        """Return a page of credentials ordered by id."""
        return await self._records.credentials(kind=kind, subject=subject, after=after, limit=limit)

    async def rotate(
        self, id: str, *, overlap: int, by: str, options: Mapping[str, Any] | None = None, version: int | None = None
    ) -> Issued:
        """Issue a successor; the old one stays valid for ``overlap`` seconds more. One winner in a race.

        ``version``: of that one alone, which somebody may have judged.
        """
        now = self._clock()
        old = await self.show(id)
        if version not in (None, old.version):
            raise LifecycleError(f"{id} changed meanwhile", f"look with `watchword show {id}`")
        if old.replaced_by is not None:
            raise LifecycleError(f"{id} was rotated already", f"its successor is {old.replaced_by}")
        if old.state(now) is not State.ACTIVE:
            raise LifecycleError(f"{id} is {old.state(now)}", "issue a new one instead")
        lifetime = None if old.expires_at is None else old.expires_at - old.created_at
        expires_at = None if lifetime is None else int(now) + lifetime
        draft = Draft(old.kind, old.subject, int(now), expires_at, dict(options or {}), old)
        minted = await self._mint(draft)
        new = _successor(old, minted, int(now), expires_at)
        retiring = old.changed(retire_at=int(now) + overlap, replaced_by=new.id)
        changes: list[Change] = [Swap(retiring), Add(new), *_keys(new, now)]
        changes += [_changed(old.id, now), _event(now, "rotate", by, old, f"to {new.id}, overlap {overlap} s")]
        if not await self._commit(*changes):
            raise LifecycleError(f"{id} changed meanwhile", f"look with `watchword show {id}`")
        return Issued(new, minted.material)

    async def revoke(self, id: str, *, reason: str, by: str, leaked: bool = False) -> Credential:
        """Revoke now and for good: what is cached is evicted, tokens that came from it are void. Idempotent.

        With a password end its owner's sessions and refresh tokens: whoever knew it may hold some. With an outside
        identity end those that were begun with it, with a consent those of its application. With an OAuth client's
        record every access token of the client is void, people's too. For the signing key or CA in use comes another,
        and what the revoked one signed is void. The successor from a rotation is another credential, and stays.
        """
        for tries in range(_TRIES):
            now = self._clock()
            record = await self.show(id)
            if record.revoked_at is not None and (record.leaked or not leaked):
                return record
            changed = record.changed(
                revoked_at=record.revoked_at or int(now), revoked_by=by, revoke_reason=redact(reason), leaked=leaked
            )
            event = _event(now, "leaked" if leaked else "revoke", by, record, reason)
            voids = [_void(Topic.CREDENTIAL, id, now), *_keys(record, now)]
            ended: list[Change] = []
            those, together = _hanging_on(record), tries < TOGETHER
            why = f"{record.id} was {'withdrawn' if record.kind is Kind.CONSENT else 'revoked'}"
            if those is not None:
                ended = await self._ended(record.subject, why, by, now, those, together=together)
            if record.kind is Kind.CONSENT:
                changed = replace(changed, lookup=None)  # so that another can be given in its place
            elif record.kind is Kind.OAUTH_CLIENT:
                changed, ended = await self._client_ended(changed, now)
            elif record.kind in (Kind.SIGNING_KEY, Kind.CA):
                ended = await instead_of(record, self._workshop, by, now)
            if await self._commit(Swap(changed), *voids, event, *ended):
                if those is not None and not together:
                    await self._outlasting.end(record.subject, by=by, why=why, those=those)
                return changed
        raise LifecycleError(f"{id} keeps changing", "try again")

    async def _client_ended(self, revoked: Credential, now: float) -> tuple[Credential, list[Change]]:
        """Return the record and what besides voids every token of its client: they name the client, not the secret."""
        first = str(revoked.detail.get("client_id", revoked.id))
        owner = await self._records.subject(revoked.subject)
        if first != revoked.id:
            return revoked, client_taken_back(await self.show(first), now, owner)
        detail, void = client_void(revoked, now, owner)
        return replace(revoked, detail=detail), [void]

    async def _ended(
        self,
        subject: str,
        why: str,
        by: str,
        now: float,
        those: Mapping[str, str] = _ALL,
        *,
        together: bool,
    ) -> list[Change]:
        """Return what ends the subject's sessions and refresh families, or ``those`` that say so in their detail.

        Not ``together``: what ends the sessions alone.
        """
        changes: list[Change] = []
        for kind in (Kind.SESSION, Kind.REFRESH)[: 1 + together]:
            after = ""
            while page := await self._records.credentials(kind=kind, subject=subject, after=after):
                for each in page:
                    if each.refusal(now) is None and all(each.detail.get(k) == those[k] for k in those):
                        gone = each.changed(revoked_at=int(now), revoked_by=by, revoke_reason=why)
                        changes += [Swap(gone), _void(Topic.CREDENTIAL, each.id, now)]
                        changes.append(_event(now, "revoke", by, each, why))
                after = page[-1].id
        return changes

    async def revoke_token(self, jti: str, *, until: int, subject: str, reason: str, by: str) -> None:
        """Void one access token by its ``jti`` until it would have ended."""
        now = self._clock()
        event = _event(now, "revoke", by, subject=subject, detail=f"token {jti}: {reason}")
        await self._write(Publish(Topic.TOKEN, jti, int(now), until), event)

    async def revoke_tokens(self, subject: str, *, reason: str, by: str, everything: bool = False) -> Subject:
        """Void every access token that the subject was given before now.

        ``everything`` ends sessions and refresh tokens, too. Outside issuers' tokens are void as well, for as long as
        ``REMEMBERED`` (two days).
        """
        for tries in range(_TRIES):
            now = self._clock()
            owner = await self.subject(subject)
            event = _event(now, "revoke", by, subject=owner.name, detail=f"tokens issued before now: {reason}")
            changes = [*taken_back(owner, now), event]
            if everything:
                changes += await self._ended(owner.name, reason, by, now, together=tries < TOGETHER)
            if await self._commit(*changes):
                if everything and tries >= TOGETHER:
                    await self._outlasting.end(owner.name, by=by, why=reason)
                return owner
        raise LifecycleError(f"{subject} keeps changing", "try again")

    async def revoke_client_tokens(self, client_id: str, *, reason: str, by: str) -> Credential:
        """Void every access token that an OAuth client was given before now, for itself or for a person."""
        client = await self.show(client_id)
        if client.kind is not Kind.OAUTH_CLIENT:
            raise LifecycleError(f"{client_id} is no OAuth client", "the id of one starts with cli_")
        for _ in range(_TRIES):
            first, now = await self.show(str(client.detail["client_id"])), self._clock()
            owner = await self._records.subject(first.subject)
            event = _event(now, "revoke", by, client, f"tokens issued before now: {reason}")
            if await self._commit(*client_taken_back(first, now, owner), event):
                return client
        raise LifecycleError(f"{client_id} keeps changing", "try again")

    async def _mint(self, draft: Draft) -> Minted:
        mint = MINTS.get(draft.kind)
        if mint is None:
            raise LifecycleError(f"a {draft.kind} is neither issued nor rotated", "a login starts one")
        return await mint(self._workshop, draft)

    async def _check_single_password(self, kind: Kind, subject: str, now: float) -> None:
        if kind is not Kind.PASSWORD:
            return
        for record in await self._records.credentials(kind=kind, subject=subject, limit=1000):
            if record.state(now) is State.ACTIVE:
                hint = f"`watchword rotate {record.id}` keeps both valid for a while"
                raise LifecycleError(f"{subject} has a password", hint)

    async def _commit(self, *changes: Change) -> bool:
        done = await self._records.write(*changes)
        self._told()
        return done

    async def _write(self, *changes: Change) -> None:
        if not await self._commit(*changes):
            raise LifecycleError("the record exists already", "try again")


def _hanging_on(record: Credential) -> Mapping[str, str] | None:
    """Return which of its owner's sessions and families end with a record: what their detail says; None for none."""
    if record.kind is Kind.IDENTITY:
        return {"login": record.id}
    if record.kind is Kind.CONSENT:
        return {"client": record.detail["client"]}
    return _ALL if record.kind is Kind.PASSWORD else None


def _successor(old: Credential, minted: Minted, now: int, expires_at: int | None) -> Credential:
    return Credential(
        id=minted.id,
        kind=old.kind,
        subject=old.subject,
        created_at=now,
        scopes=old.scopes,
        networks=old.networks,
        limit=old.limit,
        expires_at=minted.expires_at or expires_at,
        lookup=minted.lookup,
        secret=minted.secret,
        detail=minted.detail,
        replaces=old.id,
    )


def _void(topic: Topic, key: str, now: float) -> Publish:
    return Publish(topic, key, int(now), int(now) + REMEMBERED)


def _changed(id: str, now: float) -> Publish:
    return Publish(Topic.CHANGED, id, int(now), int(now) + 3600)


def _keys(record: Credential, now: float) -> tuple[Publish, ...]:
    """Tell every node to load again what changes with the record: keys, authorities, whom TLS lets through."""
    if record.detail.get("auth_method") == SELF_SIGNED:
        return (_changed(record.id, now),)
    if record.kind not in (Kind.SIGNING_KEY, Kind.CA):
        return ()
    return (Publish(Topic.KEYS, record.id, int(now), int(now) + 3600),)


def _event(
    now: float, action: str, by: str, record: Credential | None = None, detail: str = "", subject: str = ""
) -> Event:
    return Event(
        now,
        action,
        "done",
        scheme=record.kind if record else "",
        credential=record.id if record else "",
        subject=record.subject if record else subject,
        actor=by,
        detail=redact(detail),  # a reason that somebody typed may quote what it is about
    )
