"""Ask for the second factor: a page for browsers, a challenge for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.lifecycle.people.ceremonies import Pending, Proven, Stage
from watchword.model.reason import MALFORMED_REQUEST, UNKNOWN_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Deny, Rejection
from watchword.server.forms import JSON, form_of, media_type
from watchword.server.login.entrance import Entrance, json_of, response_of
from watchword.server.responses import json_response, problem_response, redirect

__all__ = ["SecondFactor", "passkey_of"]

_WRONG = "That did not fit, or was used already. Try again."


class SecondFactor:
    """Hold ``/login/mfa``: who knew the password proves a second factor, or waits for another ten minutes to pass."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._ceremonies = entrance.watchword.ceremonies

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/login/mfa", self.mfa, methods=["GET", "POST"])]

    async def mfa(self, http: HttpRequest) -> Response:
        """Show the page, or take an answer."""
        if http.method != "POST":
            request, refused = await self._entrance.looked(http)
            return problem_response(refused) if refused is not None else await self._page(request)
        request, refused = await self._entrance.read(http)
        if refused is not None:
            return problem_response(refused)
        return await (self._by_json(request) if media_type(request) == JSON else self._by_form(request))

    async def _by_json(self, request: Request) -> Response:
        """Take ``challenge`` with ``code``, or with ``passkey`` and ``response``; alone, it is asked anew."""
        body = json_of(request)
        if isinstance(body, Rejection):
            return self._refused(request, body)
        handle = body.get("challenge")
        if not isinstance(handle, str):
            return self._refused(request, Rejection(MALFORMED_REQUEST, "challenge"))
        if not {"code", "response", "password"} & body.keys():
            pending = await self._ceremonies.look(handle)
            if pending is None:
                return self._refused(request, Rejection(UNKNOWN_CREDENTIAL, "challenge"))
            return json_response(200, await self._entrance.asked(pending))
        return await self._entrance.by_json(request, await self._proved(request, handle, body))

    async def _by_form(self, request: Request) -> Response:
        entrance, form, handle = self._entrance, form_of(request), self._entrance.ceremony(request)
        if isinstance(form, Rejection):
            return await self._page(request, entrance.refuse(request, form))
        browser = entrance.visitor(request) or ""
        pending = await self._ceremonies.look(handle, browser=browser)
        if pending is None or pending.stage is not Stage.SECOND_DUE:  # a program's step-up is no way to a session
            return redirect("/login")
        proved = entrance.forged(request) or await self._proved(request, handle, form, browser)
        if isinstance(proved, Proven):
            return await entrance.by_form(request, proved)
        return await self._page(request, entrance.refuse(request, proved))

    async def _proved(
        self, request: Request, handle: str, given: Mapping[str, Any], browser: str = ""
    ) -> Proven | Rejection:
        slowed = await self._entrance.attempts.slowed(request)
        if slowed is not None:
            return slowed
        code, passkey, password = given.get("code"), passkey_of(given), given.get("password")
        if isinstance(password, str) and password:
            return await self._by_password(request, handle, password, browser)
        if isinstance(code, str) and code:
            proved = await self._ceremonies.by_code(handle, code, browser=browser)
        elif passkey is not None:
            proved = await self._ceremonies.by_passkey(handle, *passkey, browser=browser)
        else:
            return Rejection(MALFORMED_REQUEST, "code or response")
        if isinstance(proved, Rejection):
            await self._entrance.attempts.guessed(request)
            return proved
        return await self._entrance.nearby(request, proved)

    async def _by_password(self, request: Request, handle: str, password: str, browser: str) -> Proven | Rejection:
        """Take a password, where a step-up asks for it; it counts as at the login."""
        pending = await self._ceremonies.look(handle, browser=browser)
        if pending is None or "pwd" not in pending.factors:
            return Rejection(UNKNOWN_CREDENTIAL, "password")
        who = await self._entrance.attempts.prove(request, pending.subject.partition(":")[2], password)
        return who if isinstance(who, Rejection) else await self._ceremonies.by_password(handle, who, browser=browser)

    async def _page(self, request: Request, deny: Deny | None = None) -> Response:
        """Show what may be proven next; whose ceremony is over begins again."""
        entrance, handle = self._entrance, self._entrance.ceremony(request)
        pending: Pending | None = await self._ceremonies.look(handle, browser=entrance.visitor(request) or "")
        if pending is None or pending.stage is not Stage.SECOND_DUE:
            return redirect("/login")
        draft = await self._ceremonies.passkey(pending)
        values: dict[str, Any] = {
            "factors": pending.factors,
            "username": pending.subject.partition(":")[2],
            "next": "",
            "script": draft is not None,
            "passkey": "" if draft is None else draft.handle,
            "options": "" if draft is None else json.dumps(draft.options),
        }
        if deny is None:
            return entrance.page(request, "login/mfa.html", **values)
        more = {"message": _WRONG} if deny.rejection.reason.status == 401 else {}
        return entrance.again(deny, request, {}, "login/mfa.html", **{**values, **more})

    def _refused(self, request: Request, rejection: Rejection) -> Response:
        return problem_response(self._entrance.refuse(request, rejection))


def passkey_of(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the challenge's handle and a passkey's answer, where a form or a JSON object holds them."""
    handle, response = given.get("passkey"), response_of(given.get("response"))
    return (handle, response) if isinstance(handle, str) and handle and response else None
