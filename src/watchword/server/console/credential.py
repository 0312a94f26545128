"""Show one credential, whatever its kind: its bounds, its history, its use; rotate it, revoke it, call it leaked."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.lifecycle.clients.book import ClientBook
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rights import area_of, rights_to_touch, to_read
from watchword.lifecycle.values import duration_of
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Credential, Kind, State
from watchword.server.account.visit import Visit
from watchword.server.console.audit import AuditPages
from watchword.server.console.credentials import seen, words_of
from watchword.server.console.desk import ConsoleDesk, who_of
from watchword.server.console.issue import MACHINE_KINDS, proof_of, read, shown_once
from watchword.server.console.overview import SPANS, VERDICTS, span_of
from watchword.server.pages.charts import chart_of
from watchword.server.responses import redirect

__all__ = ["CredentialPage"]

_PLACE: Final = "/console/credential"
_DEFAULT_OVERLAP: Final = "24h"
_ROTATED: Final = (*MACHINE_KINDS, Kind.SIGNING_KEY, Kind.CA)
_HISTORY: Final = 20  # predecessors and successors that are followed each way
_EVENTS: Final = 15


class CredentialPage:
    """Hold ``/console/credential`` and the acts under it; ``id`` names the credential."""

    def __init__(self, desk: ConsoleDesk, audit: AuditPages) -> None:
        self._desk = desk
        self._watchword = desk.watchword
        self._lifecycle = desk.watchword.lifecycle
        self._audit = audit
        watchword = desk.watchword
        self._book = ClientBook(watchword.store, watchword.lifecycle, told=watchword.watch.hurry, clock=watchword.clock)

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        desk = self._desk  # which scope it takes depends on the kind
        return [
            desk.shown(_PLACE, "", self.show, "credential"),
            desk.acting("/console/credential/rotate", "", self.rotate, "act"),
            desk.acting("/console/credential/revoke", "", self.revoke, "act"),
            desk.acting("/console/credential/leaked", "leaks:write", self.leaked, "act"),
        ]

    # --- what it is ---------------------------------------------------------------------------------------------------

    async def show(self, visit: Visit) -> Response:
        """Show it; ``span`` is how long its chart looks back."""
        watchword, record = self._watchword, await self._lifecycle.show(visit.text("id"))
        now, may = watchword.clock(), self._desk.may
        if not may(visit, f"{area_of(record.kind)}:read"):
            return self._desk.lacking(visit, [to_read(area_of(record.kind))])
        span = visit.text("span") if visit.text("span") in SPANS else "7d"
        values: dict[str, Any] = {"each": seen(record, now), "span": span, "spans": SPANS}
        values["history"] = [seen(each, now) for each in await self._history(record)]
        values["acts"] = self._acts(visit, record)
        if record.state(now) is State.RETIRING:
            values["retirement"] = await watchword.operations.rotation.retire_safe(record.id)
        if may(visit, "usage:read"):
            values["chart_of_use"], values["origins"] = await self._usage(record.id, span)
        if may(visit, "audit:read"):
            values["events"], values["events_whole"] = await self._audit.of(credential=record.id, limit=_EVENTS)
        return self._desk.page(visit, **values)

    async def _usage(self, id: str, span: str) -> tuple[Any, Any]:
        usage, (since, until, grain) = self._watchword.operations.usage, span_of(span, self._watchword.clock())
        found = await usage.traffic(grain=grain, since=since, until=until, credential=id)
        counts = [(each.start, each.verdict, each.decisions) for each in found]
        chart = chart_of(counts, since=since, until=until, grain=grain, order=VERDICTS)
        return chart, await usage.origins(id, limit=20)

    async def _history(self, record: Credential) -> list[Credential]:
        """Return what it replaced and what replaced it, the oldest first."""
        line = [record]
        for _ in range(_HISTORY):
            before = await self._watchword.store.credential(line[0].replaces) if line[0].replaces else None
            line = line if before is None else [before, *line]
        for _ in range(_HISTORY):
            after = await self._watchword.store.credential(line[-1].replaced_by) if line[-1].replaced_by else None
            line = line if after is None else [*line, after]
        return line if len(line) > 1 else []

    def _acts(self, visit: Visit, record: Credential) -> list[str]:
        """Return what may be done with it now, by whom who looks."""
        acts, may = [], self._desk.may
        now = self._watchword.clock()
        if may(visit, f"{area_of(record.kind)}:write"):
            if record.kind in _ROTATED and record.state(now) is State.ACTIVE:
                acts.append("rotate")
            if record.revoked_at is None:
                acts.append("revoke")
            if may(visit, "leaks:write") and not record.leaked:
                acts.append("leaked")
        return acts

    # --- what is done with it -----------------------------------------------------------------------------------------

    async def rotate(self, visit: Visit) -> Response:
        """Issue a successor: both are valid for ``overlap`` more."""
        record = await self._lifecycle.show(visit.text("id"))
        if record.kind is Kind.OAUTH_CLIENT:  # whichever of its secrets is named: the newest is replaced, and judged
            record = (await self._book.find(_client_of(record))).newest
        return await self._unfit(visit, record) or await self._rotate(visit, record)

    async def _rotate(self, visit: Visit, record: Credential) -> Response:
        values: dict[str, Any] = {
            "act": "rotate",
            "each": seen(record, self._watchword.clock()),
            "overlap": "" if record.kind is Kind.CA else _DEFAULT_OVERLAP,
        }
        if visit.request.method != "POST":
            return self._desk.page(visit, **values, live=False)
        try:
            text = visit.text("overlap").strip()
            overlap = None if not text else 0 if text in ("0", "0s") else read("overlap", text, duration_of)
        except LifecycleError as error:
            return self._desk.faulty(visit, error, "overlap", **values, live=False)
        issued = await self._successor(record, overlap, who_of(visit).subject)  # of the version that was judged
        return shown_once(self._desk, visit, issued.credential, issued.material)

    async def _successor(self, record: Credential, overlap: int | None, by: str) -> Issued:
        rotation = self._watchword.operations.rotation
        if record.kind is Kind.OAUTH_CLIENT:
            seconds, version = rotation.rules.overlap if overlap is None else overlap, f"{record.id}.{record.version}"
            return await self._book.rotate(_client_of(record), overlap=seconds, by=by, version=version)
        return (await rotation.rotate(record.id, overlap=overlap, by=by, version=record.version)).issued

    async def revoke(self, visit: Visit) -> Response:
        """End it now and for good; ``reason`` is kept in the audit."""
        record = await self._lifecycle.show(visit.text("id"))
        refused = await self._unfit(visit, record)
        if refused is not None:
            return refused
        values: dict[str, Any] = {"act": "revoke", "each": seen(record, self._watchword.clock()), "live": False}
        if visit.request.method != "POST":
            return self._desk.page(visit, **values)
        reason, by = " ".join(visit.text("reason").split()), who_of(visit).subject
        if not reason:
            return self._desk.faulty(visit, LifecycleError("say why: it is kept in the audit"), "reason", **values)
        if record.detail.get("client_id") == record.id:  # it is the client's name, whichever secrets followed
            await self._book.remove(record.id, reason=reason, by=by)
        else:
            await self._lifecycle.revoke(record.id, reason=reason, by=by)
        return redirect(f"{_PLACE}?{words_of(id=record.id)}")

    async def leaked(self, visit: Visit) -> Response:
        """Revoke it because somebody found it where it should not be (``where``)."""
        record = await self._lifecycle.show(visit.text("id"))
        refused = await self._unfit(visit, record)
        if refused is not None:
            return refused
        values: dict[str, Any] = {"act": "leaked", "each": seen(record, self._watchword.clock()), "live": False}
        if visit.request.method != "POST":
            return self._desk.page(visit, **values)
        where, again = " ".join(visit.text("where").split()), bool(visit.text("reissue"))
        by, leaks = who_of(visit).subject, self._watchword.operations.leaks
        report = await leaks.report(record.id, by=by, where=where, reissue=again)
        if report is None:  # it is gone meanwhile
            return redirect("/console/credentials")
        successor = report.successor
        proof = () if successor is None else proof_of(successor.material)
        new = None if successor is None else successor.credential.id
        return self._desk.page(
            visit, page="leaked", each=values["each"], report=report, proof=proof, new=new, live=False
        )

    async def _unfit(self, visit: Visit, record: Credential) -> Response | None:
        """Refuse who may not act on this one."""
        watchword = self._watchword
        return self._desk.given(visit, await rights_to_touch(watchword.store, record, watchword.clock))


def _client_of(record: Credential) -> str:
    """Return the client that a secret is one of."""
    return str(record.detail.get("client_id", record.id))
