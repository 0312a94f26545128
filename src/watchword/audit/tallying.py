"""Count a batch of decisions in every way that is kept: by all names at once, by scheme and verdict, by each name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from watchword.audit.acts import Act
from watchword.audit.counting import Counted, Crowd, Names
from watchword.model.usage import Part, Point, Tally

__all__ = ["Tallying"]

_MINUTE: Final = 60
_FEW: Final = 8
_KINDS: Final = ("route", "network", "subject", "reason", "credential")
_Sums: TypeAlias = dict[tuple[int, Counted], int]


class Tallying:
    """Count, and keep what a minute's counts name to few names."""

    __slots__ = ("_crowd", "_names")

    def __init__(self) -> None:
        self._crowd, self._names = Crowd(), Names()

    def count(
        self, times: list[float], which: Sequence[int], said: Sequence[Act], span: tuple[float, float]
    ) -> tuple[list[Tally], list[Point], list[Part]]:
        """Return the counts of a batch: ``times`` of decisions, ``which`` act each is, of those ``said``."""
        sums: Counter[tuple[int, Counted]] = Counter()
        for minute, counts in _by_minute(times, which, len(said), span):
            for each, decisions in counts.items():
                sums[minute, said[each].counted] += decisions
        # Those that are many are named before those that are few.
        ordered = dict(sorted(sums.items(), key=_falling)) if len(sums) > 1 else dict(sums)
        return self._tallies(ordered), _points(ordered), self._parts(ordered)

    def _tallies(self, sums: _Sums) -> list[Tally]:
        found: dict[tuple[int, str, str, str, str, str, str, str], int] = {}
        place = self._crowd.place
        for (minute, one), decisions in sums.items():
            credentials, subject, scheme, route, network, verdict, reason = one
            for credential in credentials.split("+"):  # a conjunction names each of its proofs
                key = (
                    minute,
                    credential,
                    subject,
                    scheme,
                    *place(minute, (credential, verdict == "accepted"), route, network),
                    verdict,
                    reason,
                )
                found[key] = found.get(key, 0) + decisions
        return [Tally._make((*key, decisions)) for key, decisions in found.items()]

    def _parts(self, sums: _Sums) -> list[Part]:
        found: dict[tuple[int, str, str, str], int] = {}
        named = self._names.name
        for minute, kind, verdict, counts in _by_name(sums):
            whose = kind, verdict == "accepted"
            for name, decisions in counts.items():
                key = minute, kind, named(minute, whose, name), verdict
                found[key] = found.get(key, 0) + decisions
        return [Part._make((*key, decisions)) for key, decisions in found.items()]


def _by_name(sums: _Sums) -> Iterator[tuple[int, str, str, dict[str, int]]]:
    """Return how often each name of a kind is in the counts of a minute and a verdict."""
    found: dict[tuple[int, str], tuple[dict[str, int], ...]] = {}
    for (minute, one), decisions in sums.items():
        credentials, subject, _, route, network, verdict, reason = one
        kinds = found.get((minute, verdict))
        if kinds is None:
            kinds = found[minute, verdict] = {}, {}, {}, {}, {}
        routes, networks, subjects, reasons, proofs = kinds
        routes[route] = routes.get(route, 0) + decisions
        networks[network] = networks.get(network, 0) + decisions
        subjects[subject] = subjects.get(subject, 0) + decisions
        if reason:
            reasons[reason] = reasons.get(reason, 0) + decisions
        for each in credentials.split("+"):  # a conjunction names each of its proofs
            proofs[each] = proofs.get(each, 0) + decisions
    for (minute, verdict), kinds in found.items():
        for kind, counts in zip(_KINDS, kinds, strict=True):
            yield minute, kind, verdict, counts


def _points(sums: _Sums) -> list[Point]:
    found: Counter[tuple[int, str, str]] = Counter()
    for (minute, one), decisions in sums.items():
        found[minute, one.scheme, one.verdict] += decisions
    return [Point(*key, decisions) for key, decisions in found.items()]


def _by_minute(
    times: list[float], which: Sequence[int], acts: int, span: tuple[float, float]
) -> list[tuple[int, dict[int, int]]]:
    """Return how often each act was done in each minute: nearly always all of a batch is of one."""
    first, last = (int(at) // _MINUTE for at in span)
    if first == last:
        # Where there are few acts, looking for each of them is a tenth of the work.
        counts = {each: which.count(each) for each in range(acts)} if acts <= _FEW else Counter(which)
        return [(first * _MINUTE, counts)]
    found: dict[int, dict[int, int]] = {}
    for minute, each in zip((int(at) // _MINUTE * _MINUTE for at in times), which, strict=True):
        inside = found.setdefault(minute, {})
        inside[each] = inside.get(each, 0) + 1
    return sorted(found.items())


def _falling(pair: tuple[object, int]) -> int:
    return -pair[1]
