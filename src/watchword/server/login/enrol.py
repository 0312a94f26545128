"""Let who must have a second factor and has none set one up, before there is a session."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.codec.otp import totp_svg
from watchword.lifecycle.people.ceremonies import Pending
from watchword.lifecycle.people.totp import TotpDraft
from watchword.model.reason import UNKNOWN_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Deny, Rejection
from watchword.server.forms import FORM, form_of
from watchword.server.login.entrance import Entrance
from watchword.server.responses import problem_response, redirect

__all__ = ["Enrolment"]

_NAME: Final = "Authenticator app"
_WRONG: Final = "That code did not fit. Try the next one."


class Enrolment:
    """Hold ``/login/enrol``: scan, type a code, keep the recovery codes: two screens, and the person is in."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._factors = entrance.watchword.factors
        self._ceremonies = entrance.watchword.ceremonies

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("/login/enrol", self.enrol, methods=["GET", "POST"])]

    async def enrol(self, http: HttpRequest) -> Response:
        """Show the picture to scan, or take a code from the app that scanned it."""
        if http.method != "POST":
            request, refused = await self._entrance.looked(http)
        else:
            request, refused = await self._entrance.read(http, (FORM,))
        if refused is not None:
            return problem_response(refused)
        browser = self._entrance.visitor(request) or ""
        pending = await self._ceremonies.enrolling(self._entrance.ceremony(request), browser=browser)
        if pending is None:
            return redirect("/login")
        if http.method != "POST":
            crowded = await self._entrance.attempts.asked(request, pending.login)
            if crowded is not None:
                return problem_response(self._entrance.refuse(request, crowded))
            return self._page(request, pending, await self._factors.begin_totp(pending.subject))
        return await self._taken(request, pending, browser)

    async def _taken(self, request: Request, pending: Pending, browser: str) -> Response:
        entrance, form, subject = self._entrance, form_of(request), pending.subject
        fields = {} if isinstance(form, Rejection) else form
        handle, refused = fields.get("draft", ""), form if isinstance(form, Rejection) else entrance.forged(request)
        if refused is None:
            finish, code = self._ceremonies.by_enrolment, fields.get("code", "")
            proved = await finish(pending.handle, handle, code, name=_NAME, browser=browser)
            if not isinstance(proved, Rejection):
                return await self._let_in(request, await entrance.by_form(request, proved), subject)
            refused = proved
        deny = entrance.refuse(request, refused)
        if await self._ceremonies.enrolling(pending.handle, browser=browser) is None:
            return redirect("/login")
        draft = await self._factors.drafted_totp(subject, handle)
        again = draft if draft is not None else await self._factors.begin_totp(subject)
        return self._page(request, pending, again, deny)

    async def _let_in(self, request: Request, response: Response, subject: str) -> Response:
        """Show the recovery codes, once, to who is in by now."""
        codes = await self._factors.new_recovery_codes(subject, by=subject)
        kept = [field for field in response.raw_headers if field[0] == b"set-cookie"]
        return self._entrance.shown("login/enrolled.html", kept, codes=codes, next=response.headers["location"])

    def _page(self, request: Request, pending: Pending, draft: TotpDraft, deny: Deny | None = None) -> Response:
        values: dict[str, Any] = {
            "username": pending.subject.partition(":")[2],
            "draft": draft.handle,
            "secret": draft.secret,
            "picture": totp_svg(draft.uri),
            "next": "",
        }
        if deny is None:
            return self._entrance.page(request, "login/enrol.html", **values)
        more = {"message": _WRONG} if deny.rejection.reason.status == UNKNOWN_CREDENTIAL.status else {}
        return self._entrance.again(deny, request, {}, "login/enrol.html", **{**values, **more})
