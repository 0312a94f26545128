"""Show the audit, the newest first, and whether its chain is whole."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.model.records import Event
from watchword.server.account.visit import Visit
from watchword.server.console.credentials import words_of
from watchword.server.console.desk import ConsoleDesk
from watchword.stores.observed.backwards import backwards_of

__all__ = ["AuditPages"]

_PLACE: Final = "/console/audit"
_PAGE: Final = 50
_LOOKED_AT: Final = 5000  # events of one page's search: what is rare is searched further page by page
_FLAWS: Final = 100
_FILTERS: Final = ("credential", "subject", "action", "outcome", "reason", "reference")
_OUTCOMES: Final = ("accepted", "refused", "broken", "done")


class AuditPages:
    """Hold ``/console/audit`` and ``/console/audit/verify``."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._watchword = desk.watchword
        self._log = backwards_of(desk.watchword.store)

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            self._desk.shown(_PLACE, "audit:read", self.listed, "audit"),
            self._desk.acting("/console/audit/verify", "audit:read", self.verify, "audit_verify", proof=False),
        ]

    async def listed(self, visit: Visit) -> Response:
        """Show a page; each field of ``_FILTERS`` narrows it, ``before`` goes on."""
        wanted = {name: visit.text(name).strip()[:200] for name in _FILTERS if visit.text(name).strip()}
        rows, before, looked = await self._found(wanted, _position(visit.text("before")), _PAGE)
        more = words_of(**wanted, before=str(before)) if before else ""
        signed = await self._watchword.operations.checkpoints.last()
        return self._desk.page(
            visit,
            signed=signed,
            rows=rows,
            next=more,
            looked=looked,
            outcomes=_OUTCOMES,
            wanted={**dict.fromkeys(_FILTERS, ""), **wanted},
        )

    async def verify(self, visit: Visit) -> Response:
        """Walk the chains, hold them to what was signed, and say what is wrong with them."""
        if visit.request.method != "POST":
            return self._desk.page(visit, flaws=None, live=False)
        proof = await self._desk.aside(self._watchword.operations.checkpoints.prove())
        flaws = [str(each) for each in proof.flaws[:_FLAWS]]
        return self._desk.page(visit, flaws=flaws, count=len(proof.flaws), proof=proof, live=False)

    async def of(self, *, limit: int, **wanted: str) -> tuple[list[dict[str, Any]], bool]:
        """Return what happened last to a credential or a subject, and whether the whole log was looked through."""
        rows, before, _ = await self._found(wanted, 0, limit)
        return rows, before == 0

    async def _found(self, wanted: dict[str, str], before: int, limit: int) -> tuple[list[dict[str, Any]], int, int]:
        """Return rows, the position to go on before (0 at the end), and how many events were looked at."""
        rows: list[dict[str, Any]] = []
        looked = 0
        async for position, event in self._log.events(before):
            looked += 1
            if _fits(event, wanted):
                rows.append(_row(event))
            if len(rows) == limit or looked == _LOOKED_AT:
                return rows, position, looked
        return rows, 0, looked


def _row(event: Event) -> dict[str, Any]:
    return event._asdict() | {"credentials": [each for each in event.credential.split("+") if each]}


def _fits(event: Event, wanted: dict[str, str]) -> bool:
    """Return whether it is one of them: where two proofs came together, of both; of a subject also what they did."""
    for name, value in wanted.items():
        if name == "credential":
            fits = value in (event.credential, *event.credential.split("+"))
        elif name == "subject":
            fits = value in (event.subject, event.actor)
        else:
            fits = getattr(event, name) == value
        if not fits:
            return False
    return True


def _position(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
