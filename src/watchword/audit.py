"""Turn decisions into events, without secrets, and hand them to the log in batches."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import count
from typing import Any, Final, TypeAlias, cast
from urllib.parse import unquote

from watchword.codec.events import act_of, pack
from watchword.model.ports import AuditLog, Records, Unavailable
from watchword.model.records import Event
from watchword.model.request import Request
from watchword.model.verdict import Principal, Rejection

__all__ = ["Audit", "redact"]

_CAPACITY: Final = 100_000

_PATH_KEPT: Final = 2048  # bytes of a path that wait for the log: a hundred thousand long ones must not fill memory
_PATH_SHOWN: Final = 512
_METHOD_KEPT: Final = 32
_DETAIL_SHOWN: Final = 256
_LEVELS: Final = 3  # of percent-encoding that are looked under
_BROKEN: Final = 503
_USED_EVERY: Final = 10  # seconds: how exactly a credential's last use is known
_USED_KEPT: Final = 50_000
_REDACTED: Final = "[redacted]"
_SECRET: Final = re.compile(
    r"(?:ak|hs)_(?:live|test)_[0-9A-Za-z]+|(?:rt|ws|cs|lk|ac)_[0-9A-Za-z._-]{20,}|://[^/@:\s]+:[^/@\s]+@"
)
_RUN: Final = re.compile(r"[\w.-]+")  # what a JWT is made of
_JWT: Final = "eyJ"  # how it begins


def redact(text: str) -> str:
    """Return ``text`` with everything that has a credential's shape replaced by "[redacted]". It takes linear time."""
    text = _SECRET.sub(_REDACTED, text)
    return _RUN.sub(_without_jwt, text) if _JWT in text else text


def _without_jwt(run: re.Match[str]) -> str:
    """Return a run of a JWT's characters without the JWT: one pattern for it would try each beginning to the end."""
    before, begins, rest = run[0].partition(_JWT)
    return before + _REDACTED if rest.count(".") > 1 else before + begins + rest


_Verdict: TypeAlias = Principal | Rejection | None
_FIELDS: Final = 5  # of a note: time, method, path, address, verdict (a rejection with its reference)
_BATCH: Final = 8_000 * _FIELDS
_MOST: Final = 10_000 * _FIELDS  # that one batch holds


class Audit:
    """Note every decision in memory and append the notes to the log in batches.

    ``note`` is on the path of every request, so it only keeps what an event needs; the event is made when the batch is
    flushed. When the log cannot be written the notes are kept, and once ``capacity`` of them wait, deciding stops with
    Unavailable: nobody is let in unseen.
    """

    __slots__ = ("_capacity", "_log", "_next", "_pending", "_records", "_told", "hurry")

    def __init__(self, log: AuditLog, records: Records, capacity: int = _CAPACITY) -> None:
        self._log = log
        self._records = records
        self._capacity = capacity * _FIELDS
        # One flat list: a tuple for each note would be one more thing for the garbage collector to walk.
        self._pending: list[Any] = []
        self._next = min(_BATCH, self._capacity)
        self._told: dict[str, int] = {}
        self.hurry: Callable[[], None] = _nothing

    def __len__(self) -> int:
        return len(self._pending) // _FIELDS

    def note(self, now: float, request: Request, verdict: _Verdict, reference: str = "") -> None:
        """Note one decision: a principal, a rejection, or None where the public was let in."""
        pending = self._pending
        if len(pending) >= self._next:
            self._crowded(len(pending))
        method, path = request.method, request.path
        if len(path) > _PATH_KEPT or len(method) > _METHOD_KEPT:
            method, path = method[:_METHOD_KEPT], path[:_PATH_KEPT]
        noted = (verdict, reference) if reference else verdict
        pending.extend((now, method, path, request.peer.address, noted))

    def _crowded(self, waiting: int) -> None:
        if waiting >= self._capacity:
            raise Unavailable("the audit log cannot be written")
        self._next = min(waiting + _BATCH, self._capacity)
        self.hurry()

    async def flush(self) -> int:
        """Append what waits, set when credentials were last used, and return how many events that was.

        Whoever calls it from time to time sets ``hurry``, to be told when a batch is full before that. Call from one
        place at a time. Whatever fails leaves the notes waiting.
        """
        taken = min(len(self._pending), _MOST)
        if not taken:
            return 0
        batch = self._pending[:taken]
        times, verdicts = batch[0::_FIELDS], batch[4::_FIELDS]
        # The batch holds the verdicts, so that the id of each stays its own.
        keys = zip(map(id, verdicts), *(batch[field::_FIELDS] for field in (1, 2, 3)), strict=True)
        number: defaultdict[Any, int] = defaultdict(count().__next__)
        which = list(map(number.__getitem__, keys))  # each act is looked up once, and numbered where it is new
        notes = dict(zip(which, range(0, taken, _FIELDS), strict=True))
        # Many tokens of one caller are many principals that do the same.
        acts: dict[str, int] = {}
        same = [acts.setdefault(_act(*batch[at + 1 : at + _FIELDS]), len(acts)) for at in notes.values()]
        merged = which if len(acts) == len(same) else map(same.__getitem__, which)
        await self._log.append(pack(times, merged, list(acts)))
        del self._pending[:taken]
        self._next = min(_BATCH, self._capacity)
        await self._tell_used(_used(batch, notes.values()))
        return len(times)

    async def _tell_used(self, used: dict[str, int]) -> None:
        """Set last uses that are more than some seconds later than what was set before."""
        told = self._told
        later = {
            credential: at for credential, at in used.items() if at >= told.get(credential, -_USED_EVERY) + _USED_EVERY
        }
        if later:
            await self._records.used(later)
            if len(told) + len(later) > _USED_KEPT:
                told.clear()
            told.update(later)


