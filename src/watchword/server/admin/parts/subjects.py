"""People and services under ``/admin/v1/subjects``: who there is, and who may call at all."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rights import rights_of, to_read, to_write
from watchword.lifecycle.operations.shown import subject_value
from watchword.lifecycle.people.holdings import address_of
from watchword.lifecycle.values import subject_of
from watchword.model.records import Subject
from watchword.server.admin.desk import AdminDesk, Missing
from watchword.server.admin.fields import FLAGS, Fields, read
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, one_of, reference, several, under
from watchword.server.admin.paging import PAGE_QUERY, listed, page_of

__all__ = ["ONE", "SUBJECT", "AdminSubjects", "named"]

READ: Final = to_read("subjects")
WRITE: Final = to_write("subjects")

ONE: Final = "/admin/v1/subjects/{subject}"
"""The place of one subject: ``user:alice``."""

_PLACE: Final = "/admin/v1/subjects"
_KINDS: Final = ("service", "user")  # in the order of their names
_STATES: Final = ("enabled", "disabled")
_LOOKED_AT: Final = 1_000
_PAGE: Final = 200
_TEXT: Final = {"type": "string"}
_MOMENT: Final = nullable("integer", description="Unix seconds")

SUBJECT: Final[dict[str, Schema]] = {
    "subject": {"type": "string", "examples": ["user:alice", "service:billing"]},
    "state": one_of(_STATES),
    "created_at": {"type": "integer"},
    "disabled_at": _MOMENT,
    "version": _TEXT,
    "display": _TEXT,
    "email": nullable("string"),
    "rights": several(_TEXT),
}
"""The schema of each field of a subject; the last three are shown of one alone."""

_NEEDED: Final = ("subject", "state", "created_at", "disabled_at", "version")


class AdminSubjects:
    """Hold the operations. ``Lifecycle`` does what they say."""

    tag = "People and services"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        query = {"kind": one_of(_KINDS), "state": one_of(_STATES), "q": _TEXT, **PAGE_QUERY}
        acted: Any = {"versioned": True, "anew": True, "repeats": True, "refuses": ("404", "409", "412")}
        new: Any = {"body": "NewSubject", "repeats": True, "versioned": True, "refuses": ("409",)}
        events = {"events": {"type": "boolean", "description": "Their audit events, too: needs `admin:audit:read`"}}
        one, plain = ("200", "Subject"), {"refuses": ("404",)}
        gone: Any = {**acted, "repeats": False}
        return [
            Operation("GET", _PLACE, READ, "List people and services", self.listed, ("200", "Subjects"), query=query),
            Operation("POST", _PLACE, WRITE, "Add one", self.add, ("201", "Subject"), **new),
            Operation("POST", under(ONE, "disable"), WRITE, "Refuse all that they hold", self.disable, one, **acted),
            Operation("POST", under(ONE, "enable"), WRITE, "Let them call again", self.enable, one, **acted),
            Operation("POST", under(ONE, "log-out"), WRITE, "Log them out everywhere", self.log_out, one, **acted),
            Operation(
                *("GET", under(ONE, "export"), READ, "What is held about them", self.export, ("200", "Takeout")),
                **{**plain, "anew": True, "query": events},  # type: ignore[arg-type]
            ),
            Operation(
                *("GET", ONE, READ, "Show one", self.show, one),
                **(plain | {"versioned": True}),  # type: ignore[arg-type]
            ),
            Operation("DELETE", ONE, WRITE, "Delete a person for good", self.delete, ("204", ""), **gone),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        page = {"subjects": several(reference("Subject")), "next": nullable("string")}
        return {
            "Subject": {"type": "object", "required": list(_NEEDED), "properties": SUBJECT},
            "Subjects": {"type": "object", "required": list(page), "properties": page},
            "NewSubject": {
                "type": "object",
                "additionalProperties": False,
                "required": ["subject"],
                "properties": {"subject": SUBJECT["subject"]},
            },
            "Takeout": {
                "type": "object",
                "required": ["subject", "profile", "credentials"],
                "properties": {
                    "subject": SUBJECT["subject"],
                    "created_at": {"type": "integer"},
                    "disabled_at": _MOMENT,
                    "profile": {"type": "object"},
                    "credentials": several({"type": "object"}),
                    "events": several({"type": "object"}),
                },
            },
        }

    # --- looking ------------------------------------------------------------------------------------------------------

    async def listed(self, asked: Asked) -> Response:
        """Return a page by name, and the cursor of the next one."""
        given = Fields(dict(asked.http.query_params))
        kind = given.one_of("kind", _KINDS) if "kind" in given else ""
        state = given.one_of("state", _STATES) if "state" in given else ""
        page, text = page_of(asked.http, str), given.text("q", "", most=200).strip()
        after = str(page.after[0]) if page.after else ""
        found: list[Subject] = []
        left, last = _LOOKED_AT, after
        for prefix in _prefixes(kind, text):
            while left > 0 and len(found) < page.limit:
                size = min(_PAGE, left)
                rows = await self._watchword.store.subjects(prefix=prefix, after=last, limit=size)
                left -= max(len(rows), 1)
                for each in rows:
                    last = each.name
                    if not state or (each.disabled_at is None) is (state == "enabled"):
                        found.append(each)
                        if len(found) == page.limit:
                            break
                if len(rows) < size:
                    break
        more = left <= 0 or len(found) == page.limit
        values = [_value(each) for each in found]
        value, headers = listed(asked.http, "subjects", values, (last,) if more and last else ())
        return self._desk.answer(value, headers=headers)

    async def show(self, asked: Asked) -> Response:
        """Return one, with its confirmed address and its rights to administer."""
        return await self._shown(await named(asked, self._watchword))

    async def export(self, asked: Asked) -> Response:
        """Return everything that is held about one, without secrets; with ``events=true`` the audit is read for it."""
        subject, flag = await named(asked, self._watchword), asked.query("events")
        if flag not in FLAGS:
            raise FieldError("events", "events: true or false")
        refused = self._desk.held(asked, [to_read("audit")] if FLAGS[flag] else [])
        if refused is not None:
            return refused
        export = self._watchword.accounts.export(subject.name, events=FLAGS[flag])
        return self._desk.answer(await (self._desk.aside(export) if FLAGS[flag] else export))

    # --- acting -------------------------------------------------------------------------------------------------------

    async def add(self, asked: Asked) -> Response:
        """Add a person or a service, who can do nothing until something is issued to them."""
        fields = Fields(asked.body)
        name = read("subject", fields.text("subject", most=200), subject_of)
        fields.done()
        subject = await self._watchword.lifecycle.add_subject(name, by=asked.who.subject)
        return self._desk.answer(_value(subject), 201, _version(subject), f"{_PLACE}/{quote(subject.name, safe=':')}")

    async def disable(self, asked: Asked) -> Response:
        """Have every credential and token of theirs refused from now on; sessions and refresh tokens end for good."""
        return await self._switched(asked, False)

    async def enable(self, asked: Asked) -> Response:
        """Enable them again; tokens from before stay void."""
        return await self._switched(asked, True)

    async def _switched(self, asked: Asked, enabled: bool) -> Response:
        subject = await named(asked, self._watchword)
        refused = await self.refused(asked, subject)
        if refused is not None:
            return refused
        by = asked.who.subject
        return await self._shown(await self._watchword.lifecycle.set_enabled(subject.name, enabled, by=by))

    async def log_out(self, asked: Asked) -> Response:
        """End sessions and refresh tokens, and void every access token issued before now."""
        subject = await named(asked, self._watchword)
        refused = await self.refused(asked, subject)
        if refused is not None:
            return refused
        return await self._shown(await self._watchword.sessions.end_everything(subject.name, by=asked.who.subject))

    async def delete(self, asked: Asked) -> Response:
        """Delete a person: everything is revoked, what is personal forgotten, and the name stays taken."""
        subject = await named(asked, self._watchword)
        refused = await self.refused(asked, subject)
        if refused is not None:
            return refused
        if not subject.name.startswith("user:"):
            raise LifecycleError(f"{subject.name} is no person", "disable it instead")
        await self._watchword.accounts.delete(subject.name, by=asked.who.subject)
        return Response(status_code=204)

    async def refused(self, asked: Asked, subject: Subject) -> Response | None:
        """Return the refusal of who has less power than whom they would act on, or knows an older version."""
        rights = await rights_of(self._watchword.store, subject.name, self._watchword.clock)
        return self._desk.held(asked, rights) or self._desk.stale(asked, _version(subject))

    async def _shown(self, subject: Subject) -> Response:
        watchword = self._watchword
        address = await address_of(watchword.store, subject.name, watchword.clock())
        rights = await rights_of(watchword.store, subject.name, watchword.clock)
        more = {
            "display": str(subject.detail.get("display", "")),
            "email": None if address is None else str(address.detail["address"]),
            "rights": sorted(rights),
        }
        return self._desk.answer(_value(subject) | more, 200, _version(subject))


async def named(asked: Asked, watchword: Watchword) -> Subject:
    """Return the subject that the path names. Raise Missing."""
    try:
        name = subject_of(asked.part("subject"))
    except LifecycleError:
        raise Missing("there is no such subject") from None
    found = await watchword.store.subject(name)
    if found is None:
        raise Missing("there is no such subject")
    return found


def _prefixes(kind: str, text: str) -> list[str]:
    if ":" in text:
        return [text] if text.startswith(f"{kind}:") or not kind else []
    return [f"{each}:{text}" for each in ((kind,) if kind else _KINDS)]


def _version(subject: Subject) -> str:
    return f"{subject.version}"


def _value(subject: Subject) -> dict[str, Any]:
    return subject_value(subject) | {"version": _version(subject)}
