"""Turn decisions into events, without secrets, and hand them to the log in batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from watchword.codec.events import accepted, encode, stamped
from watchword.model.ports import AuditLog, Records, Unavailable
from watchword.model.records import Event, Lines
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
_REDACTED: Final = "[redacted]"
_SECRET: Final = re.compile(
    r"(?:ak|hs)_(?:live|test)_[0-9A-Za-z]+|(?:rt|ws|cs)_[0-9A-Za-z._-]{20,}|://[^/@:\s]+:[^/@\s]+@"
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
_FIELDS: Final = 6  # of a note: time, method, path, address, verdict, reference
_BATCH: Final = 2_000 * _FIELDS


class Audit:
    """Note every decision in memory and append the notes to the log in batches.

    ``note`` is on the path of every request, so it only keeps what an event needs; the event is made when the batch is
    flushed. When the log cannot be written the notes are kept, and once ``capacity`` of them wait, deciding stops with
    Unavailable: nobody is let in unseen.
    """

    __slots__ = ("_capacity", "_log", "_next", "_pending", "_records", "hurry")

    def __init__(self, log: AuditLog, records: Records, capacity: int = _CAPACITY) -> None:
        self._log = log
        self._records = records
        self._capacity = capacity * _FIELDS
        # One flat list: a tuple for each note would be one more thing for the garbage collector to walk.
        self._pending: list[Any] = []
        self._next = min(_BATCH, self._capacity)
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
        pending.extend((now, method, path, request.peer.address, verdict, reference))

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
        taken = len(self._pending)
        if not taken:
            return 0
        batch = self._pending[:taken]
        times, verdicts = batch[0::_FIELDS], batch[4::_FIELDS]
        texts = _texts(zip(*(batch[field::_FIELDS] for field in range(_FIELDS)), strict=True))
        await self._log.append(Lines(min(times), max(times), texts))
        del self._pending[:taken]
        self._next = min(_BATCH, self._capacity)
        used = _used(times, verdicts)
        if used:
            await self._records.used(used)
        return len(texts)


_Note: TypeAlias = tuple[float, str, bytes, str, _Verdict, str]


def _texts(notes: Iterable[_Note]) -> list[str]:
    """Return the events' texts. What one caller does again in one place differs in its time only."""
    seen: dict[tuple[int, str, bytes, str], str] = {}
    texts: list[str] = []
    for now, method, path, address, verdict, reference in notes:
        if not isinstance(verdict, Principal):
            texts.append(_text(now, method, path, address, verdict, reference))
            continue
        act = (id(verdict), method, path, address)  # the batch holds the principal, so its id stays its own
        rest = seen.get(act)
        if rest is None:
            rest = seen[act] = _accepted(verdict, method, path, address)
        texts.append(stamped(now, rest))
    return texts


def _accepted(who: Principal, method: str, path: bytes, address: str) -> str:
    names = (who.scheme, who.credential, who.subject, who.actor or "")
    return accepted(names, (method, _place(path), address))


def _text(now: float, method: str, path: bytes, address: str, verdict: Rejection | None, reference: str) -> str:
    if verdict is None:
        event = Event(now, "decide", "accepted", reason="public", method=method, path=_place(path), address=address)
        return encode(event)
    return encode(
        Event(
            now,
            "decide",
            "broken" if verdict.reason.status == _BROKEN else "refused",
            reason=verdict.reason.code,
            reference=reference,
            scheme=verdict.scheme,
            credential=verdict.credential,
            method=redact(method),
            path=_place(path),
            address=address,
            detail=redact(verdict.detail)[:_DETAIL_SHOWN],
        )
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


def _used(times: list[float], verdicts: list[_Verdict]) -> dict[str, int]:
    last = {
        verdict.credential: at for at, verdict in zip(times, verdicts, strict=True) if isinstance(verdict, Principal)
    }
    used: dict[str, int] = {}
    for names, at in last.items():
        for credential in names.split("+"):  # a conjunction names each of its proofs
            used[credential] = max(int(at), used.get(credential, 0))
    return used
