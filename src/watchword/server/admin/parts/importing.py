"""Take people over under ``/admin/v1/subjects/import``, with the password hashes that another system made."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.codec.passwords import dummy, work
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rights import to_read, to_write
from watchword.lifecycle.people.hash_work import left_over
from watchword.lifecycle.people.importing import FIELDS, Importing, Newcomer, State, newcomer_of
from watchword.lifecycle.values import scopes_of
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.fields import Fields, read
from watchword.server.admin.operation import Asked, Operation, Schema, one_of, several
from watchword.server.login.entrance import MAX_FORM
from watchword.stores.rows import storable

__all__ = ["AdminImport"]

READ: Final = to_read("subjects")
WRITE: Final = to_write("subjects")

_PLACE: Final = "/admin/v1/subjects/import"
_IMPORTED: Final = "/admin/v1/subjects/imported"
_AT_ONCE: Final = 100
_STATES: Final = ("added", "there", "refused")
_STATE_OF: Final = {State.ADDED: "added", State.THERE: "there", State.REFUSED: "refused"}
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer"}


class AdminImport:
    """Hold the operations. ``Importing`` does what they say."""

    tag = "Import of people"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword
        self._importing = Importing(watchword.store, told=watchword.watch.hurry, clock=watchword.clock)

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        acted: Any = {"body": "Newcomers", "anew": True, "repeats": True, "most": MAX_FORM, "refuses": ("409",)}
        return [
            Operation("POST", _PLACE, WRITE, "Take people over", self.take_over, ("200", "Imported"), **acted),
            Operation("GET", _IMPORTED, READ, "Whose hashes are left", self.left, ("200", "LeftOver")),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        person = {"type": "object", "additionalProperties": False, "properties": dict.fromkeys(FIELDS, _TEXT)}
        given = {
            "people": {**several({**person, "required": list(FIELDS[:2])}), "minItems": 1, "maxItems": _AT_ONCE},
            "scopes": several(_TEXT),
            "dry_run": {"type": "boolean", "description": "Say what would become of whom, and change nothing"},
        }
        outcome: dict[str, Schema] = {"username": _TEXT, "state": one_of(_STATES), "why": _TEXT}
        outcomes = several({"type": "object", "required": list(outcome), "properties": outcome})
        counts = dict.fromkeys(_STATES, _COUNT)
        hashes = several({"type": "object", "properties": {"hash": _TEXT, "passwords": _COUNT}})
        return {
            "Newcomers": {
                "type": "object",
                "additionalProperties": False,
                "required": ["people"],
                "properties": given,
            },
            "Imported": {
                "type": "object",
                "required": [*counts, "outcomes"],
                "properties": {**counts, "outcomes": outcomes},
            },
            "LeftOver": {"type": "object", "required": ["left"], "properties": {"left": hashes}},
        }

    async def take_over(self, asked: Asked) -> Response:
        """Add up to a hundred people; who is there already stays as they are, so it can be repeated."""
        fields = Fields(asked.body)
        rows, dry = fields.any("people"), fields.flag("dry_run")
        scopes = read("scopes", fields.texts("scopes"), scopes_of)
        fields.done()
        fits = isinstance(rows, list) and 0 < len(rows) <= _AT_ONCE
        if not fits or not all(isinstance(each, dict) for each in rows):
            raise FieldError("people", f"people: a list of 1 to {_AT_ONCE}", f"each with {' and '.join(FIELDS[:2])}")
        refused = self._desk.held(asked, scopes)
        if refused is not None:
            return refused
        outcomes = [_outcome(each, "refused", "") for each in rows]
        fit: dict[int, Newcomer] = {}
        for number, each in enumerate(rows):
            try:
                fit[number] = newcomer_of(each)
            except LifecycleError as error:
                outcomes[number]["why"] = str(error)
        added = await self._importing.add(list(fit.values()), by=asked.who.subject, scopes=scopes, dry=dry)
        for number, found in zip(fit, added, strict=True):
            outcomes[number] = _outcome(rows[number], _STATE_OF[found.state], found.why)
        counts = {state: sum(each["state"] == state for each in outcomes) for state in _STATES}
        return self._desk.answer({**counts, "outcomes": outcomes})

    async def left(self, asked: Asked) -> Response:
        """Count the passwords that are still hashed as another system, or an older setting, did it."""
        watchword = self._watchword
        today = work(dummy(watchword.passwords.cost)).kind
        found = await self._desk.aside(left_over(watchword.store, today, watchword.clock(), forget=False))
        left = [{"hash": name, "passwords": count} for name, count in found.items()]
        return self._desk.answer({"left": left})


def _outcome(row: dict[str, Any], state: str, why: str) -> dict[str, Any]:
    name = row.get("username")
    return {"username": name[:200] if isinstance(name, str) and storable(name) else "", "state": state, "why": why}
