"""Look into what is suspected: what the store knows of the past decides whether it is worth an alert."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from watchword.lifecycle.operations.alerts.rules import AlertRule
from watchword.lifecycle.operations.alerts.suspicion import GUESSES, Candidate
from watchword.model.credential import State
from watchword.model.ports import Records
from watchword.model.reason import REPLAYED, REPLAYED_PROOF
from watchword.model.usage import Grain, Tally, UsageRecords

__all__ = ["Finding", "Inquiry"]

_WEEK: Final = 7 * Grain.DAY
_PAST: Final = 90 * Grain.DAY
_ROAMS: Final = 50  # networks from which on one more of a credential says nothing
_ROWS: Final = 1000
_ALL: Final = 20_000  # more than one credential or one kind of names has in some minutes
_REST: Final = "…"  # networks that were too many to be named
_CROWD: Final = 10  # times a rule's count are too many for all networks together
_REPLAYS: Final = frozenset({REPLAYED.code, REPLAYED_PROOF.code})


@dataclass(frozen=True, slots=True)
class Finding:
    """Say what an inquiry found: the words for the alert's key, whom it is about, and what was seen."""

    name: str
    subject: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


class Inquiry:
    """Ask records and counts; each question is bounded."""

    def __init__(self, records: Records, usage: UsageRecords) -> None:
        self._records = records
        self._usage = usage

    async def find(self, candidate: Candidate, rule: AlertRule, now: float) -> Finding | None:
        """Return what was found, None where there is nothing to it."""
        ask = {
            "new-network": self._new_network,
            "operator-new-network": self._operator,
            "sudden-rate": self._sudden,
            "still-used": self._still_used,
            "refusals": self._many,
            "guessing": self._many,
            "replays": self._many,
        }.get(candidate.rule, self._alone)
        return await ask(candidate, rule, now)

    async def _alone(self, asked: Candidate, rule: AlertRule, now: float) -> Finding | None:
        """One is enough, or as many as the rule says."""
        seen: dict[str, Any] = {"network": asked.network, "route": asked.route, "reason": asked.reason}
        if rule.count > 1:
            counted = await self._counted(asked, rule)
            if counted < rule.count:
                return None
            seen["count"] = counted
        record = await self._records.credential(asked.credential)
        networks = sorted({each.network for each in await self._recent(asked, rule) if each.network})
        return Finding(
            asked.credential, record.subject if record else asked.subject, seen | {"networks": networks[:10]}
        )

    async def _new_network(self, asked: Candidate, rule: AlertRule, now: float) -> Finding | None:
        origins = await self._usage.origins(asked.credential, limit=_ROAMS + 1)
        here = next((each for each in origins if each.network == asked.network), None)
        if here is None or len(origins) > _ROAMS or len(origins) < 2:
            return None
        first = min(each.first_at for each in origins)
        if here.first_at - first < rule.within:
            return None  # it is only becoming known where it is used from
        if here.first_at < asked.at - Grain.HOUR:
            return None  # it is new to this worker alone
        record = await self._records.credential(asked.credential)
        known = [each.network for each in origins if each is not here]
        seen = {"network": asked.network, "known": known[:10], "since": here.first_at}
        return Finding(f"{asked.credential}:{asked.network}", record.subject if record else "", seen)

    async def _operator(self, asked: Candidate, rule: AlertRule, now: float) -> Finding | None:
        if not asked.subject:
            return None
        today = asked.at - asked.at % Grain.DAY
        past = await self._usage.tallies(
            grain=Grain.DAY, since=today - _PAST, until=today, subject=asked.subject, limit=_ROWS
        )
        known = {each.network for each in past if "/admin/" in each.route or "/console" in each.route}
        if not known or asked.network in known:
            return None
        seen = {"network": asked.network, "known": sorted(known)[:10], "route": asked.route}
        return Finding(f"{asked.subject}:{asked.network}", asked.subject, seen)

    async def _sudden(self, asked: Candidate, rule: AlertRule, now: float) -> Finding | None:
        """Hold this hour to the busiest of the last week: who does much once an hour does nothing unusual."""
        hour = asked.at - asked.at % Grain.HOUR
        bounds: dict[str, Any] = {"grain": Grain.HOUR, "since": hour - _WEEK, "until": hour + Grain.HOUR}
        hours: dict[int, int] = {}
        for each in await self._usage.traffic(**bounds, credential=asked.credential):
            hours[each.start] = hours.get(each.start, 0) + each.decisions
        count = hours.pop(hour, 0)
        if not hours or min(hours) > asked.at - Grain.DAY:
            return None  # it is not yet known how often it is used
        usual = max(hours.values())
        if count < max(rule.count, rule.factor * usual):
            return None
        record = await self._records.credential(asked.credential)
        return Finding(asked.credential, record.subject if record else "", {"count": count, "usual": usual})

    async def _still_used(self, asked: Candidate, rule: AlertRule, now: float) -> Finding | None:
        record = await self._records.credential(asked.credential)
        if record is None or record.state(now) is not State.RETIRING or record.retire_at is None:
            return None
        if record.retire_at - now > rule.within:
            return None
        seen = {"ends_at": record.retire_at, "successor": record.replaced_by or ""}
        return Finding(record.id, record.subject, seen)

    async def _many(self, asked: Candidate, rule: AlertRule, now: float) -> Finding | None:
        count = await self._counted(asked, rule)
        if count < rule.count * (_CROWD if asked.network == _REST and not asked.credential else 1):
            return None
        seen = {"count": count, "within": rule.within, "network": asked.network, "route": asked.route}
        subject = ""
        if asked.credential:
            record = await self._records.credential(asked.credential)
            subject = record.subject if record else ""
        return Finding(asked.credential or asked.network, subject, seen | {"reason": asked.reason})

    async def _counted(self, asked: Candidate, rule: AlertRule) -> int:
        """Return how many all workers counted in the rule's time: of the credential, of its network, or of all."""
        if asked.credential:
            return sum(each.decisions for each in await self._recent(asked, rule))
        since, until = asked.at - rule.within + 60, asked.at + 60
        by = "reason" if rule.id == "guessing" and asked.network == _REST else "network"
        wanted = {"reason": GUESSES, "network": {asked.network}}[by]
        shares = await self._usage.busiest(since, until, by, _ALL)
        return sum(each.decisions for each in shares if each.name in wanted and each.verdict == "refused")

    async def _recent(self, asked: Candidate, rule: AlertRule) -> list[Tally]:
        since, until = asked.at - max(rule.within, 60) + 60, asked.at + 60
        tallies = await self._usage.tallies(
            grain=Grain.MINUTE, since=since, until=until, credential=asked.credential, limit=_ALL
        )
        wanted = _REPLAYS if rule.id == "replays" else None
        return [each for each in tallies if each.verdict == "refused" and (wanted is None or each.reason in wanted)]
