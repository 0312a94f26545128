"""Count requests by the generic cell rate algorithm: bursts up to the count at once, then evenly.

A key's whole state is one time, its TAT ("theoretical arrival time"): when its allowance is full again. A hit moves
it by ``seconds / count`` and is admitted while it stays within ``seconds`` of now. ``MemoryMeter`` serves one process,
``SharedMeter`` the processes of one machine, ``LeasedMeter`` puts the first's speed before the second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import islice
from statistics import median
from typing import Final, Protocol

from watchword.model.ports import Allowance, Clock, Unavailable
from watchword.model.verdict import Rate

__all__ = ["LeasedMeter", "MemoryMeter", "Spender"]

_SLACK: Final = 1e-6  # seconds, for what adding floats rounds off
_STRAY: Final = 60.0  # seconds: a TAT further ahead than any hit can put it comes from a clock set back
_LEASE_LIFE: Final = 1.0  # seconds
_LEASE_SHARE: Final = 50  # of rate.count: two workers holding 2 % each stay below 5 %
_LEASE_KEYS: Final = 16_384
_SAMPLE: Final = 512


class Spender(Protocol):
    """Spend from an allowance that several processes share."""

    clock: Clock

    def spend(self, key: str, cost: int, rate: Rate) -> tuple[float, float]:
        """Return seconds until a retry helps (0.0: spent) and until full again. Raise Unavailable when broken."""
        ...


def allowance(retry: float, ahead: float, rate: Rate) -> Allowance:
    """Return what a meter answers, from seconds until a retry helps and until full again."""
    step = rate.seconds / rate.count
    return Allowance(not retry, max(0, int((rate.seconds - ahead + _SLACK) / step)), retry, ahead)


class _Span:
    """Hold the TATs of rates with the same length, in two generations: what was not touched for a span is full."""

    __slots__ = ("old", "turn_at", "young")

    def __init__(self, turn_at: float) -> None:
        self.young: dict[str, float] = {}
        self.old: dict[str, float] = {}
        self.turn_at = turn_at


class MemoryMeter:
    """Count in this process. At most ``max_keys`` keys for each length of rate; the fullest go first.

    ``clock`` should not step; if it steps back far, allowances start afresh. Safe for threads.
    """

    def __init__(self, clock: Clock = time.monotonic, *, max_keys: int = 65_536) -> None:
        self.clock = clock
        self._origin = clock()  # small numbers keep nanoseconds
        self._max_keys = max_keys
        self._spans: dict[int, _Span] = {}
        self._guard = threading.Lock()

    def admit(self, key: str, cost: int, rate: Rate) -> float:
        """Spend ``cost`` and return 0.0, or return the seconds until a retry helps. Cost 0 asks about cost 1."""
        seconds = rate.seconds
        with self._guard:
            now = self.clock() - self._origin
            span = self._spans.get(seconds)
            if span is None or now >= span.turn_at:
                span = self._turn(seconds, now)
            tat = span.young.get(key)
            if tat is None:
                tat = self._recall(span, key, now)
            if tat < now:  # noqa: PLR1730 - a call of max() costs more than all of this
                tat = now
            after = tat + (cost or 1) * seconds / rate.count
            retry = after - now - seconds
            if retry > _SLACK:
                if cost > rate.count or tat <= now + 2 * seconds + _STRAY:
                    return retry
                after -= tat - now
            if cost:
                span.young[key] = after
            return 0.0

    def limiter(self, rate: Rate) -> Callable[[str], float]:
        """Return ``admit`` of cost 1 at one rate: what does not change from hit to hit is looked up once."""
        seconds, step, clock, origin = rate.seconds, rate.seconds / rate.count, self.clock, self._origin
        most, admit = seconds + _SLACK, self.admit
        acquire, release = self._guard.acquire, self._guard.release  # half the price of "with", which looks them up
        with self._guard:
            span = self._turn(seconds, clock() - origin)

        def limited(key: str) -> float:
            acquire()
            try:
                now = clock() - origin
                tat = span.young.get(key)
                if tat is not None and now < span.turn_at:
                    after = (tat if tat > now else now) + step
                    if after - now <= most:
                        span.young[key] = after
                        return 0.0
            finally:
                release()
            return admit(key, 1, rate)

        return limited

    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        """Spend ``cost`` if there is room and tell what is left; ``admit`` is the same for half the price."""
        retry = self.admit(key, cost, rate)
        with self._guard:
            span = self._spans[rate.seconds]
            tat = span.young.get(key) or span.old.get(key, 0.0)
            ahead = max(0.0, tat - (self.clock() - self._origin))
        return allowance(retry, ahead, rate)

    def __len__(self) -> int:
        return sum(len(span.young) + len(span.old) for span in self._spans.values())

    def _recall(self, span: _Span, key: str, now: float) -> float:
        tat = span.old.pop(key, None)
        if tat is not None:
            span.young[key] = tat
            return tat
        if len(span.young) + len(span.old) >= self._max_keys:
            span.young, span.old = _scarcest({**span.old, **span.young}, now), {}
        return now

    def _turn(self, seconds: int, now: float) -> _Span:
        """Drop the generations that are due, of all lengths."""
        span = self._spans.setdefault(seconds, _Span(now + seconds))
        for length, due in self._spans.items():
            if now >= due.turn_at:
                due.old = due.young if now < due.turn_at + length else {}
                due.young = {}
                due.turn_at = now + length
        return span


def _scarcest(tats: dict[str, float], now: float) -> dict[str, float]:
    """Return about the half of the keys that has least left: forgetting them would give most away."""
    middle = median(list(islice(tats.values(), 0, None, max(1, len(tats) // _SAMPLE))))
    return {key: tat for key, tat in tats.items() if tat > max(middle, now)}


class _Lease:
    """Remember what one key may still spend here, and what is known of its shared TAT."""

    __slots__ = ("asked_at", "ends", "left", "size", "tat")

    def __init__(self) -> None:
        self.left = 0
        self.ends = 0.0
        self.size = 0
        self.tat = 0.0  # the shared one is never earlier
        self.asked_at = 0.0


class LeasedMeter:
    """Spend from ``shared`` in small leases, so that most hits cost no statement.

    A lease grows with demand from one hit to 2 % of the count and dies after a second, so W workers together admit
    at most 2 % x W more than the limit. While ``shared`` is broken each process counts in ``local`` (never without
    limit: the limit times the processes), and asks again every second; without ``local``, Unavailable is raised.
    """

    def __init__(self, shared: Spender, local: MemoryMeter | None = None) -> None:
        self.clock: Clock = shared.clock
        self._shared = shared
        self._local = local
        self._young: dict[str, _Lease] = {}
        self._old: dict[str, _Lease] = {}
        self._turn_at = 0.0
        self._broken_until = 0.0
        self._guard = threading.Lock()

    def admit(self, key: str, cost: int, rate: Rate) -> float:
        """Spend ``cost`` and return 0.0, or return the seconds until a retry helps. Cost 0 asks about cost 1."""
        with self._guard:
            now = self.clock()
            lease = self._young.get(key)
            if lease is not None and lease.left >= (cost or 1) and now < lease.ends:
                lease.left -= cost
                return 0.0
            return self._ask(key, cost, rate, now)

    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        """Spend ``cost`` if there is room and tell what is left, as far as this process knows."""
        retry = self.admit(key, cost, rate)
        with self._guard:
            lease = self._young.get(key)
            ahead = 0.0
            if lease is not None:
                now = self.clock()
                left = lease.left if now < lease.ends else 0
                ahead = max(0.0, lease.tat - now - left * rate.seconds / rate.count)
        return allowance(retry, ahead, rate)

    def _ask(self, key: str, cost: int, rate: Rate, now: float) -> float:
        step = rate.seconds / rate.count
        lease = self._lease(key, now)
        retry = lease.tat + (cost or 1) * step - now - rate.seconds
        if _SLACK < retry <= rate.seconds + _STRAY:
            return retry
        if cost == 0 and now - lease.asked_at < _LEASE_LIFE:
            return 0.0
        if now < self._broken_until and self._local is not None:
            return self._local.admit(key, cost, rate)
        try:
            return self._renew(lease, key, cost, rate, now)
        except Unavailable:
            if self._local is None:
                raise
            self._broken_until = now + _LEASE_LIFE
            return self._local.admit(key, cost, rate)

    def _renew(self, lease: _Lease, key: str, cost: int, rate: Rate, now: float) -> float:
        alive = now < lease.ends  # used up before it died: ask for more; otherwise the rest would die again
        size = min(lease.size * 2, max(1, rate.count // _LEASE_SHARE)) if alive else 1
        size = max(size, cost) if cost else 0
        retry, ahead = self._shared.spend(key, size, rate)
        if retry and size > cost:
            size = cost
            retry, ahead = self._shared.spend(key, size, rate)
        lease.tat = now + ahead
        lease.asked_at = now
        if cost and not retry:
            lease.left = size - cost + (lease.left if alive else 0)
            lease.ends = now + _LEASE_LIFE
            lease.size = size
        return retry

    def _lease(self, key: str, now: float) -> _Lease:
        """Return the key's lease; those not asked for lately are forgotten, which only costs a statement."""
        if now >= self._turn_at or len(self._young) >= _LEASE_KEYS:
            self._old = self._young
            self._young = {}
            self._turn_at = now + 2 * _LEASE_LIFE
        lease = self._young.get(key)
        if lease is None:
            lease = self._old.pop(key) if key in self._old else _Lease()
            self._young[key] = lease
        return lease
