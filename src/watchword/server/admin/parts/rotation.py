"""What is due, and the server's own keys: ``/admin/v1/rotation``, ``/admin/v1/keys``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rights import area_of, lacking, rights_to_touch, to_read, to_write
from watchword.lifecycle.operations.rotation import Due, Rotated
from watchword.lifecycle.operations.shown import credential_value
from watchword.lifecycle.values import duration_of
from watchword.model.credential import Credential, Kind
from watchword.server.admin.desk import AdminDesk, Missing
from watchword.server.admin.fields import Fields, read
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, reference, several, under
from watchword.server.admin.parts.credentials import ONE as CREDENTIAL
from watchword.server.admin.parts.credentials import version_of

__all__ = ["AdminRotation"]

READ: Final = to_read("credentials")
WRITE: Final = to_write("credentials")
READ_KEYS: Final = to_read("keys")
WRITE_KEYS: Final = to_write("keys")

_PLACE: Final = "/admin/v1/rotation"
_KEYS: Final = "/admin/v1/keys"
_KEY: Final = under(_KEYS, "{id}")
_OWN: Final = (Kind.SIGNING_KEY, Kind.CA)
_AT_ONCE: Final = 50
_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_COUNT: Final = {"type": "integer"}
_MOMENT: Final = nullable("integer", description="Unix seconds")
_SPAN: Final = {"type": "string", "examples": ["14d"]}


class AdminRotation:
    """Hold the operations. ``Rotation`` does what they say."""

    tag = "Rotation"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword
        self._rotation = watchword.operations.rotation

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        within: dict[str, Schema] = {"within": {**_SPAN, "description": "Also what is due within that"}}
        acted: Any = {"anew": True, "repeats": True, "needs_body": False}
        key: Any = {**acted, "body": "Overlap", "refuses": ("404", "409")}
        why: Any = {"anew": True, "repeats": True, "body": "Reason", "refuses": ("404", "409")}
        rotate, revoke = under(_KEY, "rotate"), under(_KEY, "revoke")
        return [
            Operation("GET", _PLACE, READ, "What is due", self.due, ("200", "AllDue"), query=within),
            Operation(
                *("POST", _PLACE, WRITE, "Replace what is due", self.rotate_due, ("200", "Outcomes")),
                **{**acted, "body": "RotateDue"},
            ),
            Operation(
                *("GET", under(CREDENTIAL, "retirement"), READ, "Whether it is still needed", self.retirement),
                ("200", "Retirement"),
                refuses=("404",),
            ),
            Operation("GET", _KEYS, READ_KEYS, "The server's own keys", self.keys, ("200", "Keys")),
            Operation(
                "POST", rotate, WRITE_KEYS, "Replace the one in use", self.rotate_key, ("200", "Credential"), **key
            ),
            Operation("POST", revoke, WRITE_KEYS, "Revoke one for good", self.revoke_key, ("200", "Credential"), **why),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        due = {
            "id": _TEXT,
            "kind": _TEXT,
            "subject": _TEXT,
            "at": _COUNT,
            "why": _TEXT,
            "automatic": _FLAG,
            "last_used_at": _MOMENT,
        }
        outcome: dict[str, Schema] = {"due": reference("Due"), "problem": _TEXT}
        retirement = {
            "id": _TEXT,
            "state": _TEXT,
            "successor": nullable("string"),
            "last_used_at": _MOMENT,
            "retire_at": _MOMENT,
            "safe": _FLAG,
            "says": _TEXT,
            "origins": several(reference("Origin")),
            "holding": _COUNT,
        }
        root = {"id": _TEXT, "since": _COUNT, "finished": _FLAG}
        keys = {"keys": several(reference("Credential")), "root_key": {"type": "object", "properties": root}}
        return {
            "Due": _object(due),
            "AllDue": _object({"due": several(reference("Due"))}),
            "RotateDue": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"overlap": _SPAN, "within": _SPAN, "ids": several(_TEXT)},
            },
            "Outcomes": {
                "type": "object",
                "required": ["outcomes", "left"],
                "properties": {
                    "outcomes": several(_object(outcome, issued=reference("CredentialWithSecret"))),
                    "left": {"type": "integer", "description": f"How many more are due: {_AT_ONCE} at once"},
                },
            },
            "Retirement": _object(retirement),
            "Keys": _object(keys),
        }

    # --- what is due --------------------------------------------------------------------------------------------------

    async def due(self, asked: Asked) -> Response:
        """Return what should be replaced, the longest overdue first."""
        within = asked.query("within")
        horizon = read("within", within, duration_of) if within else 0
        found = await self._desk.aside(self._rotation.due(horizon=horizon))
        return self._desk.answer({"due": [asdict(each) for each in found]})

    async def rotate_due(self, asked: Asked) -> Response:
        """Replace what is due and may be replaced by who asks; each answer has its secret, here alone."""
        fields = Fields(asked.body)
        overlap = fields.duration("overlap", "24h", zero=True) if "overlap" in fields else None
        horizon = fields.duration("within", "0s", zero=True)
        ids = set(fields.texts("ids"))
        fields.done()
        due = await self._desk.aside(self._rotation.due(horizon=horizon))
        found = [each for each in due if not ids or each.id in ids]
        outcomes = [await self._replaced(asked, each, overlap) for each in found[:_AT_ONCE]]
        return self._desk.answer({"outcomes": outcomes, "left": max(0, len(found) - _AT_ONCE)})

    async def _replaced(self, asked: Asked, due: Due, overlap: int | None) -> dict[str, Any]:
        value: dict[str, Any] = {"due": asdict(due), "problem": ""}
        record = await self._watchword.store.credential(due.id)
        if not due.automatic or record is None:
            return {**value, "problem": "a person has to do it"}
        needed = await rights_to_touch(self._watchword.store, record, self._watchword.clock)
        missing = lacking(asked.who.scopes, needed)
        if missing:
            return {**value, "problem": f"you lack {' '.join(sorted(missing))}"}
        try:
            by, version = asked.who.subject, record.version  # of the version that was judged
            rotated = await self._rotation.replace(due, overlap=overlap, by=by, version=version)
        except LifecycleError as error:
            return {**value, "problem": str(error)}
        return {**value, "issued": self._issued(rotated)}

    async def retirement(self, asked: Asked) -> Response:
        """Say whether a replaced credential is still needed: when, and from where, it was last used."""
        record = await self._watchword.store.credential(asked.part("id"))
        if record is None:
            raise Missing("there is no such credential")
        refused = self._desk.held(asked, [to_read(area_of(record.kind))])
        if refused is not None:
            return refused
        found = await self._rotation.retire_safe(record.id)
        return self._desk.answer({**asdict(found), "origins": [each._asdict() for each in found.origins]})

    # --- the server's own keys ----------------------------------------------------------------------------------------

    async def keys(self, asked: Asked) -> Response:
        """Return signing keys and authorities that still count, and which root key seals."""
        now, found = self._watchword.clock(), list[Credential]()
        for kind in _OWN:
            found += await self._watchword.lifecycle.page(kind=kind, limit=500)
        root = await self._watchword.operations.root_key.state()
        values = [self._value(each) for each in found if each.refusal(now) is None or each.not_before is not None]
        state = {"id": root.id, "since": root.since, "finished": root.finished}
        return self._desk.answer({"keys": values, "root_key": state})

    async def rotate_key(self, asked: Asked) -> Response:
        """Replace the signing key of an algorithm, or the authority, that is in use; what it vouched for holds on."""
        record, fields = await self._key(asked), Fields(asked.body)
        overlap = fields.duration("overlap", "24h", zero=True) if "overlap" in fields else None
        fields.done()
        rotated = await self._rotation.rotate(record.id, overlap=overlap, by=asked.who.subject)
        return self._desk.answer(self._value(rotated.issued.credential))

    async def revoke_key(self, asked: Asked) -> Response:
        """Revoke one: whatever it signed is void from now on, and another takes its place."""
        record, fields = await self._key(asked), Fields(asked.body)
        reason = fields.text("reason", most=500)
        fields.done()
        revoked = await self._watchword.lifecycle.revoke(record.id, reason=reason, by=asked.who.subject)
        return self._desk.answer(self._value(revoked))

    async def _key(self, asked: Asked) -> Credential:
        record = await self._watchword.store.credential(asked.part("id"))
        if record is None or record.kind not in _OWN:
            raise Missing("there is no such key")
        return record

    def _value(self, record: Credential) -> dict[str, Any]:
        return credential_value(record, self._watchword.clock()) | {"version": version_of(record)}

    def _issued(self, rotated: Rotated) -> dict[str, Any]:
        issued = rotated.issued
        return self._value(issued.credential) | {"overlap_ends_at": rotated.ends_at} | dict(issued.material)


def _object(properties: Mapping[str, Any], **more: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": {**properties, **more}}
