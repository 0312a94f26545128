"""List people and services, and add one."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import subject_of
from watchword.server.account.visit import Visit
from watchword.server.console.credentials import words_of
from watchword.server.console.desk import ConsoleDesk, who_of
from watchword.server.console.issue import Misread, read
from watchword.server.responses import redirect

__all__ = ["SubjectPages"]

_PLACE: Final = "/console/subjects"
_PAGE: Final = 50
_LONGEST: Final = 256
_KINDS: Final = ("user", "service")


class SubjectPages:
    """Hold ``/console/subjects`` and ``/console/subjects/add``."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._store = desk.watchword.store
        self._lifecycle = desk.watchword.lifecycle

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            self._desk.shown(_PLACE, "subjects:read", self.listed, "subjects"),
            self._desk.acting("/console/subjects/add", "subjects:write", self.add, "subject_add", proof=False),
        ]

    async def listed(self, visit: Visit) -> Response:
        """Show a page: ``kind`` and ``q``, the beginning of a name, narrow it; ``after`` goes on."""
        kind = visit.text("kind") if visit.text("kind") in _KINDS else ""
        text = visit.text("q").strip()[:_LONGEST]
        prefix = text if ":" in text else f"{kind or 'user'}:{text}" if kind or text else ""
        found = await self._store.subjects(prefix=prefix, after=visit.text("after"), limit=_PAGE + 1)
        rows = [_row(each) for each in found[:_PAGE]]
        after = found[_PAGE - 1].name if len(found) > _PAGE else ""
        return self._desk.page(visit, rows=rows, kind=kind, q=text, next=after, kinds=_KINDS)

    async def add(self, visit: Visit) -> Response:
        """Add a person or a service."""
        if visit.request.method != "POST":
            return self._desk.page(visit, live=False)
        kind = visit.text("kind") if visit.text("kind") in _KINDS else "user"
        try:
            name = read("name", f"{kind}:{visit.text('name').strip()}", subject_of)
            made = await self._lifecycle.add_subject(name, by=who_of(visit).subject)
        except Misread as error:
            return self._desk.faulty(visit, error, error.field, live=False)
        except LifecycleError as error:
            return self._desk.faulty(visit, error, "name", live=False)
        return redirect(f"/console/subject?{words_of(id=made.name)}")


def _row(subject: Any) -> dict[str, Any]:
    return {
        "name": subject.name,
        "created_at": subject.created_at,
        "disabled_at": subject.disabled_at,
        "display": str(subject.detail.get("display") or ""),
        "deleted": bool(subject.detail.get("deleted_at")),
    }
