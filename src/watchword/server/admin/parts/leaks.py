"""Found secrets under ``/admin/v1/leaks``: whose one is, and the one act that answers it."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.operations.leaks import LeakReport
from watchword.lifecycle.operations.rights import rights_to_touch, to_read, to_write
from watchword.lifecycle.operations.shown import credential_value
from watchword.model.credential import Credential, State
from watchword.server.admin.desk import AdminDesk, Missing
from watchword.server.admin.fields import Fields
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, one_of, reference, under
from watchword.server.admin.parts.credentials import version_of
from watchword.server.admin.parts.usage import pictured

__all__ = ["AdminLeaks"]

READ: Final = to_read("leaks")
WRITE: Final = to_write("leaks")

_PLACE: Final = "/admin/v1/leaks"
_TEXT: Final = {"type": "string"}
_LONGEST: Final = 16_000
_FOUND: Final = {"type": "string", "minLength": 1, "description": "The secret, a certificate or key (PEM), or an id"}


class AdminLeaks:
    """Hold the operations. ``Leaks`` does what they say."""

    tag = "Leaks"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword
        self._leaks = watchword.operations.leaks

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        found: Any = {"body": "Leaked", "refuses": ("404",)}
        acted: Any = {"body": "LeakFound", "anew": True, "repeats": True, "refuses": ("404", "409")}
        return [
            Operation("POST", under(_PLACE, "find"), READ, "Say whose it is", self.find, ("200", "LeakOwner"), **found),
            Operation("POST", _PLACE, WRITE, "Revoke it and tell", self.report, ("200", "LeakReport"), **acted),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        owner = {"kind": _TEXT, "subject": _TEXT, "state": _TEXT, "jti": nullable("string")}
        report: dict[str, Schema] = {
            "id": _TEXT,
            "kind": _TEXT,
            "subject": _TEXT,
            "before": one_of([each.value for each in State]),
            "usable": {"type": "boolean", "description": "Whether it could be used until now"},
            "note": _TEXT,
            "usage": {"anyOf": [reference("Usage"), {"type": "null"}]},
        }
        credential = {"credential": {"anyOf": [reference("Credential"), {"type": "null"}]}}
        return {
            "Leaked": {
                "type": "object",
                "additionalProperties": False,
                "required": ["credential"],
                "properties": {"credential": _FOUND},
            },
            "LeakFound": {
                "type": "object",
                "additionalProperties": False,
                "required": ["credential"],
                "properties": {
                    "credential": _FOUND,
                    "where": {"type": "string", "maxLength": 500, "description": "Where it was found"},
                    "reissue": {"type": "boolean", "description": "Make a successor"},
                },
            },
            "LeakOwner": {
                "type": "object",
                "required": [*owner, "credential"],
                "properties": {**owner, **credential},
            },
            "LeakReport": {
                "type": "object",
                "required": [*report, "credential"],
                "properties": {**report, **credential, "successor": reference("CredentialWithSecret")},
            },
        }

    async def find(self, asked: Asked) -> Response:
        """Say whose a found secret is. Nothing is changed."""
        fields = Fields(asked.body)
        text = fields.text("credential", most=_LONGEST)
        fields.done()
        (traced,) = await self._leaks.trace([text])
        if traced is None:
            raise Missing("it is nobody's")
        record, now = traced.credential, self._watchword.clock()
        kind = "access-token" if traced.jti else "root-key" if record is None else record.kind.value
        ended = 0 < traced.until <= now
        state = record.state(now) if record is not None and not traced.jti else State.EXPIRED if ended else State.ACTIVE
        return self._desk.answer(
            {
                "kind": kind,
                "subject": traced.subject or ("" if record is None else record.subject),
                "state": state.value,
                "jti": traced.jti or None,
                "credential": None if record is None else self._value(record),
            }
        )

    async def report(self, asked: Asked) -> Response:
        """Revoke as leaked, tell operators and the owner, and say what it was used for and from where.

        Who has the secret shows by that that it leaked, and needs no other right; who shows what is public, an id or a
        certificate, or wants a successor, needs the rights that revoking and rotating it asks for.
        """
        fields = Fields(asked.body)
        text, where = fields.text("credential", most=_LONGEST), fields.text("where", "", most=500)
        reissue = fields.flag("reissue")
        fields.done()
        (traced,) = await self._leaks.trace([text])
        if traced is None:
            raise Missing("it is nobody's")
        record = traced.credential
        if record is not None and (reissue or traced.named):
            refused = self._desk.held(
                asked, await rights_to_touch(self._watchword.store, record, self._watchword.clock)
            )
            if refused is not None:
                return refused
        found = await self._leaks.report(text, by=asked.who.subject, where=where, reissue=reissue)
        if found is None:
            raise Missing("it is nobody's")
        return self._desk.answer(self._reported(found))

    def _reported(self, report: LeakReport) -> dict[str, Any]:
        value: dict[str, Any] = {
            "id": report.id,
            "kind": str(report.kind),
            "subject": report.subject,
            "before": report.before.value,
            "usable": report.usable,
            "note": report.note,
            "credential": None if report.credential is None else self._value(report.credential),
            "usage": None if report.picture is None else pictured(report.picture),
        }
        if report.successor is not None:
            issued = report.successor
            value["successor"] = self._value(issued.credential) | dict(issued.material)
        return value

    def _value(self, record: Credential) -> dict[str, Any]:
        return credential_value(record, self._watchword.clock()) | {"version": version_of(record)}
