"""The page on which people let a device act for them (RFC 8628 section 3.3): typed, shown, and pressed by them."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.oauth.asking import OPENID_SCOPES
from watchword.lifecycle.oauth.authorization.consents import Wish
from watchword.lifecycle.oauth.devices import DeviceRequest, user_code_of
from watchword.lifecycle.people.user_agent import device_of
from watchword.model.credential import Credential
from watchword.model.reason import INVALID_FIELDS, UNKNOWN_CREDENTIAL, UNSUPPORTED_MEDIA
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.account.own import Own
from watchword.server.account.visit import Visit, Visits
from watchword.server.login.attempts import network_of
from watchword.server.login.entrance import read_request
from watchword.server.oauth.devices.attempts import CodeAttempts
from watchword.server.oauth.devices.endpoint import DEVICE_PAGE
from watchword.server.oauth.words import app_face, detail_rows, resource_names, scope_rows
from watchword.server.pages.language import SPOKEN
from watchword.server.responses import problem_response, redirect

__all__ = ["DevicePage"]

_SESSION: Final = "ses_"
_BOX: Final = "scope:"
_ALWAYS: Final = frozenset({"openid"})  # who says yes is known
_UNKNOWN: Final = "This code is not known, was used already, or is too old. Look at your device again."
_TYPED: Final = "A code has eight letters, such as WDJB-MJHT."


class DevicePage:
    """Hold ``/device``. A code in the URL is only filled in: a link that somebody sent decides nothing."""

    def __init__(self, watchword: Watchword, visits: Visits, own: Own) -> None:
        self._watchword = watchword
        self._oauth = watchword.oauth
        self._devices = watchword.oauth.devices
        self._visits = visits
        self._own = own
        self._attempts = CodeAttempts(watchword.meter)
        self._session = watchword.route("session")

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route(DEVICE_PAGE, self.device, methods=["GET", "POST"])]

    async def device(self, http: HttpRequest) -> Response:
        """Ask for the code, show what it is for, and take the decision."""
        visit = await self._visit(http)
        if isinstance(visit, Response):
            return visit
        code = user_code_of(visit.text("user_code"))
        if http.method != "POST":
            return self._asked(visit, code)
        decision = visit.text("decision")
        if not code:
            return self._asked(visit, visit.text("user_code")[:32], _TYPED)
        if decision in ("allow", "deny"):
            return await self._decided(visit, code)
        return await self._opened(visit, code)

    async def _visit(self, http: HttpRequest) -> Visit | Response:
        """Take a request of who is signed in here; send others to sign in, and back with their code."""
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            return problem_response(self._watchword.gate.refuse(request, unusable))
        decision = await self._watchword.gate.decide(request, self._session)
        query = dict(http.query_params)
        if isinstance(decision, Deny):
            return self._denied(request, decision, user_code_of(query.get("user_code", "")))
        who = decision.principal
        if who is None or not who.credential.startswith(_SESSION) or who.actor is not None:
            return problem_response(self._watchword.gate.refuse(request, Rejection(UNKNOWN_CREDENTIAL, "no session")))
        await self._own.speak(who)
        if http.method != "POST":
            return Visit(request, "oauth/device.html", False, query, who)
        visit = self._visits.parsed(request, "oauth/device.html", who)
        if isinstance(visit, Visit) and visit.json:
            return problem_response(self._watchword.gate.refuse(request, Rejection(UNSUPPORTED_MEDIA)))
        return visit

    def _denied(self, request: Request, deny: Deny, code: str) -> Response:
        place = f"{DEVICE_PAGE}?user_code={code}" if code else DEVICE_PAGE
        if deny.rejection.reason.status == 401:
            return redirect(f"/login?next={quote(place)}")
        return self._visits.denied(Visit(request, "refused.html", False, {}), deny, place)

    def _asked(self, visit: Visit, code: str, fault: str = "", rejection: Rejection | None = None) -> Response:
        """Show the field for the code."""
        values: dict[str, Any] = {"code": code, "linked": bool(code) and visit.request.method == "GET"}
        if not fault:
            return self._visits.page(visit, **values)
        why = rejection or Rejection(INVALID_FIELDS, "user_code")
        return self._visits.refuse(
            visit, why, faults={"user_code": fault} if why.reason is INVALID_FIELDS else {}, **values
        )

    async def _opened(self, visit: Visit, code: str) -> Response:
        """Show who asks for what, from where, to the first person who types its code."""
        who = _who(visit)
        async with self._attempts.turn(who):
            found: DeviceRequest | Rejection | None = await self._devices.opened(code, who)
            if found is None:
                found = await self._attempts.slowed(visit.request, who) or await self._devices.open(code, who)
                if isinstance(found, Rejection) and found.reason is INVALID_FIELDS:
                    await self._attempts.wrong(visit.request, who)
        if isinstance(found, Rejection):
            return self._asked(visit, code, _UNKNOWN, found)
        client = await self._oauth.clients.find(found.client)
        if client is None:
            return self._asked(visit, code, _UNKNOWN)
        return self._visits.page(visit, page="oauth/device_confirm.html", **self._shown(visit, code, found, client))

    def _shown(self, visit: Visit, code: str, asked: DeviceRequest, client: Credential) -> dict[str, Any]:
        language, rules, who = SPOKEN.get(), self._oauth.rules, _who(visit)
        return {
            "code": code,
            "app": app_face(client, ""),
            "listed": client.detail.get("first_party") is not True,
            "name": who.subject.partition(":")[2],
            "scopes": scope_rows(rules, _possible(asked, who), language),
            "resources": resource_names(rules, asked.resources),
            "details": detail_rows(rules, asked.details, language),
            "address": asked.address,
            "near": network_of(asked.address) == network_of(visit.request.peer.address),
            "device": device_of(asked.agent),  # what else it says of itself could be anything
            "age": self._watchword.clock() - asked.asked_at,
        }

    async def _decided(self, visit: Visit, code: str) -> Response:
        """Note the decision; whoever else decides, or decides again, finds nothing."""
        who = _who(visit)
        asked = await self._devices.opened(code, who)
        client = None if asked is None else await self._oauth.clients.find(asked.client)
        if asked is None or client is None:
            return self._asked(visit, code, _UNKNOWN)
        possible = _possible(asked, who)
        scopes = possible & ({each.removeprefix(_BOX) for each in visit.fields if each.startswith(_BOX)} | _ALWAYS)
        allowed = visit.text("decision") == "allow" and bool(scopes or not possible)
        if allowed:
            agreed = partial(self._agreed, who, client, asked, scopes)
            done = await self._devices.approve(code, who, scopes=scopes, agreed=agreed)
        else:
            done = await self._devices.deny(code, who)
        if isinstance(done, Rejection):
            return self._asked(visit, code, _UNKNOWN, done)
        return self._visits.page(
            visit, page="oauth/device_done.html", allowed=allowed, app=app_face(client, "")["name"]
        )

    async def _agreed(
        self, who: Principal, client: Credential, asked: DeviceRequest, scopes: frozenset[str]
    ) -> dict[str, Any]:
        """Remember what was agreed to, as the account lists it; applications of the operator's own need no consent."""
        if client.detail.get("first_party") is True:
            return {}
        client = await self._oauth.clients.keep(client, by=who.subject)
        wish, declined = Wish(scopes, asked.resources, asked.details), _possible(asked, who) - scopes
        consent = await self._oauth.consents.give(who.subject, client, wish, declined=declined, by=who.subject)
        return {"consent": consent.id}


def _possible(asked: DeviceRequest, who: Principal) -> frozenset[str]:
    """Return the scopes that were asked for and that this person can give."""
    return asked.scopes & (who.scopes | OPENID_SCOPES)


def _who(visit: Visit) -> Principal:
    assert visit.who is not None  # noqa: S101 - nobody else gets a visit here
    return visit.who
