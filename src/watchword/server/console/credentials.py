"""List credentials of all kinds, and find one: by the start of its id or its owner's name."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.codec.secrets import digest
from watchword.model.credential import Credential, Kind, State
from watchword.server.account.visit import Visit
from watchword.server.console.desk import ConsoleDesk
from watchword.server.responses import redirect

__all__ = ["CREDENTIALS", "MACHINE_KINDS", "CredentialPages", "seen", "words_of"]

CREDENTIALS: Final = "/console/credentials"
MACHINE_KINDS: Final = (Kind.API_KEY, Kind.HMAC, Kind.CLIENT_CERT, Kind.OAUTH_CLIENT, Kind.PASSWORD)
"""What operators issue, in the order of the menus."""

_FIND: Final = "/console/find"
_SESSIONS: Final = "/console/sessions"
_PAGE: Final = 50
_LOOKED_AT: Final = 1000  # rows of one page's search: what is rare is searched further page by page
_SECRETS: Final = ("ak_", "hs_", "rt_", "cs_", "ws_", "at_", "eyJ")
_LONGEST: Final = 256
_SHOWN: Final = (
    "name", "client_name", "hint", "profile", "test", "serial", "authority", "algorithm", "agent", "address",
    "provider", "login", "client",
)  # fmt: skip


class CredentialPages:
    """Hold ``/console/credentials``, ``/console/sessions``, and ``/console/find``, which takes what is typed above."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        self._store = desk.watchword.store
        self._clock = desk.watchword.clock

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        desk = self._desk
        return [
            desk.shown(CREDENTIALS, "credentials:read", self.listed, "credentials"),
            desk.shown(_SESSIONS, "credentials:read", self.sessions, "sessions"),
            desk.acting(_FIND, "credentials:read", self.found, "credentials", proof=False),
        ]

    async def listed(self, visit: Visit) -> Response:
        """Show a page: ``kind``, ``state``, ``subject`` and ``q`` narrow it, ``after`` goes on."""
        kind, state = _named(Kind, visit.text("kind")), _named(State, visit.text("state"))
        text, subject = visit.text("q").strip()[:_LONGEST], visit.text("subject").strip()[:_LONGEST]
        rows, after = await self._page(kind, state, subject, text, visit.text("after"))
        whose = await self._owners(text) if text and not rows else []
        return self._desk.page(
            visit,
            rows=rows,
            whose=whose,
            kinds=[each.value for each in Kind],
            states=[each.value for each in State],
            kind=kind.value if kind else "",
            state=state.value if state else "",
            subject=subject,
            q=text,
            next=after,
            narrowed=bool(kind or state or text or subject),
        )

    async def sessions(self, visit: Visit) -> Response:
        """Show the sessions of browsers, or the logins of programs (``kind`` is "refresh")."""
        kind = Kind.REFRESH if visit.text("kind") == "refresh" else Kind.SESSION
        rows, after = await self._page(kind, State.ACTIVE, visit.text("subject").strip(), "", visit.text("after"))
        return self._desk.page(visit, rows=rows, kind=kind.value, subject=visit.text("subject"), next=after)

    async def found(self, visit: Visit) -> Response:
        """Go to what was typed: it came in a form, so that a secret in it is in no log and no history."""
        text = visit.text("q").strip()[:_LONGEST]
        if visit.request.method != "POST":
            return redirect(CREDENTIALS)
        if text.startswith(_SECRETS):
            record = await self._store.credential_by(digest(text))
            if record is not None:
                return redirect(f"/console/credential?{words_of(id=record.id)}")
            return self._desk.page(visit, 404, page="nobodys", hint=f"{text[:8]}…")
        if await self._store.credential(text) is not None:
            return redirect(f"/console/credential?{words_of(id=text)}")
        if await self._store.subject(text) is not None and self._desk.may(visit, "subjects:read"):
            return redirect(f"/console/subject?{words_of(id=text)}")
        return redirect(f"{CREDENTIALS}?{words_of(q=text)}" if text else CREDENTIALS)

    async def _page(
        self, kind: Kind | None, state: State | None, subject: str, text: str, after: str
    ) -> tuple[list[dict[str, Any]], str]:
        """Return rows, and the id to go on after, "" at the end: at most so many are looked at for one page."""
        now, looked = self._clock(), 0
        found: list[dict[str, Any]] = []
        after = max(after, _before(text)) if text else after
        while looked < _LOOKED_AT:
            page = await self._store.credentials(kind=kind, subject=subject or None, after=after, limit=_PAGE * 2)
            for each in page:
                if text and not each.id.startswith(text):
                    return found, ""
                looked, after = looked + 1, each.id
                if state is None or each.state(now) is state:
                    found.append(seen(each, now))
                if len(found) == _PAGE:
                    return found, after
            if len(page) < _PAGE * 2:
                return found, ""
        return found, after

    async def _owners(self, text: str) -> list[str]:
        """Return subjects whose name begins so."""
        prefixes = [text] if ":" in text else [f"user:{text}", f"service:{text}"]
        return [each.name for prefix in prefixes for each in await self._store.subjects(prefix=prefix, limit=20)]


def seen(record: Credential, now: float) -> dict[str, Any]:
    """Return what a page may show of a credential; times are Unix seconds."""
    detail = {name: record.detail[name] for name in _SHOWN if record.detail.get(name)}
    return {
        "id": record.id,
        "kind": record.kind.value,
        "subject": record.subject,
        "state": record.state(now).value,
        "scopes": sorted(record.scopes),
        "networks": list(record.networks),
        "limit": None if record.limit is None else str(record.limit),
        "name": str(record.detail.get("name") or record.detail.get("client_name") or ""),
        "created_at": record.created_at,
        "not_before": record.not_before,
        "expires_at": record.expires_at,
        "retire_at": record.retire_at,
        "ends_at": None if (end := record.ends_at()) is None else int(end),
        "last_used_at": record.last_used_at,
        "replaces": record.replaces,
        "replaced_by": record.replaced_by,
        "revoked_at": record.revoked_at,
        "revoked_by": record.revoked_by,
        "revoke_reason": record.revoke_reason,
        "detail": detail,
    }


def words_of(**values: str) -> str:
    """Return a query string of what is not empty."""
    return urlencode({name: value for name, value in values.items() if value})


def _before(text: str) -> str:
    """Return what sorts right before the ids that begin with a text."""
    return text[:-1] + chr(ord(text[-1]) - 1) + "\U0010fffe" if ord(text[-1]) else text


def _named(names: Any, text: str) -> Any:
    return next((each for each in names if each.value == text), None)
