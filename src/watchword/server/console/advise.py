"""Help to choose a scheme: a few questions, and all seven ranked for the answers."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.advise import QUESTIONS, Answers, NoAnswer, Place, advise
from watchword.lifecycle.errors import LifecycleError
from watchword.server.account.visit import Visit
from watchword.server.console.desk import ConsoleDesk

__all__ = ["AdvisePage"]

_PLACES: Final = ("path", "method", "scopes")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class AdvisePage:
    """Hold ``/console/advise``. The answers stand in the address: they can be kept, and sent to somebody."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk

    def routes(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [self._desk.shown("/console/advise", "configuration:read", self.advise, "advise")]

    async def advise(self, visit: Visit) -> Response:
        """Show the questions, and below them what is advised once they were answered."""
        given = {each.name: visit.text(each.name) for each in QUESTIONS if visit.text(each.name)}
        values: dict[str, Any] = {"questions": QUESTIONS, "methods": _METHODS, "given": given, "live": False}
        values["chosen"] = {each.name: given.get(each.name, each.default) for each in QUESTIONS}
        if not given:
            return self._desk.page(visit, advices=None, **values)
        try:
            advices = [each.value() for each in advise(Answers(**given), self._place(visit))]
        except NoAnswer as error:
            field = "scopes" if error.question == "scope" else error.question
            return self._desk.faulty(visit, LifecycleError(str(error), error.hint), field, advices=None, **values)
        return self._desk.page(visit, advices=advices, **values)

    def _place(self, visit: Visit) -> Place:
        place = Place(url=self._desk.watchword.issuer)
        path, method = visit.text("path").strip() or place.path, visit.text("method") or place.method
        scopes = tuple(visit.text("scopes").split()) if "scopes" in visit.fields else place.scopes
        return Place(place.url, path, method, scopes)
