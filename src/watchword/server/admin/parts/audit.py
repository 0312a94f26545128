"""The audit under ``/admin/v1/audit``: what happened, the newest first; whether it is whole; and all of it, to keep."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.handing_on import value_of
from watchword.lifecycle.operations.rights import to_read, to_write
from watchword.lifecycle.values import duration_of
from watchword.model.evidence import Checkpoint
from watchword.model.reason import REASONS
from watchword.model.records import Event
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.fields import Fields, read
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, one_of, reference, several, under
from watchword.server.admin.paging import PAGE_QUERY, listed, page_of
from watchword.stores.observed.backwards import backwards_of

__all__ = ["AdminAudit"]

READ: Final = to_read("audit")
WRITE: Final = to_write("audit")

_PLACE: Final = "/admin/v1/audit"
_LOOKED_AT: Final = 5_000  # events that one page costs at most
_LATE: Final = 3_600  # seconds that an event may be on its way to the log, while others overtake it
_EXPORTED: Final = 1_000
_FLAWS: Final = 100
_LARGEST: Final = 1 << 53
_LARGEST_STATEMENT: Final = 8_192  # characters
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer"}
_OUTCOMES: Final = ("accepted", "refused", "broken", "done")
_FILTERS: Final = ("credential", "subject", "action", "outcome", "reason", "reference")
_WORDS: Final = {"outcome": _OUTCOMES, "reason": tuple(REASONS)}
_LINES: Final = "application/jsonl"


class AdminAudit:
    """Hold the operations."""

    tag = "Audit"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword
        self._log = backwards_of(watchword.store)

    def operations(self) -> list[Operation]:
        """Return what can be asked."""
        query = {name: one_of(_WORDS[name]) if name in _WORDS else _TEXT for name in _FILTERS}
        query |= {"since": {"type": "string", "examples": ["1h"], "description": "How far back"}}
        after: Schema = {"type": "integer", "minimum": 0, "description": "The position of the last event that one has"}
        return [
            Operation(
                "GET", _PLACE, READ, "What happened", self.page, ("200", "Events"), query={**query, **PAGE_QUERY}
            ),
            Operation("GET", under(_PLACE, "verify"), READ, "Whether it is whole", self.verify, ("200", "Proof")),
            Operation(
                *("POST", under(_PLACE, "verify"), READ, "Whether it is what it was", self.verify, ("200", "Proof")),
                body="KeptCheckpoint",
            ),
            Operation(
                *("GET", under(_PLACE, "export"), READ, "The next thousand events", self.export, ("200", "Lines")),
                query={"after": after},
                media=_LINES,
            ),
            Operation(
                *("GET", under(_PLACE, "checkpoint"), READ, "What was signed last", self.last, ("200", "Checkpoint")),
                refuses=("409",),
            ),
            Operation(
                *("POST", under(_PLACE, "checkpoint"), WRITE, "Sign the log now", self.sign, ("200", "Checkpoint")),
                refuses=("409",),
            ),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they answer."""
        event: dict[str, Schema] = {"position": _COUNT, **dict.fromkeys(Event._fields, _TEXT), "at": {"type": "number"}}
        page = {"events": several(reference("Event")), "next": nullable("string")}
        flaw: Schema = {"type": "object", "description": "Which batch of which writer, and what is wrong with it"}
        proof = {
            "intact": {"type": "boolean"},
            "flaws": several(flaw),
            "found": _COUNT,
            "checkpoints": _COUNT,
            "checkpoints_that_hold": _COUNT,
            "signed_up_to": _COUNT,
            "signed_at": _COUNT,
            "unsigned": _COUNT,
            "begins_after": _COUNT,
        }
        checkpoint = {"number": _COUNT, "at": _COUNT, "statement": _TEXT, "key": {"type": "object"}}
        kept = {"number": {**_COUNT, "minimum": 1}, "at": _COUNT, "statement": _TEXT}
        return {
            "KeptCheckpoint": {
                "type": "object",
                "description": "As `checkpoint` answered once, and was kept elsewhere",
                "required": list(kept),
                "properties": {**kept, "key": {"type": "object"}},
            },
            "Event": {"type": "object", "required": list(event), "properties": event},
            "Events": {"type": "object", "required": list(page), "properties": page},
            "Proof": {"type": "object", "required": list(proof), "properties": proof},
            "Checkpoint": {"type": "object", "required": list(checkpoint), "properties": checkpoint},
            "Lines": {"type": "string", "description": "JSON lines: an Event each; `Link` says where to go on"},
        }

    async def page(self, asked: Asked) -> Response:
        """Return events, the newest first. A page may hold fewer than ``limit``: the end is where ``next`` is null."""
        wanted = {name: asked.query(name)[:200] for name in _FILTERS if asked.query(name)}
        for name, words in _WORDS.items():
            if wanted.get(name, words[0]) not in words:
                raise FieldError(name, f"{name}: there is no such word")
        since = asked.query("since")
        begin = self._watchword.clock() - read("since", since, duration_of) if since else 0.0
        page = page_of(asked.http, int)
        before, found, looked = (max(int(page.after[0]), 1) if page.after else 0), list[dict[str, Any]](), 0
        place: tuple[int, ...] = ()
        if before != 1:
            async for position, event in self._log.events(before):
                looked += 1
                if event.at < begin - _LATE:
                    break
                if event.at >= begin and _fits(event, wanted):
                    found.append(value_of(position, event))
                if len(found) == page.limit or looked == _LOOKED_AT:
                    place = (position,)
                    break
        value, headers = listed(asked.http, "events", found, place)
        return self._desk.answer(value, headers=headers)

    async def verify(self, asked: Asked) -> Response:
        """Prove the log by its chain and by what was signed of it, with POST also by what was kept elsewhere."""
        kept = _kept(Fields(asked.body)) if asked.request.method == "POST" else None
        proof = await self._desk.aside(self._watchword.operations.checkpoints.prove(kept))
        return self._desk.answer(
            {
                "intact": not proof.flaws,
                "flaws": [asdict(flaw) for flaw in proof.flaws[:_FLAWS]],
                "found": len(proof.flaws),
                "checkpoints": proof.checkpoints,
                "checkpoints_that_hold": proof.held,
                "signed_up_to": proof.covered,
                "signed_at": proof.covered_at,
                "unsigned": proof.unsigned,
                "begins_after": proof.begins,
            }
        )

    async def export(self, asked: Asked) -> Response:
        """Return the events after a position as JSON lines, oldest first."""
        text = asked.query("after") or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise FieldError("after", "after: the position of an event")
        found = await self._watchword.store.events(after=int(text), limit=_EXPORTED)
        lines = "".join(json.dumps(value_of(*each), separators=(",", ":")) + "\n" for each in found)
        response = Response(lines, media_type=_LINES)
        response.headers["cache-control"] = "no-store"
        if len(found) == _EXPORTED:
            response.headers["link"] = f'<{_PLACE}/export?after={found[-1][0]}>; rel="next"'
        return response

    async def last(self, asked: Asked) -> Response:
        """Return the statement that was signed last, with the key that verifies it: to be kept elsewhere."""
        return await self._checkpoint()

    async def sign(self, asked: Asked) -> Response:
        """Sign what is not signed yet, and return the newest statement."""
        await self._watchword.operations.checkpoints.sign()
        return await self._checkpoint()

    async def _checkpoint(self) -> Response:
        checkpoints = self._watchword.operations.checkpoints
        last = await checkpoints.last()
        if last is None:
            raise LifecycleError("nothing was signed yet", "POST signs now")
        return self._desk.answer({**asdict(last), "key": await checkpoints.public_key(last)})


def _kept(fields: Fields) -> Checkpoint:
    number, at = fields.any("number"), fields.any("at")
    for name, value in (("number", number), ("at", at)):
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
            raise FieldError(name, f"{name}: as `checkpoint` answered it")
    return Checkpoint(number, at, fields.text("statement", most=_LARGEST_STATEMENT))


def _fits(event: Event, wanted: dict[str, str]) -> bool:
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
