"""Raise alerts, each once over all workers; page and acknowledge them."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Final, Protocol

from watchword.audit import redact
from watchword.codec.secrets import new_id
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.alerts.inquiry import Inquiry
from watchword.lifecycle.operations.alerts.rules import AlertRules
from watchword.lifecycle.operations.alerts.suspicion import Candidate, Suspicion
from watchword.model.alerts import Alert, AlertRecords
from watchword.model.ports import Clock, Feed, Records, Unavailable
from watchword.model.records import Event, Topic
from watchword.model.usage import Grain, Observed, UsageRecords

__all__ = ["Alerts", "Watched"]

logger: logging.Logger = logging.getLogger("watchword")

_AT_ONCE: Final = 20  # candidates that are looked into in a row
_REVOKED_AT_ONCE: Final = 200
_HEARD: Final = 100_000
_RECENT: Final = 600.0
_LATELY: Final = 180  # seconds
_COUNTS: Final = 5_000  # that are looked at once more
_LISTEN: Final = 0.5  # seconds between two looks into the feed
_KEPT: Final = 90 * 86400  # seconds that an acknowledged alert is kept
_HOUR: Final = 3600
_AN_HOUR: Final = 20  # alerts by one rule that one worker raises
_BOUNDED: Final = frozenset(
    {"refusals", "guessing", "replays", "new-network", "sudden-rate", "retired-used", "still-used"}
)
_TIDY: Final = 600.0
_TRIES: Final = 8


class Watched(Records, Feed, Protocol):
    """Keep records, what was taken back, counts and alerts."""

    @property
    def usage(self) -> UsageRecords:
        """Return the counts of decisions."""
        ...

    @property
    def alerts(self) -> AlertRecords:
        """Return what looked like a leak."""
        ...


class Alerts:
    """Watch what is decided and what is revoked; keep what looks like a leak until somebody has looked.

    ``observe`` only notes; ``run``, a chore of every worker, asks the store and raises. It reads the revocation feed by
    itself, so that a leak is told of though nobody comes. Of alerts with one key the first wins, whichever worker
    raises it.
    """

    def __init__(self, store: Watched, clock: Clock) -> None:
        self._records = store.alerts
        self._store = store
        self._clock = clock
        self._suspicion = Suspicion()
        self._inquiry = Inquiry(store, store.usage)
        self._revoked: deque[str] = deque(maxlen=_HEARD)
        self._sequence, self._listening = 0, float("-inf")
        self._tidied = float("-inf")
        self._looked_back = False
        self._raised: Counter[str] = Counter()
        self._raised_in = 0
        self.listen_every: float = _LISTEN

    @property
    def rules(self) -> AlertRules:
        """Return the rules in force."""
        return self._suspicion.rules

    @rules.setter
    def rules(self, rules: AlertRules) -> None:
        self._suspicion.rules = rules

    async def observe(self, observed: Observed) -> None:
        """Note what is worth a second look in a batch of decisions."""
        self._suspicion.look(observed)

    async def run(self) -> None:
        """Look into what was noted, and forget what was acknowledged long ago."""
        now = self._clock()
        if time.monotonic() >= self._listening + self.listen_every:
            self._listening = time.monotonic()
            await self._listen()
        await self._look_at_revoked()
        if not self._looked_back:
            await self._look_back(int(now))
            self._looked_back = True
        candidates = self._suspicion.taken(_AT_ONCE)
        for place, candidate in enumerate(candidates):
            try:
                await self._look_into(candidate, now)
            except Exception as error:
                unseen = place if isinstance(error, Unavailable) else place + 1
                self._suspicion.put_back(candidates[unseen:])
                raise
        if not 0 <= now - self._tidied < _TIDY:
            self._tidied = now
            self._suspicion.forget(int(now) - 7200)
            await self._records.forget(int(now) - _KEPT, 1000)

    async def _look_into(self, candidate: Candidate, now: float) -> None:
        rule = self.rules.rule(candidate.rule)
        finding = None if rule is None else await self._inquiry.find(candidate, rule, now)
        if finding is not None:
            about = {"credential": candidate.credential, "subject": finding.subject, "address": candidate.network}
            await self.say(candidate.rule, finding.name, detail=finding.detail, **about)

    async def _look_back(self, now: int) -> None:
        """Look once more at what was counted lately: who was there before may have died before it had looked."""
        since, until = now - _LATELY, now + Grain.MINUTE
        counts = await self._store.usage.tallies(grain=Grain.MINUTE, since=since, until=until, limit=_COUNTS)
        self._suspicion.look(Observed(counts))

    async def _listen(self) -> None:
        """Note what was taken back since; at the start, of the last minutes: who was there before told of the rest."""
        recent = self._clock() - _RECENT
        answer = self._store.entries(self._sequence)
        for entry in await answer if isawaitable(answer) else answer:
            self._sequence = max(self._sequence, entry.sequence)
            if entry.topic is Topic.CREDENTIAL and entry.at >= recent:
                self._revoked.append(entry.key)

    async def _look_at_revoked(self) -> None:
        ids = [self._revoked.popleft() for _ in range(min(len(self._revoked), _REVOKED_AT_ONCE))]
        try:
            alerts = [alert for id in ids if (alert := await self._leaked(id)) is not None]
            raised = await self._records.add_all(alerts)  # of a leaked list: every worker hears of all of it
        except Exception:
            self._revoked.extendleft(reversed(ids))
            raise
        for alert in raised[:_AT_ONCE]:
            self._said(alert)
        if len(raised) > _AT_ONCE:
            logger.warning("alert leaked: %d more, which `watchword alerts list` shows", len(raised) - _AT_ONCE)

    async def _leaked(self, id: str) -> Alert | None:
        record = await self._store.credential(id)
        if record is None or not record.leaked:
            return None
        detail = {"kind": record.kind.value, "by": record.revoked_by or "", "reason": record.revoke_reason or ""}
        alert = self._alert("leaked", id, credential=id, subject=record.subject, detail=detail)
        return None if alert is None else self._addressed(alert)

    async def say(
        self,
        rule: str,
        name: str,
        *,
        credential: str = "",
        subject: str = "",
        address: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> bool:
        """Raise an alert by a rule; ``name`` says what it is about. False where the rule is off or it was said."""
        about = {"credential": credential, "subject": subject, "address": address}
        alert = self._alert(rule, name, detail=detail, **about)
        return alert is not None and await self.raised(alert)

    def _alert(
        self,
        rule: str,
        name: str,
        *,
        credential: str,
        subject: str,
        address: str = "",
        detail: Mapping[str, Any] | None,
    ) -> Alert | None:
        """Return what is to be raised, None where the rule is off."""
        found = self.rules.rule(rule)
        if found is None:
            return None
        now = int(self._clock())
        key = f"{rule}:{name}:{now // found.repeat}" if found.repeat else f"{rule}:{name}"
        said = {**{each: _fit(value) for each, value in (detail or {}).items()}, "told": found.told}
        about = (credential, subject, address, {**said, "advice": found.advice})
        alert = Alert(new_id("alr_"), now, rule, found.severity, key, *about)
        if rule in _BOUNDED and not self._room(rule, now):
            # Whoever has very many networks must not bury what matters: one more says that there are more.
            alert = replace(alert, key=f"{rule}:many:{now // _HOUR}", credential="", subject="", address="")
            alert = replace(alert, detail={"told": f"{found.told}; there are many more", "advice": found.advice})
        return alert

    def _room(self, rule: str, now: int) -> bool:
        """Tell whether this worker may raise another one by the rule in this hour."""
        hour = now // _HOUR
        if self._raised_in != hour:
            self._raised_in = hour
            self._raised.clear()
        return self._raised[rule] < _AN_HOUR

    async def raised(self, alert: Alert) -> bool:
        """Keep an alert, for its receivers to be told; False where one with its key was raised already."""
        alert = self._addressed(alert)
        if not await self._records.add(alert):
            return False
        self._said(alert)
        return True

    def _addressed(self, alert: Alert) -> Alert:
        """Return it as it is kept: told to nobody, or to its owner alone, where operators do not want to hear it."""
        if self.rules.tells(alert.severity):
            return alert
        return _for_its_owner(alert) if _owned(alert) else replace(alert, told_at=alert.at)

    def _said(self, alert: Alert) -> None:
        self._raised[alert.rule] += 1
        logger.warning("alert %s: %s %s", alert.rule, alert.credential or alert.subject or alert.address, alert.id)

    async def alert(self, id: str) -> Alert:
        """Return one, or raise LifecycleError."""
        found = await self._records.alert(id)
        if found is None:
            raise LifecycleError(f"there is no alert {id[:64]!r}", "`watchword alerts list` shows their ids")
        return found

    async def page(self, *, after: str = "", limit: int = 100, open_only: bool = False) -> list[Alert]:
        """Return a page, the newest first; ``after`` is the id of the last one of the page before."""
        return await self._records.page(after=after, limit=limit, open_only=open_only)

    async def acknowledge(self, id: str, by: str) -> Alert:
        """Note that somebody has looked: once, with its audit event in one transaction. Idempotent."""
        for _ in range(_TRIES):
            found, now = await self.alert(id), self._clock()
            if found.acknowledged_at is not None:
                return found
            changed = found.changed(acknowledged_at=int(now), acknowledged_by=by)
            about = {"credential": found.credential, "subject": found.subject}
            detail = f"alert {found.id}: {found.rule}"
            if await self._records.swap(changed, Event(now, "acknowledge", "done", actor=by, detail=detail, **about)):
                return changed
        raise LifecycleError(f"{id} keeps changing", "try again")


def _owned(alert: Alert) -> bool:
    """Return whether it is about what a person has to be told of, whatever operators want to hear."""
    return alert.rule == "leaked" and alert.subject.startswith("user:")


def _for_its_owner(alert: Alert) -> Alert:
    return replace(alert, detail={**alert.detail, "told_to": ["email", "webhook"]})


def _fit(value: Any) -> Any:
    """Return what may be kept: a reason that somebody typed may quote the secret that it is about."""
    return redact(value) if isinstance(value, str) else value