def _act(method: str, path: bytes, address: str, noted: _Verdict | tuple[_Verdict, str]) -> str:
    """Return what a note says but its time."""
    refused = noted.__class__ is tuple  # exactly: a principal is a tuple, too
    verdict, reference = cast("tuple[_Verdict, str]", noted) if refused else (cast("_Verdict", noted), "")
    if isinstance(verdict, Rejection):
        return act_of(_refused(method, path, address, verdict, reference))
    if verdict is None:
        event = Event(0.0, "decide", "accepted", "public", method=redact(method), path=_place(path), address=address)
        return act_of(event)
    return _accepted(method, path, address, verdict.scheme, verdict.credential, verdict.subject, verdict.actor or "")


@lru_cache(4096)
def _accepted(method: str, path: bytes, address: str, scheme: str, credential: str, subject: str, actor: str) -> str:
    verb, place = redact(method), _place(path)
    return act_of(Event(0.0, "decide", "accepted", "", "", scheme, credential, subject, actor, verb, place, address))


def _refused(method: str, path: bytes, address: str, rejection: Rejection, reference: str) -> Event:
    return Event(
        0.0,
        "decide",
        "broken" if rejection.reason.status == _BROKEN else "refused",
        reason=rejection.reason.code,
        reference=reference,
        scheme=rejection.scheme,
        credential=rejection.credential,
        method=redact(method),
        path=_place(path),
        address=address,
        detail=redact(rejection.detail)[:_DETAIL_SHOWN],
    )


@lru_cache(1024)
def _place(path: bytes) -> str:
    text = redact(path.decode("utf-8", "backslashreplace"))
    plain = text
    for _ in range(_LEVELS if "%" in text else 0):
        plain = unquote(plain, errors="backslashreplace")
        if redact(plain) != plain:  # a secret does not become fit to be kept by being encoded
            return redact(plain)[:_PATH_SHOWN]
    return text[:_PATH_SHOWN]


def _nothing() -> None:
    """Wait for the next regular flush."""


def _used(batch: list[Any], notes: Iterable[int]) -> dict[str, int]:
    """Return when each credential was last used, from the places of the last note of each act."""
    latest: dict[str, float] = {}
    for at in notes:
        verdict, when = batch[at + 4], batch[at]
        if verdict.__class__ is Principal and when > latest.get(verdict.credential, 0.0):
            latest[verdict.credential] = when
    used: dict[str, int] = {}
    for credentials, when in latest.items():
        for credential in credentials.split("+"):  # a conjunction names each of its proofs
            used[credential] = max(int(when), used.get(credential, 0))
    return used
