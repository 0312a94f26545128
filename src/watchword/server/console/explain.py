"""Explain the decision for a request, step by step; nothing is kept of that."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.explanation import Question, Unclear, explained
from watchword.lifecycle.errors import LifecycleError
from watchword.server.account.visit import Visit
from watchword.server.console.desk import ConsoleDesk
from watchword.server.places import front_of

__all__ = ["ExplainPage"]

_FIELDS: Final = ("method", "url", "body", "address", "certificate")
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class ExplainPage:
    """Hold ``/console/explain``. The request comes in a form, so that what proves somebody is in no log."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._front = front_of(desk.watchword)

    def routes(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [self._desk.acting("/console/explain", "configuration:read", self.explain, "explain", proof=False)]

    async def explain(self, visit: Visit) -> Response:
        """Show the form, and below it why its request would be let in or not."""
        values: dict[str, Any] = {"methods": _METHODS, "live": False}
        if visit.request.method != "POST":
            return self._desk.page(visit, result=None, **values)
        try:
            question = Question.of(_asked(visit))
        except Unclear as error:
            field = {"body_base64": "body", "string_signed": "signed"}.get(error.field, error.field)
            return self._desk.faulty(visit, LifecycleError(str(error), error.hint), field, result=None, **values)
        result = (await explained(self._desk.watchword, question, self._front)).value()
        return self._desk.page(visit, result=result, **values)


def _asked(visit: Visit) -> dict[str, Any]:
    """Return the question as JSON has it."""
    asked: dict[str, Any] = {name: visit.text(name).strip() for name in _FIELDS if visit.text(name).strip()}
    lines = [line for line in visit.text("headers").splitlines() if line.strip()]
    asked["headers"] = [[name.strip(), value.strip()] for name, _, value in (line.partition(":") for line in lines)]
    if visit.text("signed"):
        asked["string_signed"] = visit.text("signed").replace("\r\n", "\n")
    return asked
