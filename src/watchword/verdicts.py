"""Remember verified credentials, and forget them the moment the revocation feed says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from heapq import heapify, heappop, heappush
from inspect import isawaitable
from itertools import islice
from typing import Any, Final, TypeAlias

from watchword.model.ports import Feed, Soon, Unavailable
from watchword.model.records import FeedEntry, Topic
from watchword.model.verdict import Principal

__all__ = ["FeedWatch", "Proved", "Revocations", "Verdicts", "origin_tags"]

Proved: TypeAlias = tuple[Principal, float, tuple[str, ...]]
"""Who was proved, until when that may be believed (Unix seconds), and the tags that evict it."""

_CAPACITY: Final = 50_000
_REVOCATIONS: Final = 100_000
_FOR_GOOD: Final = 253_402_300_799  # the last second of the year 9999
_NOTHING: Final = (-1, 0)
_CLOCKS_APART: Final = 5  # seconds by which another node's clock may be ahead
_MISSED: Final = 1800.0
"""Seconds of silence after which entries may have come and ended unread: half of what the shortest-lived lasts."""


class Verdicts:
    """Keep principals by the digest of what proved them, each until its own end.

    Bounded three ways: by the entry's end, by ``capacity`` (the oldest goes first), and by the feed, which evicts by
    credential id, subject or any extra tag. An entry is never believed past its end.

    Each scheme keeps a part of its own: what proves somebody to one scheme, sent as another's credential, is nothing.
    """

    __slots__ = ("_capacity", "_entries", "_parts", "_tags", "find", "mark")

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._entries: dict[bytes, Proved] = {}
        self._tags: dict[str, bytes | set[bytes]] = {}  # most tags lead to one key: a set of it would be twice as long
        self._parts: list[Verdicts] = []
        self.find: Callable[[bytes], Proved | None] = self._entries.get
        """Return an entry as it stands, for the hot path: it counts only while ``now < entry[1]``."""
        self.mark: int = 0

    def __len__(self) -> int:
        return len(self._entries) + sum(map(len, self._parts))

    def part(self) -> Verdicts:
        """Return a new part: only who holds it reads and writes it; what is evicted here is evicted there."""
        part = Verdicts(self._capacity)
        self._parts.append(part)
        return part

    def get(self, key: bytes, now: float) -> Principal | None:
        """Return the principal proved by ``key`` if that still holds at ``now``."""
        entry = self._entries.get(key)
        if entry is not None:
            if now < entry[1]:
                return entry[0]
            self._drop(key)
        return None

    def put(
        self,
        key: bytes,
        principal: Principal,
        until: float,
        now: float,
        tags: tuple[str, ...] = (),
        since: int | None = None,
    ) -> None:
        """Remember until ``until`` (Unix seconds). ``tags`` are further names that the feed may evict by.

        ``since`` is ``mark`` as it was before the record was read: when anything was evicted meanwhile, the reading may
        be older than a revocation already applied, so it is not remembered.
        """
        if until <= now or (since is not None and since != self.mark):
            return
        if key in self._entries:
            self._drop(key)
        elif len(self._entries) >= self._capacity:
            self._make_room()
        every = (f"credential:{principal.credential}", f"subject:{principal.subject}", *tags)
        self._entries[key] = (principal, until, every)
        for tag in every:
            keys = self._tags.setdefault(tag, key)
            if keys is not key:
                if isinstance(keys, bytes):
                    self._tags[tag] = {keys, key}
                else:
                    keys.add(key)

    def evict(self, tag: str) -> None:
        """Forget everything that carries the tag."""
        self.mark += 1
        keys = self._tags.get(tag, ())
        for key in (keys,) if isinstance(keys, bytes) else list(keys):
            self._drop(key)
        for part in self._parts:
            part.evict(tag)

    def clear(self) -> None:
        """Forget everything."""
        self.mark += 1
        self._entries.clear()
        self._tags.clear()
        for part in self._parts:
            part.clear()

    def _make_room(self) -> None:
        """Forget the oldest entries, many at once: to find the oldest, a dict walks past all that it has deleted."""
        for key in list(islice(self._entries, max(1, self._capacity // 16))):
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for tag in entry[2]:
            keys = self._tags.get(tag)
            if isinstance(keys, set):
                keys.discard(key)
            if not keys or keys == key:
                self._tags.pop(tag, None)


class Revocations:
    """Hold what was taken back from tokens that are verified without a look-up, until they would have ended.

    Bounded: past ``capacity`` the older half is forgotten one by one and remembered as one moment, up to which whatever
    was issued is void. That refuses more than was taken back, never less; who holds a refresh token goes on with it.
    """

    __slots__ = ("_capacity", "_ends", "_floor", "_void")

    def __init__(self, capacity: int = _REVOCATIONS) -> None:
        self._capacity = capacity
        self._void: dict[str, tuple[int, int]] = {}  # tag -> (what was issued up to then is void, remember until then)
        self._ends: list[tuple[int, str]] = []
        self._floor = (-1, 0)  # whatever was issued up to the first is void, until the second

    def __len__(self) -> int:
        return len(self._void)

    def add(self, tag: str, at: int, until: int) -> None:
        """Void what carries the tag and was issued at or before ``at``; remember that until ``until``."""
        before = self._void.get(tag, (-1, -1))
        ends = max(until, before[1])
        self._void[tag] = (max(at, before[0]), ends)
        if ends != before[1]:
            heappush(self._ends, (ends, tag))
        if len(self._void) > self._capacity or len(self._ends) > 2 * self._capacity:
            self._make_room()

    def replace(self, tag: str, at: int, until: int) -> None:
        """Void likewise, but what was said of the tag before no longer counts: an enabled subject may come again."""
        before = self._void.pop(tag, _NOTHING)
        self.add(tag, at, max(until, before[1]))

    def forget(self, now: float) -> None:
        """Drop what ended."""
        while self._ends and self._ends[0][0] <= now:
            end, tag = heappop(self._ends)
            if self._void.get(tag, (0, 0))[1] == end:
                del self._void[tag]
        if self._floor[1] <= now:
            self._floor = (-1, 0)

    def token_void(self, jti: str, subject: str, issued_at: float, credential: str, client: str = "") -> bool:
        """Return whether the token, its subject, its client or the credential that it came from was taken back."""
        void = self._void
        if not void:
            return issued_at <= self._floor[0]
        if f"token:{jti}" in void or f"credential:{credential}" in void or issued_at <= self._floor[0]:
            return True
        if client and issued_at <= void.get(f"subject:client:{client}", _NOTHING)[0]:
            return True
        return issued_at <= void.get(f"subject:{subject}", _NOTHING)[0]

    def origin_void(self, claims: Mapping[str, Any]) -> bool:
        """Return whether one of the tokens that a token of ours was exchanged for was taken back (RFC 8693)."""
        return any(
            self.token_void(each["jti"], claims["sub"], each["iat"], each["sid"], each["client_id"])
            for each in claims.get("origin", ())
        )

    def issue_time(self, now: float, subject: str, client: str = "") -> int:
        """Return the ``iat`` of a token signed now, in whole seconds.

        A token that is signed in the very second up to which its subject's were taken back says the next second: who
        logs in again right after has a token that holds. One signed before says that second, and is void.
        """
        second = int(now)
        for tag in (f"subject:{subject}", f"subject:client:{client}"):
            at = self._void.get(tag, _NOTHING)[0]
            if second <= at <= second + _CLOCKS_APART:
                second = at + 1
        return second

    def _make_room(self) -> None:
        """Forget the older half, but not what stays for good: a disabled subject."""
        passing = sorted((at, end, tag) for tag, (at, end) in self._void.items() if end < _FOR_GOOD)
        if len(self._void) > self._capacity:
            for at, end, tag in passing[: max(1, len(passing) // 2)]:
                del self._void[tag]
                self._floor = (max(at, self._floor[0]), max(end, self._floor[1]))
            self._capacity = max(self._capacity, 2 * (len(self._void) - len(passing)))
        self._ends = [(end, tag) for tag, (_, end) in self._void.items()]
        heapify(self._ends)


def origin_tags(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tags by which what an exchanged token proves is forgotten together with what it was exchanged for."""
    found = [(f"token:{each['jti']}", f"subject:client:{each['client_id']}") for each in claims.get("origin", ())]
    return tuple(tag for pair in found for tag in pair)


