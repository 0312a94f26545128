"""Answer a leak in one act: revoke, tell, and say what it was used for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from watchword.audit import redact
from watchword.bearer import opaque_place
from watchword.codec.shapes import hits
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import MINTS
from watchword.lifecycle.operations.alerts import Alerts
from watchword.lifecycle.operations.leaks.tracing import Traced, Tracing, distinct
from watchword.lifecycle.operations.usage import KEPT, Picture, Usage
from watchword.lifecycle.verbs import REMEMBERED, Issued, Lifecycle
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Clock, Ephemeral, Records, Unavailable
from watchword.model.records import Change, Event, Publish, Swap, Topic

__all__ = ["LeakReport", "Leaks"]

_BATCH: Final = 100  # credentials that are revoked in one transaction, to begin with: a busy store writes fewer in time
_LEAST: Final = 5
_MOST: Final = 800
_QUICK: Final = 0.25  # seconds: others wait for a transaction that takes longer
_CHAIN: Final = 1_000
_LONGEST_WHERE: Final = 500
_ALONE: Final = frozenset({Kind.PASSWORD, Kind.IDENTITY, Kind.CONSENT, Kind.OAUTH_CLIENT, Kind.SIGNING_KEY, Kind.CA})
"""Kinds with which others end: each of these is an act of its own."""

_NOT_AGAIN: Final = {
    Kind.SESSION: "a login begins another",
    Kind.REFRESH: "a login begins another",
    Kind.SIGNING_KEY: "another signs from now on",
    Kind.CA: "another issues in a few seconds",
}
_ROOT: Final = (
    "the root key is replaced by `watchword rotate root-key`: until then whoever has it and the store reads all"
)


@dataclass(frozen=True, slots=True)
class LeakReport:
    """Say what became of a leak.

    ``credential`` is the record as it is now; of an access token (``jti``) the one that it came from, which stays.
    ``before`` is the state in which it was found; ``picture`` what was decided with it since it was made, at most 90
    days. ``successor`` takes its place, and is shown once; ``note`` says what is left to do.
    """

    kind: str
    subject: str
    before: State
    credential: Credential | None = None
    jti: str = ""
    picture: Picture | None = None
    successor: Issued | None = field(default=None, repr=False)
    note: str = ""

    @property
    def id(self) -> str:
        """Return the public name of what leaked."""
        return self.jti or ("" if self.credential is None else self.credential.id)

    @property
    def usable(self) -> bool:
        """Return whether it could be used until now."""
        return self.before in (State.ACTIVE, State.RETIRING, State.PENDING)


class Stored(Records, Ephemeral, Protocol):
    """Keep records, and tokens that say nothing themselves."""


class Leaks:
    """Find the owners of secrets that lie in the open, and take the secrets back."""

    def __init__(
        self,
        tracing: Tracing,
        store: Stored,
        lifecycle: Lifecycle,
        usage: Usage,
        alerts: Alerts,
        *,
        told: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._tracing = tracing
        self._store = store
        self._lifecycle = lifecycle
        self._usage = usage
        self._alerts = alerts
        self._told = told
        self._clock = clock

    async def find(self, text_or_id: str) -> Credential | None:
        """Return whose a secret, an id, a certificate or a private key (PEM) is. Nothing is changed."""
        (traced,) = await self.trace([text_or_id])
        return None if traced is None else traced.credential

    async def trace(self, texts: Sequence[str]) -> list[Traced | None]:
        """Return for each what is known of it."""
        return await self._tracing.trace(texts)

    async def report(self, text_or_id: str, *, by: str, where: str = "", reissue: bool = False) -> LeakReport | None:
        """Revoke as leaked, tell operators and the owner, and say what it did. None when it is nobody's.

        ``where`` says where it was found, and never holds a secret; ``reissue`` gives a successor before. Idempotent.
        """
        (traced,) = await self.trace([text_or_id])
        if traced is None:
            return None
        if traced.root_key:
            return await self._root_key(by, where)
        if traced.jti:
            return await self._token(traced, by, where)
        assert traced.credential is not None  # noqa: S101 - nothing else is left
        named = text_or_id.strip() == traced.credential.id
        return await self._record(traced.credential, by, where, reissue=reissue, named=named)

    async def report_all(
        self, texts: Sequence[str], *, by: str, where: str | Mapping[str, str] = ""
    ) -> list[LeakReport | None]:
        """Do the same for many at once, without successors and without what they did.

        ``where`` is one place for all of them, or by the secret the place of each.
        """
        found, now = await self.trace(texts), self._clock()
        named = where if isinstance(where, Mapping) else dict.fromkeys(texts, where)
        places = {
            _place(each): named.get(text, "") for text, each in zip(texts, found, strict=True) if each is not None
        }
        alone = {_place(each): each for each in found if each is not None and _acts_alone(each)}
        together = distinct(each for each in found if each is not None and not _acts_alone(each))
        after = await self._revoke_together(list(together.values()), by, places)
        reports: dict[str, LeakReport | None] = {
            id: LeakReport(record.kind, record.subject, record.state(now), after[id]) for id, record in together.items()
        }
        for place, each in alone.items():
            reports[place] = await self._alone(each, by, places[place])
        return [None if each is None else reports[_place(each)] for each in found]

    async def _alone(self, traced: Traced, by: str, where: str) -> LeakReport | None:
        if traced.jti:
            return await self._token(traced, by, where)
        if traced.credential is None:
            return await self._root_key(by, where)
        return await self._record(traced.credential, by, where, look=False)

    async def _root_key(self, by: str, where: str) -> LeakReport:
        await self._alerts.say("leaked", "root-key", detail={"kind": "root-key", "by": by, "reason": _reason(where)})
        return LeakReport("root-key", "", State.ACTIVE, note=_ROOT)

    async def _token(self, traced: Traced, by: str, where: str) -> LeakReport:
        """Void one access token. What it came from stays: who has the token has not that."""
        before = State.EXPIRED if traced.until <= self._clock() else State.ACTIVE
        if before is State.ACTIVE:
            if traced.opaque:
                await self._store.take(opaque_place(traced.opaque.encode()))
            jti, until, subject, reason = traced.jti, traced.until, traced.subject, _reason(where)
            await self._lifecycle.revoke_token(jti, until=until, subject=subject, reason=reason, by=by)
            source = "" if traced.credential is None else traced.credential.id
            detail = {"kind": "access-token", "by": by, "reason": reason, "token": jti}
            await self._alerts.say("leaked", jti, credential=source, subject=subject, detail=detail)
        return LeakReport("access-token", traced.subject, before, traced.credential, traced.jti)

    async def _record(
        self, record: Credential, by: str, where: str, *, reissue: bool = False, named: bool = False, look: bool = True
    ) -> LeakReport:
        now = self._clock()
        before = record.state(now)
        those = await self._chain(record) if named else [record]
        successor, note = await self._reissued(those[-1], by) if reissue else (None, "")
        for each in those:
            changed = await self._lifecycle.revoke(each.id, reason=_reason(where), by=by, leaked=True)
            if each.id == record.id:
                record = changed
        detail = {"kind": record.kind.value, "by": by, "reason": _reason(where)}
        await self._alerts.say("leaked", record.id, credential=record.id, subject=record.subject, detail=detail)
        picture = await self._picture(record, now) if look else None
        if successor is None and not note and record.replaced_by is not None and len(those) == 1:
            note = f"its successor {record.replaced_by} is another secret, and stays"
        return LeakReport(record.kind, record.subject, before, record, picture=picture, successor=successor, note=note)

    async def _chain(self, record: Credential) -> list[Credential]:
        """Return all secrets of an OAuth client that is named by its id: which of them leaked is not said."""
        chain = [record]
        while record.kind is Kind.OAUTH_CLIENT and chain[-1].replaced_by is not None and len(chain) < _CHAIN:
            chain.append(await self._lifecycle.show(chain[-1].replaced_by))
        return chain

    async def _reissued(self, record: Credential, by: str) -> tuple[Issued | None, str]:
        """Return a successor, or why there is none. That the old one is revoked does not hang on it."""
        if record.kind in _NOT_AGAIN or record.kind not in MINTS:
            return None, f"no successor: {_NOT_AGAIN.get(record.kind, 'its owner sets up another')}"
        try:
            return await self._lifecycle.rotate(record.id, overlap=0, by=by), ""
        except LifecycleError as error:
            return None, f"no successor: {error}; {error.hint}"

    async def _picture(self, record: Credential, now: float) -> Picture:
        seconds = int(min(KEPT - 60, max(3600.0, now - record.created_at)))
        return await self._usage.picture(seconds, credential=record.id)

    async def _revoke_together(
        self, records: Sequence[Credential], by: str, places: Mapping[str, str]
    ) -> dict[str, Credential]:
        """Revoke in a few transactions; those of a batch in which one changed meanwhile, one by one."""
        after: dict[str, Credential] = {record.id: record for record in records}
        due, size = [record for record in records if not record.leaked], _BATCH
        while due:
            batch, now, started = due[:size], self._clock(), time.monotonic()
            gone = [_gone(record, now, by, _reason(places[record.id])) for record in batch]
            changes = [change for record, new in zip(batch, gone, strict=True) for change in _changes(record, new, now)]
            try:
                written = await self._store.write(*changes)
            except Unavailable:
                if size <= _LEAST:
                    raise
                size = max(_LEAST, size // 4)  # a busy store, perhaps: what it did write is seen to below
                continue
            self._told()
            if written:
                after |= {new.id: new for new in gone}
            else:
                for record in batch:
                    reason = _reason(places[record.id])
                    after[record.id] = await self._lifecycle.revoke(record.id, reason=reason, by=by, leaked=True)
            due = due[len(batch) :]
            if time.monotonic() - started < _QUICK:
                size = min(_MOST, 2 * size)
        return after


def _place(traced: Traced) -> str:
    return traced.jti or ("root-key" if traced.credential is None else traced.credential.id)


def _acts_alone(traced: Traced) -> bool:
    return bool(traced.jti) or traced.credential is None or traced.credential.kind in _ALONE


def _reason(where: str) -> str:
    """Return what is kept of where it was found: whoever pastes that pastes the secret at times."""
    for hit in hits(where.encode("utf-8", "replace")):
        where = where.replace(hit.text, "[redacted]")
    text = "".join(char if char.isprintable() else "?" for char in redact(where)[:_LONGEST_WHERE])
    return f"leaked: found in {text}" if text else "leaked"


def _gone(record: Credential, now: float, by: str, reason: str) -> Credential:
    at = record.revoked_at or int(now)
    return record.changed(revoked_at=at, revoked_by=by, revoke_reason=reason, leaked=True)


def _changes(record: Credential, new: Credential, now: float) -> list[Change]:
    void = Publish(Topic.CREDENTIAL, record.id, int(now), int(now) + REMEMBERED)
    about = {"scheme": record.kind.value, "credential": record.id, "subject": record.subject}
    event = Event(now, "leaked", "done", actor=new.revoked_by or "", detail=new.revoke_reason or "", **about)
    return [Swap(new), void, event]
