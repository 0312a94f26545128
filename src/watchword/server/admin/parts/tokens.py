"""Access tokens under ``/admin/v1/tokens/revoke``: one, those of a subject, those of a client."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.clients.book import ClientBook
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rights import rights_of, to_write
from watchword.lifecycle.values import subject_of
from watchword.lifecycle.verbs import REMEMBERED
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.fields import Fields, read
from watchword.server.admin.operation import Asked, Operation, Schema, nullable

__all__ = ["AdminTokens"]

WRITE: Final = to_write("credentials")

_TEXT: Final = {"type": "string"}
_WHICH: Final = ("token", "subject", "client_id")


class AdminTokens:
    """Hold the operation. ``Lifecycle`` does what it says."""

    tag = "Tokens"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword
        self._book = ClientBook(watchword.store, watchword.lifecycle, told=watchword.watch.hurry, clock=watchword.clock)

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        more: Any = {"body": "WhichTokens", "anew": True, "repeats": True, "refuses": ("404", "409")}
        place, title = "/admin/v1/tokens/revoke", "Void access tokens"
        return [Operation("POST", place, WRITE, title, self.revoke, ("200", "VoidTokens"), **more)]

    def schemas(self) -> dict[str, Schema]:
        """Return what it takes and answers."""
        which = {
            "reason": {"type": "string", "minLength": 1, "maxLength": 500},
            "token": {"type": "string", "description": "An access token, or its jti"},
            "subject": {"type": "string", "description": "All that were given before now"},
            "client_id": {"type": "string", "description": "All that this client was given before now"},
        }
        void = {"jti": nullable("string"), "subject": nullable("string"), "client_id": nullable("string")}
        return {
            "WhichTokens": {
                "type": "object",
                "additionalProperties": False,
                "required": ["reason"],
                "properties": which,
                "oneOf": [{"required": [name]} for name in _WHICH],
            },
            "VoidTokens": {"type": "object", "required": list(void), "properties": void},
        }

    async def revoke(self, asked: Asked) -> Response:
        """Void one token, or all that a subject or a client was given before now; what they hold besides stays."""
        fields = Fields(asked.body)
        reason = fields.text("reason", most=500)
        given = {name: fields.text(name, most=16_000) for name in _WHICH if name in fields}
        fields.done()
        if len(given) != 1:
            raise FieldError("token", "say one thing", f"one of {', '.join(_WHICH)}")
        ((which, text),) = given.items()
        lifecycle, by = self._watchword.lifecycle, asked.who.subject
        jti, subject, client, until = "", "", "", int(self._watchword.clock()) + REMEMBERED
        if which == "token":
            jti, until, subject = self._token(text, until)
            scopes = await self._rights(subject) if subject else frozenset()
        elif which == "subject":
            subject = read("subject", text, subject_of)
            scopes = await self._rights(subject)
        else:
            found = await self._book.find(text)
            client, scopes = found.id, found.newest.scopes
        refused = self._desk.held(asked, scopes)
        if refused is not None:
            return refused
        if jti:
            await lifecycle.revoke_token(jti, until=until, subject=subject, reason=reason, by=by)
        elif client:
            await lifecycle.revoke_client_tokens(client, reason=reason, by=by)
        else:
            await lifecycle.revoke_tokens(subject, reason=reason, by=by)
        return self._desk.answer({"jti": jti or None, "subject": subject or None, "client_id": client or None})

    async def _rights(self, subject: str) -> frozenset[str]:
        return await rights_of(self._watchword.store, subject, self._watchword.clock)

    def _token(self, text: str, until: int) -> tuple[str, int, str]:
        """Return the token's jti, its end and whose it is. Raise LifecycleError."""
        if text.startswith("jti_") and text.isascii() and len(text) <= 100:
            return text, until, ""
        claims = self._watchword.keys.claims_of(text.encode("ascii", "replace")) if text.startswith("eyJ") else None
        if claims is None:
            raise LifecycleError("that is no access token of ours, or its key is gone", "nothing accepts it")
        return str(claims["jti"]), int(claims["exp"]), str(claims["sub"])
