"""Note every decision in memory; append the notes to the log in batches, with what was counted in each."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Literal

from watchword.audit.acts import Act, Acts, Noted, Verdict
from watchword.audit.sampling import Sampling
from watchword.audit.tallying import Tallying
from watchword.audit.whereabouts import Use, Whereabouts
from watchword.codec.events import pack
from watchword.model.ports import AuditLog, Records, Unavailable
from watchword.model.request import Request
from watchword.model.usage import Observed
from watchword.model.verdict import Principal

__all__ = ["Audit"]

logger: logging.Logger = logging.getLogger("watchword")

_CAPACITY: Final = 100_000
_PATH_KEPT: Final = 2048  # bytes of a path that wait for the log: a hundred thousand long ones must not fill memory
_METHOD_KEPT: Final = 32
_USED_EVERY: Final = 10  # seconds: how often a credential's last use is written, and how late it may be known
_USED_KEPT: Final = 50_000
_KNOWN: Final = 8_192  # notes that are remembered since they may come again at another time
_SHORT: Final = 256  # bytes of the path of one that is
_FIELDS: Final = 2  # of a note: time, and all else
_BATCH: Final = 16_000 * _FIELDS  # what each batch costs by itself is shared by more
_MOST: Final = 20_000 * _FIELDS  # that one batch holds
_FEW: Final = 8
_IN_A_BYTE: Final = 256
_LEAST: Final = 500  # notes that one batch may hold, however slow the store is


class Audit:
    """Note every decision in memory and append the notes to the log in batches.

    ``note`` is on the path of every request, so it only keeps what an event needs; the event is made when the batch is
    flushed. When the log cannot be written the notes are kept, and once ``capacity`` of them wait, deciding stops with
    Unavailable: nobody is let in unseen.

    ``accesses`` says which of those that were let in the log keeps: all of them ("full"), one in so many of each act
    ("sampled", the share is ``sample``), or none ("refused"). Refusals are always kept, and counts are always of all.
    Whoever is in ``observers`` is told after each flush what was in it; one that breaks is logged and loses nothing.
    """

    __slots__ = (
        "_acts",
        "_capacity",
        "_known",
        "_late",
        "_late_due",
        "_log",
        "_most",
        "_next",
        "_pending",
        "_records",
        "_sampling",
        "_tallying",
        "_told",
        "_whereabouts",
        "hurry",
        "observers",
    )

    def __init__(
        self,
        log: AuditLog,
        records: Records,
        capacity: int = _CAPACITY,
        *,
        accesses: Literal["full", "sampled", "refused"] = "full",
        sample: float = 0.01,
    ) -> None:
        self._log = log
        self._records = records
        self._capacity = capacity * _FIELDS
        # One flat list: a tuple for each note would be one more thing for the garbage collector to walk.
        self._pending: list[Any] = []
        self._known: dict[tuple[int, str, bytes, str], Noted] = {}
        self._next = min(_BATCH, self._capacity)
        self._most = _MOST
        self._told: dict[str, int] = {}
        self._late: dict[str, int] = {}  # last uses that follow too soon on one that was told
        self._late_due = 0.0
        self._acts, self._tallying, self._whereabouts = Acts(), Tallying(), Whereabouts()
        self.hurry: Callable[[], None] = _nothing
        self.observers: list[Callable[[Observed], Awaitable[object]]] = []
        self.keep(accesses, sample)

    def __len__(self) -> int:
        return len(self._pending) // _FIELDS

    def keep(self, accesses: Literal["full", "sampled", "refused"], sample: float = 0.01) -> None:
        """Say which accesses the log keeps. Raise ValueError for a share that is not above 0 and at most 1."""
        self._sampling = None if accesses == "full" else Sampling(0.0 if accesses == "refused" else sample)

    def name_routes(self, template: Callable[[str, str], str | None]) -> None:
        """Count by the configured path that ``template`` finds for a method and a decoded path. Call it before any."""
        self._acts.template = template

    def route_of(self, method: str, path: bytes) -> str:
        """Return under which route a request is counted: "GET /orders/{id}"."""
        return self._acts.route(method, path)

    def note(self, now: float, request: Request, verdict: Verdict, reference: str = "") -> None:
        """Note one decision: a principal, a rejection, or None where the public was let in."""
        pending = self._pending
        if len(pending) >= self._next:
            self._crowded(len(pending))
        if reference:
            noted = self._noted(request, verdict, reference)
        else:
            known = self._known
            key = id(verdict), request.method, request.path, request.peer.address
            noted = known.get(key) or self._learned(key, request, verdict)
        pending.extend((now, noted))

    def _learned(self, key: tuple[int, str, bytes, str], request: Request, verdict: Verdict) -> Noted:
        """Remember what may come again. It holds the verdict, so that nothing else gets its id."""
        _, method, path, address = key
        if len(path) > _SHORT or len(method) > _METHOD_KEPT:
            return self._noted(request, verdict, "")
        known = self._known
        if len(known) >= _KNOWN:
            known = self._known = {}
        noted = known[key] = Noted(method, path, address, verdict)
        return noted

    def _noted(self, request: Request, verdict: Verdict, reference: str) -> Noted:
        method, path = request.method[:_METHOD_KEPT], request.path[:_PATH_KEPT]
        return Noted(method, path, request.peer.address, verdict, reference)

    def _crowded(self, waiting: int) -> None:
        if waiting >= self._capacity:
            raise Unavailable("the audit log cannot be written")
        self._next = min(waiting + _BATCH, self._capacity)
        self.hurry()

    async def flush(self) -> int:
        """Append what waits, count it, set when credentials were last used, and return how many decisions that was.

        Whoever calls it from time to time sets ``hurry``, to be told when a batch is full before that. Call from one
        place at a time. Whatever fails leaves the notes waiting.
        """
        taken = min(len(self._pending), self._most)
        if not taken:
            if self._late and time.monotonic() >= self._late_due:
                await self._tell(self._late)
            return 0
        times, noted = self._pending[0:taken:_FIELDS], self._pending[1:taken:_FIELDS]
        which, said, uses = self._told_apart(times, noted)
        origins, fresh = self._whereabouts.of(uses)
        ordered = sorted(times)  # they nearly are, which costs a sixth of looking for the least and the largest
        span = ordered[0], ordered[-1]
        tallies, points, parts = self._tallying.count(times, which, said, span)
        observed = Observed(tallies, origins, points, parts, fresh)
        await self._written(self._append(times, which, said, span, observed))
        del self._pending[:taken]
        self._next = min(_BATCH, self._capacity)
        self._whereabouts.told(observed.origins)
        await self._tell_observers(observed)
        await self._tell_used(_used(uses))
        return len(times)

    def _told_apart(self, times: list[float], noted: list[Noted]) -> tuple[Sequence[int], list[Act], list[Use]]:
        """Return which act each note of a batch is, the acts, and from when to when those let in did theirs."""
        lasts = dict(zip(noted, times, strict=True))
        few = len(lasts) <= _FEW  # the first of each is found sooner one by one
        firsts = {} if few else dict(zip(reversed(noted), reversed(times), strict=True))
        numbers: dict[str, int] = {}
        said: list[Act] = []
        same: dict[Noted, int] = {}
        spans: dict[int, tuple[float, float]] = {}
        for each, last in lasts.items():
            act = each.act
            if act is None:
                act = each.act = self._acts.act(each)
            number = same[each] = numbers.setdefault(act.text, len(said))
            if number == len(said):
                said.append(act)
            if each.verdict.__class__ is Principal:
                first = times[noted.index(each)] if few else firsts[each]
                low, high = (first, last) if first <= last else (last, first)
                known = spans.get(number, (low, high))
                spans[number] = (low if low < known[0] else known[0], high if high > known[1] else known[1])
        uses = [Use(said[each].counted.credential, said[each].counted.network, *span) for each, span in spans.items()]
        which = map(same.__getitem__, noted)
        return bytes(which) if len(said) <= _IN_A_BYTE else list(which), said, uses

    async def settle(self) -> None:
        """Flush until nothing waits, last uses included. Raise Unavailable when it cannot be written."""
        while await self.flush():
            pass
        if self._late:
            await self._tell(self._late)

    async def _written(self, appending: Awaitable[None]) -> None:
        """Append; after a failure take half as much the next time: that a slow store may take in its time."""
        try:
            await appending
        except BaseException:
            self._most = max(self._most // 2 // _FIELDS, _LEAST) * _FIELDS
            raise
        self._most = min(2 * self._most, _MOST)

    async def _append(
        self,
        times: list[float],
        which: Sequence[int],
        said: Sequence[Act],
        span: tuple[float, float],
        observed: Observed,
    ) -> None:
        texts = [act.text for act in said]
        if self._sampling is None:
            await self._log.append(pack(times, which, texts, span), observed)
            return
        choice = self._sampling.choose(which, said)
        kept_times, kept = [times[at] for at in choice.places], [which[at] for at in choice.places]
        numbers = {each: number for number, each in enumerate(dict.fromkeys(kept))}
        chosen = [texts[each] for each in numbers]
        await self._log.append(pack(kept_times, map(numbers.__getitem__, kept), chosen) if kept else (), observed)
        self._sampling.chosen(choice)

    async def _tell_used(self, used: dict[str, int]) -> None:
        """Set last uses that are some seconds later than what was set before; what is not waits, for so long at most.

        So a last use is exact once nobody uses the credential any more: whether it is safe to retire hangs on that.
        """
        told, late = self._told, self._late
        later: dict[str, int] = {}
        for credential, at in used.items():
            before = told.get(credential, -_USED_EVERY)
            if at >= before + _USED_EVERY:
                later[credential] = at
            elif at > before:
                self._late_due = self._late_due if late else time.monotonic() + _USED_EVERY
                late[credential] = max(at, late.get(credential, at))
        if len(late) > _USED_KEPT or (late and time.monotonic() >= self._late_due):
            later = {**late, **later}
        if later:
            await self._tell(later)

    async def _tell(self, later: dict[str, int]) -> None:
        told, late = self._told, self._late
        late.update(later)  # until they are written
        await self._records.used(later)
        if len(told) + len(later) > _USED_KEPT:
            told.clear()
        told.update(later)
        for each, at in list(later.items()):  # it may be the very same
            if late.get(each) == at:
                del late[each]

    async def _tell_observers(self, observed: Observed) -> None:
        for observer in self.observers:
            try:
                await observer(observed)
            except Exception as error:  # the text of an unforeseen error may quote a secret
                logger.error("what watches decisions broke: %s", type(error).__name__)


def _nothing() -> None:
    """Wait for the next regular flush."""


def _used(uses: Iterable[Use]) -> dict[str, int]:
    """Return when each credential was last used."""
    latest: dict[str, float] = {}
    for use in uses:
        if use.last > latest.get(use.credentials, 0.0):
            latest[use.credentials] = use.last
    used: dict[str, int] = {}
    for credentials, when in latest.items():
        for credential in credentials.split("+"):
            used[credential] = max(int(when), used.get(credential, 0))
    return used
