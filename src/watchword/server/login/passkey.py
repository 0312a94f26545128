"""Log in by a passkey alone: no name, no password, one click."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.lifecycle.people.ceremonies import Proven
from watchword.model.reason import MALFORMED_REQUEST
from watchword.model.request import Request
from watchword.model.verdict import Rejection
from watchword.server.forms import JSON, form_of, local_path, media_type
from watchword.server.login.entrance import Entrance, json_of
from watchword.server.login.mfa import passkey_of
from watchword.server.responses import json_response, problem_response

__all__ = ["PasskeyLogin"]

_BEGIN: Final = b"{}"


class PasskeyLogin:
    """Hold ``/login/passkey``: an empty JSON object asks for a challenge, the answer to it logs in."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._watchword = entrance.watchword

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/login/passkey", self.passkey, methods=["POST"])]

    async def passkey(self, http: HttpRequest) -> Response:
        """Give a challenge, or take its answer: JSON gets tokens, a form a session."""
        request, refused = await self._entrance.read(http)
        if refused is not None:
            return problem_response(refused)
        slowed = await self._entrance.attempts.slowed(request)
        if slowed is not None:
            return problem_response(self._entrance.refuse(request, slowed))
        return await (self._by_json(request) if media_type(request) == JSON else self._by_form(request))

    async def _by_json(self, request: Request) -> Response:
        if (request.body or b"").strip() == _BEGIN:
            limited = await self._entrance.attempts.asked(request)
            if limited is not None:
                return problem_response(self._entrance.refuse(request, limited))
            draft = await self._watchword.factors.passkey_challenge(None)
            return json_response(200, {"passkey": draft.handle, "publicKey": draft.options})
        body = json_of(request)
        proved = body if isinstance(body, Rejection) else await self._proved(request, passkey_of(body))
        return await self._entrance.by_json(request, proved)

    async def _by_form(self, request: Request) -> Response:
        entrance, form = self._entrance, form_of(request)
        if isinstance(form, Rejection):
            return entrance.again(entrance.refuse(request, form), request, {})
        place = local_path(form.get("next", "")) or ""
        proved = entrance.forged(request) or await self._proved(request, passkey_of(form), place)
        if isinstance(proved, Proven):
            return await entrance.by_form(request, proved)
        deny = entrance.refuse(request, proved)
        wrong = {"message": "This passkey is not known here."} if deny.rejection.reason.status == 401 else {}
        return entrance.again(deny, request, form, **wrong)

    async def _proved(
        self, request: Request, answer: tuple[str, dict[str, object]] | None, next: str = ""
    ) -> Proven | Rejection:
        if answer is None:
            return Rejection(MALFORMED_REQUEST, "passkey and response", scheme="login")
        proved = await self._watchword.ceremonies.by_passkey_alone(*answer, next=next)
        if isinstance(proved, Rejection):
            await self._entrance.attempts.guessed(request)
            return proved
        return await self._entrance.nearby(request, proved)
