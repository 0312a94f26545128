"""What is promised, and the arithmetic from measured seconds to a figure and its bound."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks.loop import Measure

__all__ = ["DECISIONS", "Figure", "added", "decision_figures", "watching_figure"]

YARDSTICK = "joserfc"

# name, label, bound as a share of what the yardstick adds
DECISIONS = (
    ("api-key", "API key", 0.2),
    ("session", "session cookie", 0.2),
    ("jwt", "JWT seen before", 0.2),
    ("basic", "Basic, repeated", 0.2),
    ("hmac", "HMAC over 1 KiB, one process", 0.4),
    ("hmac-shared", "HMAC over 1 KiB, shared single use", 1.2),
)
FIRST_SEEN_BOUND = 1.15
WATCHING_BOUND = 0.2


@dataclass(frozen=True, slots=True)
class Figure:
    """Hold one line of the table: ``measured`` must be at most ``bound``, or at least where ``at_least`` says so."""

    name: str
    measured: float
    bound: float
    unit: str
    detail: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Tell whether the promise is kept."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def added(rounds: dict[str, list[Measure]], name: str, *, cpu: bool = False) -> float:
    """Return the microseconds a call that a contestant adds to its bare application: the median over the rounds."""

    def each(measures: list[Measure]) -> list[float]:
        return [(one.cpu if cpu else one.seconds) / one.count * 1e6 for one in measures]

    bare = rounds.get(f"bare {name}")
    if bare is None:
        return median(each(rounds[name]))
    return median(full - nothing for full, nothing in zip(each(rounds[name]), each(bare), strict=True))


def decision_figures(rounds: dict[str, list[Measure]]) -> list[Figure]:
    """Return the figures of decisions: each a ratio within this run."""
    yardstick = added(rounds, YARDSTICK)
    figures = []
    for name, label, bound in DECISIONS:
        cost = added(rounds, name)
        share = added(rounds, name, cpu=True) / added(rounds, YARDSTICK, cpu=True)
        detail = f"adds {cost:.1f} µs, the leanest check {yardstick:.1f} µs; of CPU time {share:.3f}"
        figures.append(Figure(label, cost / yardstick, bound, "x the leanest check", detail))
    first, verify, quick = (added(rounds, name) for name in ("jwt-first", "verify", "verify-libsodium"))
    share = added(rounds, "jwt-first", cpu=True) / added(rounds, "verify", cpu=True)
    detail = (
        f"adds {first:.1f} µs, the bare verify by OpenSSL, the peers', takes {verify:.1f} µs; of CPU time {share:.3f}; "
        f"the bare verify by libsodium, which is ours, {quick:.1f} µs"
    )
    figures.append(Figure("JWT seen for the first time", first / verify, FIRST_SEEN_BOUND, "x Ed25519 verify", detail))
    figures.append(watching_figure(rounds))
    return figures


def watching_figure(rounds: dict[str, list[Measure]]) -> Figure:
    """Return what audit and usage cost, all that is written included, as a share of a decision without them."""
    watched, bare = (added(rounds, name, cpu=True) for name in ("api-key", "api-key-unwatched"))
    detail = f"of CPU time, of one caller again and again: {bare:.1f} µs become {watched:.1f} µs"
    return Figure("usage and audit on a decision", (watched - bare) / bare, WATCHING_BOUND, "x the decision", detail)
