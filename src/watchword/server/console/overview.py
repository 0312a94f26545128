"""Show what goes on: traffic, what looks like a leak, what ends soon, what nobody uses, what fails."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.lifecycle.people.holdings import held
from watchword.model.credential import Credential, Kind
from watchword.model.usage import Grain, Point
from watchword.server.account.visit import Visit
from watchword.server.console.credentials import end_of, seen
from watchword.server.console.desk import ConsoleDesk, who_of
from watchword.server.pages.charts import Chart, chart_of
from watchword.stores.observed.ending import ending_of
from watchword.stores.observed.refusals import refusals_of

__all__ = ["SPANS", "VERDICTS", "Overview", "charts_of", "span_of"]

SPANS: Final = {"1h": (3600, Grain.MINUTE), "24h": (86400, Grain.HOUR), "7d": (7 * 86400, Grain.HOUR),
                "90d": (90 * 86400, Grain.DAY)}  # fmt: skip
"""How long a chart looks back, and how long each bar is."""

VERDICTS: Final = ("accepted", "refused", "broken")
_ENDING: Final = (Kind.API_KEY, Kind.HMAC, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT, Kind.PASSWORD)
_IDLE: Final = (Kind.API_KEY, Kind.HMAC, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT)
_SOON: Final = 30 * 86400
_LONG_UNUSED: Final = 90 * 86400
_FEW: Final = 6
_SAMPLE: Final = 250  # of each kind: ids are random, so that the first ones are as good a sample as any


class Overview:
    """Hold ``/console``."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._watchword = desk.watchword
        self._ending = ending_of(desk.watchword.store)
        self._refusals = refusals_of(desk.watchword.store)

    def routes(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [self._desk.shown("/console", "", self.show, "overview")]

    async def show(self, visit: Visit) -> Response:
        """Show each part that the operator may read; ``span`` is how long the charts look back."""
        may, watchword = self._desk.may, self._watchword
        values: dict[str, Any] = {"span": visit.text("span") if visit.text("span") in SPANS else "24h", "spans": SPANS}
        values["issuer"] = watchword.issuer
        if may(visit, "usage:read"):
            values |= await self._traffic(values["span"])
        if may(visit, "alerts:read"):
            values["alerts"] = await watchword.operations.alerts.page(limit=_FEW, open_only=True)
        if may(visit, "credentials:read"):
            values |= await self._credentials(self._desk.sees(visit))
        values["empty"] = await self._nothing_yet(visit) if not values.get("total") else False
        return self._desk.page(visit, **values)

    async def _traffic(self, span: str) -> dict[str, Any]:
        usage, (since, until, grain) = self._watchword.operations.usage, span_of(span, self._watchword.clock())
        points = await usage.traffic(grain=grain, since=since, until=until)
        verdicts, schemes = charts_of(points, since, until, grain)
        return {
            "verdicts": verdicts,
            "schemes": schemes,
            "total": verdicts.total,
            "failing": await self._refusals.most(since, _FEW),
        }

    async def _credentials(self, kinds: frozenset[Kind]) -> dict[str, Any]:
        now = self._watchword.clock()
        ends, used = (tuple(kind for kind in some if kind in kinds) for some in (_ENDING, _IDLE))
        soon = await self._ending.ending(ends, since=int(now), until=int(now) + _SOON, limit=_FEW)
        soon = [*await self._authorities(now), *soon][:_FEW] if Kind.CA in kinds else soon
        sample = [each for kind in used for each in await self._watchword.store.credentials(kind=kind, limit=_SAMPLE)]
        idle = [each for each in sample if _idle(each, now)]
        return {
            "soon": [seen(each, now) for each in soon],
            "idle": [seen(each, now) for each in idle[:_FEW]],
            "idle_count": len(idle),
            "idle_of": len(sample),
        }

    async def _authorities(self, now: float) -> list[Credential]:
        """Return the authorities that end soon: nobody whom one vouches for gets in after that."""
        found = await self._watchword.store.credentials(kind=Kind.CA, limit=_SAMPLE)
        return [each for each in found if each.refusal(now) is None and now <= (end_of(each) or 0) < now + _SOON]

    async def _nothing_yet(self, visit: Visit) -> bool:
        """Return whether there is nothing but the operator, who is then told how to begin."""
        store = self._watchword.store
        subjects = [each.name for each in await store.subjects(limit=4)]
        others = [name for name in subjects if name not in (who_of(visit).subject, "service:watchword")]
        return not others or not any([await held(store, name) for name in others[:2]])


def span_of(name: str, now: float) -> tuple[int, int, Grain]:
    """Return from when to when a chart goes (Unix seconds), and how long its bars are."""
    length, grain = SPANS.get(name, SPANS["24h"])
    until = (int(now) // grain + 1) * grain
    return until - length, until, grain


def charts_of(points: list[Point], since: int, until: int, grain: int) -> tuple[Chart, Chart]:
    """Return the charts by verdict and by scheme."""
    bounds: dict[str, Any] = {"since": since, "until": until, "grain": grain}
    verdicts = [(each.start, each.verdict, each.decisions) for each in points]
    schemes = [(each.start, each.scheme or "none", each.decisions) for each in points]
    return chart_of(verdicts, order=VERDICTS, **bounds), chart_of(schemes, **bounds)


def _idle(record: Credential, now: float) -> bool:
    used = record.last_used_at or record.created_at
    return record.refusal(now) is None and now - used > _LONG_UNUSED
