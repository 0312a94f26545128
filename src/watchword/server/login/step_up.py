"""Prove more, or prove it anew: a page for a session, a challenge for a token (RFC 9470)."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.guards.step_up import STEP_UP
from watchword.lifecycle.people.ceremonies import PROVABLE, Pending, Proven
from watchword.model.reason import INSUFFICIENT_AUTHENTICATION, MALFORMED_REQUEST, MFA_REQUIRED, UNKNOWN_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.forms import JSON, form_of, local_path, media_type
from watchword.server.login.entrance import Entrance, json_of
from watchword.server.login.mfa import passkey_of
from watchword.server.responses import problem_response, redirect

__all__ = ["StepUpLogin"]

_WORD: Final = re.compile(r"[a-z]{1,16}")
_WRONG: Final = "That did not fit, or was used already. Try again."
_MISSING: Final = "You have not set up what is asked for. Do so in your account, then come back."


class StepUpLogin:
    """Hold ``/login/step-up``, for who is logged in.

    A session is replaced by a new one, with another id (CVE-2022-25896). A program sends the access token that was too
    weak, answers the challenge at ``/login/mfa`` and gets another access token of the same family, whose refresh token
    it keeps: that, too, gives stronger tokens from then on.
    """

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._watchword = entrance.watchword
        self._session = entrance.watchword.route("session")
        self._token = entrance.watchword.route("jwt")

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route(STEP_UP, self.step_up, methods=["GET", "POST"])]

    async def step_up(self, http: HttpRequest) -> Response:
        """Show the page, take its form, or give a program its challenge."""
        if http.method != "POST":
            request, refused = await self._entrance.looked(http)
            if refused is not None:
                return problem_response(refused)
            return await self._shown(request, http.query_params.get("next", ""), http.query_params.get("factors", ""))
        request, refused = await self._entrance.read(http)
        if refused is not None:
            return problem_response(refused)
        return await (self._challenged(request) if media_type(request) == JSON else self._posted(request))

    # --- programs -----------------------------------------------------------------------------------------------------

    async def _challenged(self, request: Request) -> Response:
        """Take ``{"factors": ["otp"]}``, or ``{}`` for anything fresh, by who sent an access token."""
        empty = (request.body or b"").strip() == b"{}"
        body: dict[str, Any] | Rejection = {} if empty else json_of(request)
        wanted = body if isinstance(body, Rejection) else _wanted(body.get("factors", []))
        if isinstance(wanted, Rejection):
            return problem_response(self._entrance.refuse(request, wanted))
        who = await self._who(request, self._token, "fam_")
        if isinstance(who, Deny):
            return problem_response(who)
        crowded = await self._entrance.attempts.asked(request, who.credential)
        if crowded is not None:
            return problem_response(self._entrance.refuse(request, crowded))
        pending = await self._watchword.ceremonies.step_up(who, wanted)
        if pending is None:
            missing = Rejection(INSUFFICIENT_AUTHENTICATION, "nothing of it is enrolled", credential=who.credential)
            return problem_response(self._entrance.refuse(request, missing))
        deny = self._entrance.refuse(request, Rejection(MFA_REQUIRED, "step-up", credential=who.credential))
        return problem_response(deny, (), await self._entrance.asked(pending))

    # --- browsers -----------------------------------------------------------------------------------------------------

    async def _shown(self, request: Request, next: str, factors: str) -> Response:
        who = await self._who(request, self._session, "ses_")
        if isinstance(who, Deny):
            return _anew(next) if who.rejection.reason.status == 401 else problem_response(who)
        wanted = _wanted(factors.split())
        return await self._page(request, who, () if isinstance(wanted, Rejection) else wanted, local_path(next) or "/")

    async def _posted(self, request: Request) -> Response:
        form = form_of(request)
        fields = {} if isinstance(form, Rejection) else form
        who = await self._who(request, self._session, "ses_")
        if isinstance(who, Deny):
            status = who.rejection.reason.status
            return _anew(fields.get("next", "")) if status == 401 else problem_response(who)
        proved = form if isinstance(form, Rejection) else await self._proved(request, who, form)
        if isinstance(proved, Proven):
            return await self._raised(request, proved)
        wanted = _wanted(fields.get("factors", "").split())
        place = local_path(fields.get("next", "")) or "/"
        deny = self._entrance.refuse(request, proved)
        return await self._page(request, who, () if isinstance(wanted, Rejection) else wanted, place, deny)

    async def _proved(self, request: Request, who: Principal, form: dict[str, str]) -> Proven | Rejection:
        """Judge what the form proves; wrong answers count like those at the login."""
        attempts, ceremonies = self._entrance.attempts, self._watchword.ceremonies
        handle, browser, passkey = form.get("challenge", ""), who.credential, passkey_of(form)
        if form.get("password"):
            by = await attempts.prove(request, who.subject.partition(":")[2], form["password"])
            return by if isinstance(by, Rejection) else await ceremonies.by_password(handle, by, browser=browser)
        slowed = await attempts.slowed(request)
        if slowed is not None:
            return slowed
        if form.get("code"):
            proved = await ceremonies.by_code(handle, form["code"], browser=browser)
        elif passkey is not None:
            proved = await ceremonies.by_passkey(handle, *passkey, browser=browser)
        else:
            return Rejection(MALFORMED_REQUEST, "nothing proves anything", scheme="login")
        if isinstance(proved, Rejection):
            await attempts.guessed(request)
        return proved

    async def _raised(self, request: Request, proven: Proven) -> Response:
        """Put the new session in the place of the old one."""
        entrance, watchword = self._entrance, self._watchword
        issued = await watchword.logins.raised_session(proven, entrance.visit(request))
        if isinstance(issued, Rejection):
            entrance.refuse(request, issued)
            return redirect("/login")
        watchword.audit.note(watchword.clock(), request, proven.who)
        return redirect(local_path(proven.next) or "/", entrance.session_cookies(request, issued))

    async def _page(
        self, request: Request, who: Principal, wanted: tuple[str, ...], next: str, deny: Deny | None = None
    ) -> Response:
        """Show what may be proven; each showing begins a ceremony of its own, which ends with this session."""
        crowded = await self._entrance.attempts.asked(request, who.credential)
        if crowded is not None:
            return problem_response(self._entrance.refuse(request, crowded))
        pending: Pending | None
        pending = await self._watchword.ceremonies.step_up(who, wanted, browser=who.credential, next=next)
        draft = None if pending is None else await self._watchword.ceremonies.passkey(pending)
        providers = await self._linked(who) if not wanted or "fed" in wanted else ()
        values: dict[str, Any] = {
            "providers": providers,
            "challenge": "" if pending is None else pending.handle,
            "factors": () if pending is None else pending.factors,
            "wanted": " ".join(wanted),
            "username": who.subject.partition(":")[2],
            "next": next,
            "message": _MISSING if pending is None and not providers else None,
            "script": draft is not None,
            "passkey": "" if draft is None else draft.handle,
            "options": "" if draft is None else json.dumps(draft.options),
            "csrf_token": self._watchword.csrf.token_for(who.credential),
        }
        if deny is None:
            return self._entrance.page(request, "login/step_up.html", **values)
        more = {"message": _WRONG} if deny.rejection.reason.status == 401 else {}
        return self._entrance.again(deny, request, {}, "login/step_up.html", **{**values, **more})

    async def _linked(self, who: Principal) -> tuple[tuple[str, str], ...]:
        """Return the providers that vouch for who is logged in: they can do so anew."""
        if not self._entrance.providers:
            return ()
        linked = {each.detail["provider"] for each in await self._watchword.identities.listed(who.subject)}
        return tuple(each for each in self._entrance.providers if each[0] in linked)

    async def _who(self, request: Request, route: Any, prefix: str) -> Principal | Deny:
        """Return who is logged in by us."""
        decision = await self._watchword.gate.decide(request, route)
        if isinstance(decision, Deny):
            return decision
        who = decision.principal
        if who is None or not who.credential.startswith(prefix) or who.actor is not None:
            return self._entrance.refuse(request, Rejection(UNKNOWN_CREDENTIAL, "no login of ours"))
        return who


def _anew(place: str) -> Response:
    """Lead who is logged in no more to the login, and from there to where they wanted to be."""
    return redirect("/login?" + urlencode({"next": place}) if local_path(place) else "/login")


def _wanted(named: object) -> tuple[str, ...] | Rejection:
    """Return the factors that are asked for by name; names that are none of ours are refused."""
    words = named.split() if isinstance(named, str) else named
    if not isinstance(words, list) or not all(isinstance(word, str) and _WORD.fullmatch(word) for word in words):
        return Rejection(MALFORMED_REQUEST, "factors")
    if not PROVABLE.issuperset(words):
        return Rejection(MALFORMED_REQUEST, "factors")
    return tuple(dict.fromkeys(words))
