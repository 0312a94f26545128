"""List credentials of all kinds, and find one by how its id, its owner or its name begins."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.codec.shapes import hits
from watchword.codec.x509 import ChainVerifier
from watchword.lifecycle.operations.rights import area_of, to_read
from watchword.lifecycle.operations.shown import credential_value
from watchword.model.credential import Credential, Kind, State
from watchword.server.account.visit import Visit
from watchword.server.admin.parts.searching import Place, Searching, Wanted
from watchword.server.console.desk import ConsoleDesk
from watchword.server.responses import redirect

__all__ = ["CREDENTIALS", "CredentialPages", "end_of", "seen", "words_of"]

CREDENTIALS: Final = "/console/credentials"

_FIND: Final = "/console/find"
_SESSIONS: Final = "/console/sessions"
_PAGE: Final = 50
_SECRET: Final = re.compile(r"(?<![0-9A-Za-z])(?:ak|hs|rt|cs|ws|at|rat)_[0-9A-Za-z]|eyJ|-----BEGIN ")
_LONGEST: Final = 200
_TRACED: Final = 5  # secrets of one text that are looked up
_MORE: Final = (
    "profile",
    "test",
    "hint",
    "serial",
    "authority",
    "kid",
    "algorithm",
    "agent",
    "address",
    "provider",
    "issuer",
)

E = TypeVar("E", Kind, State)


class CredentialPages:
    """Hold ``/console/credentials``, ``/console/sessions``, and ``/console/find``, which takes what is typed above."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._store = desk.watchword.store
        self._clock = desk.watchword.clock
        self._leaks = desk.watchword.operations.leaks
        self._searching = Searching(desk.watchword)

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        desk = self._desk
        return [
            desk.shown(CREDENTIALS, "credentials:read", self.listed, "credentials"),
            desk.shown(_SESSIONS, "subjects:read", self.sessions, "sessions"),
            desk.acting(_FIND, "credentials:read", self.found, "credentials", proof=False),
        ]

    async def listed(self, visit: Visit) -> Response:
        """Show a page: ``kind``, ``state``, ``subject`` and ``q`` narrow it, ``after`` goes on."""
        kinds, kind = self._desk.sees(visit), _named(list(Kind), visit.text("kind"))
        if kind is not None and kind not in kinds:
            return self._desk.lacking(visit, [to_read(area_of(kind))])
        wanted = Wanted(
            kind,
            visit.text("subject").strip()[:_LONGEST] or None,
            _named(list(State), visit.text("state")),
            visit.text("q").strip()[:_LONGEST],
            kinds,
        )
        choices = {"kinds": [each.value for each in Kind if each in kinds], "states": [each.value for each in State]}
        return await self._page(visit, wanted, **choices)

    async def sessions(self, visit: Visit) -> Response:
        """Show the sessions of browsers, or the logins of programs (``kind`` is "refresh")."""
        kind = Kind.REFRESH if visit.text("kind") == "refresh" else Kind.SESSION
        return await self._page(visit, Wanted(kind, visit.text("subject").strip()[:_LONGEST] or None, State.ACTIVE))

    async def _page(self, visit: Visit, wanted: Wanted, **values: Any) -> Response:
        found, after = await self._searching.page(wanted, after=_place(visit.text("after")), limit=_PAGE)
        now = self._clock()
        narrowing: dict[str, Any] = {
            "q": wanted.text,
            "kind": wanted.kind.value if wanted.kind else "",
            "state": wanted.state.value if wanted.state else "",
            "subject": wanted.subject or "",
        }
        onward = "" if after is None else words_of(**narrowing, after="|".join(map(str, after)))
        return self._desk.page(
            visit,
            rows=[seen(each, now) for each in found],
            narrowed=any(narrowing.values()),
            next=onward,
            **narrowing,
            **values,
        )

    async def found(self, visit: Visit) -> Response:
        """Go to what was typed: it came in a form, so that a secret in it is in no log and no history."""
        text = visit.text("q").strip()
        if visit.request.method != "POST" or not text:
            return redirect(CREDENTIALS)
        inside = [hit.text for hit in hits(text.encode("utf-8", "replace"))]  # with what it was copied with
        traced = next(filter(None, await self._leaks.trace([text, *inside][:_TRACED])), None)
        if traced is not None and traced.credential is not None:
            return redirect(f"/console/credential?{words_of(id=traced.credential.id)}")
        if traced is not None:
            return self._desk.page(visit, page="nobodys", secret=True, root_key=traced.root_key)
        if not (inside or _SECRET.search(text)) and len(text) <= _LONGEST:
            if await self._store.subject(text) is not None and self._desk.may(visit, "subjects:read"):
                return redirect(f"/console/subject?{words_of(id=text)}")
            begun, _ = await self._searching.page(Wanted(text=text, kinds=self._desk.sees(visit)), limit=1)
            if begun:  # so that it is the beginning of what is public, and may stand in an address
                return redirect(f"{CREDENTIALS}?{words_of(q=text)}")
        return self._desk.page(visit, 404, page="nobodys", secret=bool(inside or _SECRET.search(text)), root_key=False)


def seen(record: Credential, now: float) -> dict[str, Any]:
    """Return what a page shows of a credential; times are Unix seconds."""
    value, end = credential_value(record, now), end_of(record)
    return {
        **value,
        "name": str(record.detail.get("name") or record.detail.get("client_name") or ""),
        "ends_at": None if end is None else int(end),
        "client": str(record.detail.get("client") or ""),
        "address": str(record.detail.get("address") or ""),
        "more": {name: value[name] for name in _MORE if value.get(name)},
    }


def end_of(record: Credential) -> float | None:
    """Return when it ends by itself (Unix seconds), None for never: of an authority its certificate says so."""
    end, certificate = record.ends_at(), record.detail.get("certificate")
    if record.kind is not Kind.CA or not certificate:
        return end
    ends = [each.not_valid_after_utc.timestamp() for each in ChainVerifier(str(certificate).encode()).authorities]
    return min(ends if end is None else [*ends, end])


def words_of(**values: str) -> str:
    """Return a query string of what is not empty."""
    return urlencode({name: value for name, value in values.items() if value})


def _place(text: str) -> Place:
    """Return where a page begins, as the page before wrote it; the beginning for anything else."""
    number, _, rest = text.partition("|")
    word, _, id = rest.rpartition("|")
    return (int(number), word, id) if number in ("0", "1", "2", "3") and id else (0, "", "")


def _named(names: list[E], text: str) -> E | None:
    return next((each for each in names if each.value == text), None)