class FeedWatch:
    """Read the revocation feed when a decision needs it fresher than ``every`` seconds.

    There is no background task to die unnoticed: a decision that finds the last reading too old makes the next one,
    inline on SQLite. When the feed cannot be read, what is cached is believed until ``bound`` seconds after the last
    reading that worked; from then on every decision raises Unavailable (503), unless ``refuse`` is False: then what can
    be verified without a look-up goes on being believed, and a revocation is heard once the feed is back.
    """

    __slots__ = (
        "_bound",
        "_every",
        "_feed",
        "_hurries",
        "_listeners",
        "_refuse",
        "_sequence",
        "due",
        "read_at",
        "revocations",
        "verdicts",
    )

    def __init__(
        self,
        feed: Feed,
        verdicts: Verdicts,
        revocations: Revocations,
        *,
        every: float = 0.1,
        bound: float = 30.0,
        refuse: bool = True,
    ) -> None:
        self._feed = feed
        self.verdicts: Verdicts = verdicts
        self.revocations: Revocations = revocations
        self._every = every
        self._bound = bound
        self._refuse = refuse
        self._sequence = 0
        self._hurries = 0
        self.read_at: float = float("-inf")
        self._listeners: list[Callable[[FeedEntry], Soon[None]]] = []
        self.due: float = float("-inf")

    def listen(self, listener: Callable[[FeedEntry], Soon[None]]) -> None:
        """Call ``listener`` with every new entry."""
        self._listeners.append(listener)

    def hurry(self) -> None:
        """Have the next decision read the feed: this process knows that there is something new."""
        self._hurries += 1
        self.due = float("-inf")

    def sync(self, now: float) -> Soon[None]:
        """Read what is new. Call when ``now`` is at or past ``due``, or before ``read_at`` (the clock stepped back)."""
        try:
            entries = self._feed.entries(self._sequence)
        except Unavailable:
            self._failed(now)
            return None
        if isinstance(entries, list):
            return self._took(entries, now)
        return self._sync(entries, now)

    async def _sync(self, entries: Awaitable[list[FeedEntry]], now: float) -> None:
        hurries = self._hurries
        try:
            taken = await entries
        except Unavailable:
            self._failed(now)
            return
        done = self._took(taken, now)
        if hurries != self._hurries:  # something new came while this was read, and may not be in it
            self.due = float("-inf")
        if done is not None:
            await done

    def _failed(self, now: float) -> None:
        self.read_at = min(self.read_at, now)  # a clock that stepped back must not stretch the bound
        if self._refuse and now - self.read_at > self._bound:
            raise Unavailable("the revocation feed has been silent for too long")
        self.due = now + self._every

    def _took(self, entries: list[FeedEntry], now: float) -> Soon[None]:
        before = self._sequence, self.read_at
        heard = [entry for entry in entries if self._apply(entry)]
        if self.read_at > float("-inf") and now - self.read_at > _MISSED:
            self.verdicts.clear()
            heard.append(FeedEntry(self._sequence, Topic.KEYS, "", int(now), int(now)))
        self.read_at = now
        self.due = now + self._every
        self.revocations.forget(now)
        return self._tell(heard, before) if heard and self._listeners else None

    async def _tell(self, heard: list[FeedEntry], before: tuple[int, float]) -> None:
        try:
            for entry in heard:
                for listener in self._listeners:
                    result = listener(entry)
                    if isawaitable(result):
                        await result
        except BaseException:  # cancelled, too: what a listener did not take in counts as unread, and is read again
            self._sequence = min(self._sequence, before[0])
            self.read_at = min(self.read_at, before[1])
            self.due = float("-inf")
            raise

    def _apply(self, entry: FeedEntry) -> bool:
        if entry.sequence <= self._sequence:  # a slower reading of the same entries came in late
            return False
        self._sequence = entry.sequence
        if entry.topic is Topic.KEYS:
            self.verdicts.clear()
        elif entry.topic is Topic.CHANGED:
            self.verdicts.evict(f"credential:{entry.key}")
        else:
            tag = f"{entry.topic}:{entry.key}"
            self.verdicts.evict(tag)
            void = self.revocations.replace if entry.topic is Topic.SUBJECT else self.revocations.add
            void(tag, entry.at, entry.until)
        return True
