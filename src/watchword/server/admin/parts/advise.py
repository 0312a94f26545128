"""Help to choose under ``/admin/v1/advise``: the questions, and for answers all seven schemes, the best first."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from watchword.advise import QUESTIONS, Answers, NoAnswer, Place, advise
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.operations.rights import to_read
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.fields import Fields
from watchword.server.admin.operation import Asked, Operation, Schema, one_of, several

__all__ = ["AdminAdvise"]

READ: Final = to_read("configuration")

_PLACE: Final = "/admin/v1/advise"
_TEXT: Final = {"type": "string"}


class AdminAdvise:
    """Hold the operations: answers in, advice out; nothing is kept."""

    tag = "Advice"

    def __init__(self, desk: AdminDesk) -> None:
        self._desk = desk

    def operations(self) -> list[Operation]:
        """Return what can be asked."""
        given: Any = {"body": "Answers", "needs_body": False}
        return [
            Operation("GET", _PLACE, READ, "What to answer", self.questions, ("200", "Questions")),
            Operation("POST", _PLACE, READ, "Which scheme fits", self.advised, ("200", "AllAdvice"), **given),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        option = {"word": _TEXT, "text": _TEXT, "callers": several(_TEXT)}
        options = several({"type": "object", "required": list(option), "properties": option})
        question = {"name": _TEXT, "text": _TEXT, "default": _TEXT, "options": options}
        answers = {each.name: one_of([option.word for option in each.options]) for each in QUESTIONS}
        place = {"url": _TEXT, "path": _TEXT, "method": _TEXT, "scopes": several(_TEXT)}
        advice = {
            "scheme": _TEXT,
            "title": _TEXT,
            "score": {"type": "integer"},
            "verdict": _TEXT,
            "reasons": several({"type": "object"}),
            "trade_offs": {"type": "object"},
            "layers": several({}),
            "route_block": _TEXT,
            "steps": several(_TEXT),
            "snippet": {"type": "object"},
        }
        ranked = several({"type": "object", "required": list(advice), "properties": advice})
        asked = several({"type": "object", "required": list(question), "properties": question})
        return {
            "Questions": {"type": "object", "required": ["questions"], "properties": {"questions": asked}},
            "Answers": {"type": "object", "additionalProperties": False, "properties": {**answers, **place}},
            "AllAdvice": {
                "type": "object",
                "required": ["answers", "advice"],
                "properties": {"answers": {"type": "object"}, "advice": ranked},
            },
        }

    async def questions(self, asked: Asked) -> Response:
        """Return the questions with their options."""
        found = [
            {
                "name": each.name,
                "text": each.text,
                "default": each.default,
                "options": [
                    {"word": option.word, "text": option.text, "callers": list(option.callers)}
                    for option in each.options
                ],
            }
            for each in QUESTIONS
        ]
        return self._desk.answer({"questions": found})

    async def advised(self, asked: Asked) -> Response:
        """Rank all seven by reasons; ``url``, ``path``, ``method`` and ``scopes`` are what blocks are written for."""
        fields, known = Fields(asked.body), Place()
        place = {
            "url": fields.text("url", known.url),
            "path": fields.text("path", known.path),
            "method": fields.text("method", known.method),
            "scopes": tuple(fields.texts("scopes", known.scopes)),
        }
        try:
            answers = Answers.of(fields.left())
            found = advise(answers, Place(**place))  # type: ignore[arg-type]
        except NoAnswer as error:
            raise FieldError(error.question, str(error), error.hint) from None
        return self._desk.answer({"answers": answers.value(), "advice": [each.value() for each in found]})
