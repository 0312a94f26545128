"""Notice, in what one process has just counted, what is worth a second look: no I/O, little memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from watchword.lifecycle.operations.alerts.rules import AlertRules
from watchword.model.reason import (
    LOGINS_LIMITED,
    RATE_LIMITED,
    REPLAYED,
    REPLAYED_PROOF,
    RETIRED,
    REVOKED,
    SKEWED,
    WRONG_SECRET,
)
from watchword.model.usage import Observed, Tally

__all__ = ["GUESSES", "Candidate", "Suspicion"]

_KEPT: Final = 50_000  # windows, and credentials, that are remembered
_QUEUE: Final = 2_000  # candidates of one rule that wait
_HOUR: Final = 3600
_LOOKED: Final = 3600  # seconds until the record of a credential that is used is looked at again
_SHARE: Final = 8  # a worker looks into what reached the eighth part of a threshold: the others may have seen the rest
_GUESS_SHARE: Final = 4  # and of the rest it is not known whether they were guesses
_MACHINES: Final = ("key_", "hk_", "crt_", "cli_")  # whose networks do not change as those of people do
_ROTATED: Final = (*_MACHINES, "pwd_")
_REPLAYS: Final = frozenset({REPLAYED.code, REPLAYED_PROOF.code})
GUESSES: Final = frozenset({WRONG_SECRET.code, LOGINS_LIMITED.code})
_ALONE: Final = {REVOKED.code: "revoked-used", RETIRED.code: "retired-used"}
_HARMLESS: Final = frozenset({SKEWED.code, RATE_LIMITED.code})  # a wrong clock and haste are no attack by themselves


class Candidate(NamedTuple):
    """Name what to look into: a rule, and the credential, subject or network that it is about."""

    rule: str
    credential: str = ""
    network: str = ""
    subject: str = ""
    at: int = 0
    route: str = ""
    reason: str = ""
    decisions: int = 0


class Suspicion:
    """Count refusals and uses over the last minutes, and collect candidates."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str, int], int] = {}
        self._queue: dict[str, dict[tuple[str, str], Candidate]] = {}
        self._looked: dict[str, int] = {}
        self.rules: AlertRules = AlertRules()

    def look(self, observed: Observed) -> None:
        """Look at what was in one batch."""
        for tally in observed.tallies:
            if tally.verdict == "accepted":
                self._used(tally)
            elif tally.verdict == "refused":
                self._refused(tally)
        for origin in observed.fresh:
            if origin.credential.startswith(_MACHINES):
                self._add(Candidate("new-network", origin.credential, origin.network, at=origin.first_at))

    def taken(self, at_most: int) -> list[Candidate]:
        """Return some candidates, once: of each rule in turn, so that a flood for one of them holds up no other."""
        found: list[Candidate] = []
        while self._queue and len(found) < at_most:
            for rule in list(self._queue)[: at_most - len(found)]:
                waiting = self._queue.pop(rule)
                found.append(waiting.pop(next(iter(waiting))))
                if waiting:
                    self._queue[rule] = waiting  # the last one now
        return found

    def put_back(self, candidates: Iterable[Candidate]) -> None:
        """Take back what could not be looked into."""
        for each in candidates:
            self._add(each)

    def _used(self, tally: Tally) -> None:
        credential = tally.credential
        if not credential:
            return
        if "/admin/" in tally.route or "/console" in tally.route:
            self._add(_of("operator-new-network", tally))
        if self._many("sudden-rate", credential, tally):
            self._add(_of("sudden-rate", tally)._replace(network="", route=""))
        if tally.start >= self._looked.get(credential, 0) + _LOOKED and credential.startswith(_ROTATED):
            if len(self._looked) >= _KEPT:
                self._looked.clear()
            self._looked[credential] = tally.start
            self._add(_of("still-used", tally)._replace(network=""))

    def _refused(self, tally: Tally) -> None:
        alone = _ALONE.get(tally.reason)
        if alone is not None and tally.credential:
            self._add(_of(alone, tally)._replace(network=""))
        if tally.reason in _REPLAYS and self._many("replays", tally.credential or tally.network, tally):
            self._add(_about("replays", tally))
        if tally.reason in GUESSES and self._many("guessing", tally.network, tally, _GUESS_SHARE):
            self._add(_of("guessing", tally)._replace(credential=""))
        if tally.reason in _HARMLESS:
            return
        if tally.credential and self._many("refusals", tally.credential, tally):
            self._add(_about("refusals", tally))
        if self._many("refusals", tally.network, tally):
            self._add(_of("refusals", tally)._replace(credential=""))

    def _many(self, rule: str, name: str, tally: Tally, share: int = _SHARE) -> bool:
        """Add to the window of a name; tell whether a worker's share of the threshold is reached."""
        found = self.rules.rule(rule)
        if found is None or not name:
            return False
        if len(self._windows) >= _KEPT:
            self.forget(tally.start - _HOUR - 600)
            if len(self._windows) >= _KEPT:
                self._windows.clear()
        windows = self._windows
        step = 60 if found.within < _HOUR else _HOUR
        start = tally.start - tally.start % step
        here = windows[rule, name, start] = windows.get((rule, name, start), 0) + tally.decisions
        for earlier in range(start - found.within + step, start, step):
            here += windows.get((rule, name, earlier), 0)
        return here * share >= found.count

    def _add(self, candidate: Candidate) -> None:
        if self.rules.rule(candidate.rule) is None:
            return
        waiting = self._queue.setdefault(candidate.rule, {})
        about = candidate.credential or candidate.subject, candidate.network
        if about in waiting or len(waiting) < _QUEUE:
            waiting[about] = candidate

    def forget(self, before: int) -> None:
        """Forget windows that began before then (Unix seconds)."""
        for key in [key for key in self._windows if key[2] < before]:
            del self._windows[key]


def _of(rule: str, tally: Tally) -> Candidate:
    return Candidate(
        rule, tally.credential, tally.network, tally.subject, tally.start, tally.route, tally.reason, tally.decisions
    )


def _about(rule: str, tally: Tally) -> Candidate:
    """Be about the credential where one was named, else about the network."""
    return _of(rule, tally)._replace(network="") if tally.credential else _of(rule, tally)
