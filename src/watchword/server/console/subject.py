"""Show one person or service: what they hold, where they are signed in; log them out, disable them, enable them."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT
from watchword.lifecycle.people.holdings import address_of
from watchword.model.credential import Kind
from watchword.model.records import Subject
from watchword.server.account.visit import Visit
from watchword.server.console.credentials import seen, words_of
from watchword.server.console.desk import ConsoleDesk, who_of
from watchword.server.console.overview import SPANS, VERDICTS, span_of
from watchword.server.pages.charts import chart_of
from watchword.server.responses import redirect

__all__ = ["SubjectPage"]

_PLACE: Final = "/console/subject"
_PAGE: Final = 200
_FEW: Final = 20  # logins, the last used first: the list of sessions has the others
_OTHERS: Final = frozenset(
    {Kind.SESSION, Kind.REFRESH, Kind.TOTP, Kind.PASSKEY, Kind.RECOVERY, Kind.EMAIL, Kind.CONSENT}
)


class SubjectPage:
    """Hold ``/console/subject`` and the acts under it; ``id`` is the subject's name."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._watchword = desk.watchword

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        desk, write = self._desk, "subjects:write"
        return [
            desk.shown(_PLACE, "subjects:read", self.show, "subject"),
            desk.acting("/console/subject/log-out", write, self.log_out, "subject_act"),
            desk.acting("/console/subject/disable", write, self.disable, "subject_act"),
            desk.acting("/console/subject/enable", write, self.enable, "subject_act"),
        ]

    async def show(self, visit: Visit) -> Response:
        """Show it; ``span`` is how long its chart looks back."""
        watchword, subject = self._watchword, await self._named(visit)
        now, may = watchword.clock(), self._desk.may
        span = visit.text("span") if visit.text("span") in SPANS else "7d"
        values: dict[str, Any] = {"each": subject, "span": span, "spans": SPANS, "ours": subject.name == CA_SUBJECT}
        if may(visit, "credentials:read"):
            kinds = self._desk.sees(visit) - _OTHERS
            found = await watchword.store.credentials(subject=subject.name, limit=_PAGE + 1)
            values["rows"] = [seen(each, now) for each in found[:_PAGE] if each.kind in kinds]
            values["more"] = len(found) > _PAGE
        logins = await watchword.sessions.listed(subject.name)
        values["sessions"], values["logins"] = logins[:_FEW], len(logins)
        values["factors"] = [seen(each, now) for each in await watchword.factors.enrolled(subject.name)]
        values["apps"] = await watchword.oauth.consents.listed(subject.name)
        address = await address_of(watchword.store, subject.name, now)
        values["address"] = str(address.detail.get("address", "")) if address else ""
        if may(visit, "usage:read") and not values.get("more"):  # of many credentials there are too many counts
            values["chart_of_use"] = await self._usage(subject.name, span)
        return self._desk.page(visit, **values)

    async def _usage(self, name: str, span: str) -> Any:
        usage, (since, until, grain) = self._watchword.operations.usage, span_of(span, self._watchword.clock())
        found = await usage.traffic(grain=grain, since=since, until=until, subject=name)
        counts = [(each.start, each.verdict, each.decisions) for each in found]
        return chart_of(counts, since=since, until=until, grain=grain, order=VERDICTS)

    async def log_out(self, visit: Visit) -> Response:
        """End every session, refresh token and access token of theirs."""
        return await self._confirmed(visit, "log-out")

    async def disable(self, visit: Visit) -> Response:
        """Disable them: nothing that they hold is accepted until they are enabled."""
        return await self._confirmed(visit, "disable")

    async def enable(self, visit: Visit) -> Response:
        """Enable them."""
        return await self._confirmed(visit, "enable")

    async def _confirmed(self, visit: Visit, act: str) -> Response:
        subject, by = await self._named(visit), who_of(visit).subject
        refused = await self._desk.touched(visit, subject.name)
        if refused is not None:
            return refused
        if subject.name == CA_SUBJECT and act == "disable":
            raise LifecycleError(f"{CA_SUBJECT} is this server itself", "revoke a key of its instead")
        if visit.request.method != "POST":
            return self._desk.page(visit, each=subject, act=act, own=subject.name == by, live=False)
        if act == "log-out":
            await self._watchword.sessions.end_everything(subject.name, by=by)
        else:
            await self._watchword.lifecycle.set_enabled(subject.name, act == "enable", by=by)
        return redirect(f"{_PLACE}?{words_of(id=subject.name)}")

    async def _named(self, visit: Visit) -> Subject:
        return await self._watchword.lifecycle.subject(visit.text("id"))
