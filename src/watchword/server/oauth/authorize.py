"""The authorization endpoint (RFC 6749 section 3.1): parse, send to the login, ask for consent, answer."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.adapters.asgi import request_of
from watchword.app import Watchword
from watchword.lifecycle.oauth.asking import Ask, Refusal, fresh_enough
from watchword.lifecycle.oauth.authorization.arrivals import Arrival
from watchword.lifecycle.oauth.authorization.pushed import PATIENCE
from watchword.lifecycle.people.accounts import LOCALES
from watchword.model.credential import Credential
from watchword.model.reason import BODY_TOO_LARGE, MALFORMED_REQUEST
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.forms import fields_with, form_with
from watchword.server.login.attempts import network_of
from watchword.server.login.entrance import read_request
from watchword.server.login.freshness import step_up_place
from watchword.server.oauth.answering import Answering
from watchword.server.oauth.consent import ConsentPages
from watchword.server.pages.language import SPOKEN
from watchword.server.pages.rendering import Pages
from watchword.server.responses import problem_response, redirect

__all__ = ["LISTS", "Authorize", "joined"]

LISTS: Final = ("resource",)
"""Parameters that may come several times (RFC 8707 section 2)."""

_PLACE: Final = "/oauth/authorize"
_LONGEST: Final = 16_384  # bytes of a request
_LONGEST_WAY: Final = 1_800  # characters of a request that goes through the login and back; pushed ones are short
_RESUMED: Final = "resumed"
_JWTS: Final = frozenset({"request", "id_token_hint"})
_LATER: Final = frozenset({429, 503})


def joined(fields: Mapping[str, str], several: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the fields with what came several times in one, spaces between: no URI has any."""
    return {**fields, **{name: " ".join(filter(None, values)) for name, values in several.items()}}


@dataclass(frozen=True, slots=True)
class _Asked:
    """Hold a request that may be answered: what came, what of it counts, when it sent the person to the login."""

    fields: Mapping[str, str]
    arrival: Arrival
    ask: Ask
    came_at: float | None

    @property
    def holds_jwt(self) -> bool:
        return not self.arrival.pushed and not _JWTS.isdisjoint(self.fields)


class Authorize:
    """Hold ``/oauth/authorize``: the code flow with PKCE."""

    def __init__(self, watchword: Watchword, pages: Pages) -> None:
        self._watchword = watchword
        self._oauth = watchword.oauth
        self._answering = Answering(watchword, pages)
        self._consent = ConsentPages(watchword, pages, self._answering)
        self._front = watchword.route("public")
        self._session = watchword.route("session")
        self._key = watchword.sealer.mac("oauth-authorize")

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [Route(_PLACE, self.authorize, methods=["GET", "POST"]), *self._consent.routes()]

    async def authorize(self, http: HttpRequest) -> Response:
        """Answer an authorization request; a posted one becomes one to get, which carries the session's cookie."""
        if http.method == "POST":
            return await self._posted(http)
        request = request_of(http.scope, self._watchword.proxies)
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return problem_response(screened)
        read = fields_with(request.query, LISTS) if len(request.query) <= _LONGEST else None
        if read is None:
            return self._malformed(request)
        fields = joined(*read)
        came_at = self._came_at(fields.pop(_RESUMED, ""), fields)
        client = await self._oauth.clients.resolve(fields.get("client_id", ""), network_of(request.peer.address))
        if isinstance(client, Rejection):
            return self._answering.page(request, replace(client, scheme="oauth-client"), "invalid_client")
        arrival = await self._oauth.arrivals.open(fields, client, came_at)
        if isinstance(arrival, Refusal):
            silent = "none" in fields.get("prompt", "").split()
            return self._answering.refused(request, arrival, by_page=False, client=client, silent=silent)
        ask = self._judge(arrival, client)
        if isinstance(ask, Refusal):
            silent = "none" in arrival.fields.get("prompt", "").split()
            return self._answering.refused(request, ask, by_page=came_at is not None, client=client, silent=silent)
        return await self._judged(request, _Asked(fields, arrival, ask, came_at))

    def _judge(self, arrival: Arrival, client: Credential) -> Ask | Refusal:
        now = self._watchword.clock()
        return self._oauth.judge.judge(arrival.fields, client, now, pushed=arrival.pushed, signed=arrival.signed)

    async def _posted(self, http: HttpRequest) -> Response:
        request, unusable = await read_request(http, self._watchword)
        form = unusable or await self._watchword.gate.screen(request, self._front) or form_with(request, LISTS)
        if isinstance(form, Deny):
            return problem_response(form)
        if isinstance(form, Rejection):
            if form.reason is BODY_TOO_LARGE:
                return problem_response(self._watchword.gate.refuse(request, form))
            return self._malformed(request)
        query = urlencode(joined(*form))
        return redirect(f"{_PLACE}?{query}") if len(query) <= _LONGEST else self._malformed(request)

    def _malformed(self, request: Request) -> Response:
        return self._answering.page(request, Rejection(MALFORMED_REQUEST, "authorization request"), "invalid_request")

    # --- the person ---------------------------------------------------------------------------------------------------

    async def _judged(self, request: Request, asked: _Asked) -> Response:
        ask, came = asked.ask, asked.came_at is not None
        if ask.id_token_hint and self._hinted(ask) is None:
            return self._refused(request, asked, "invalid_request", "id_token_hint is none of ours for this client")
        decision = await self._watchword.gate.decide(request, self._session)
        if isinstance(decision, Deny) and decision.rejection.reason.status != 401:
            error = "temporarily_unavailable" if decision.rejection.reason.status in _LATER else "access_denied"
            return self._refused(request, asked, error, "")
        who = None if isinstance(decision, Deny) else decision.principal
        if who is None or not fresh_enough(ask, who.authenticated_at, self._watchword.clock(), asked.came_at):
            if "none" in ask.prompt:
                return self._refused(request, asked, "login_required", "nobody is signed in, or not as wanted")
            return await self._to_login(request, asked)
        if not self._meant(ask, who):
            if "none" in ask.prompt and isinstance(consent := await self._consent.decided(ask, who), Refusal):
                # As if it were who is meant: whom nobody agreed to tell who they are finds out nothing by guessing.
                return self._refused(request, asked, consent.error, consent.detail)
            if came or "none" in ask.prompt:
                return self._refused(request, asked, "login_required", "another person")
            return await self._to_login(request, asked)
        if ask.strong and "mfa" not in who.factors:
            if not came and "none" not in ask.prompt:
                return await self._to_login(request, asked, ("mfa",))
            return self._refused(request, asked, "unmet_authentication_requirements", "not by two factors")
        return await self._agreed(request, asked, who)

    def _refused(self, request: Request, asked: _Asked, error: str, detail: str) -> Response:
        """Refuse at the client's."""
        ask = asked.ask
        refusal = Refusal(error, detail, ask.redirect_uri, ask.state)
        came, silent = asked.came_at is not None, "none" in ask.prompt
        return self._answering.refused(request, refusal, by_page=came, client=ask.client, silent=silent)

    def _hinted(self, ask: Ask) -> str | None:
        """Return whom ``id_token_hint`` means, None where it is no id_token of ours for this client."""
        hint = self._watchword.tokens.openid.hinted(ask.id_token_hint)
        return None if hint is None or hint.client_id != ask.client.detail["client_id"] else hint.subject

    def _meant(self, ask: Ask, who: Principal) -> bool:
        """Return whether ``id_token_hint``, and ``sub`` by value in ``claims``, mean who is logged in, or nobody."""
        name, wanted = self._watchword.tokens.openid.subjects.of(ask.client, who.subject), ask.named.subjects
        if ask.id_token_hint and self._hinted(ask) != name:
            return False
        return wanted is None or name in wanted

    async def _agreed(self, request: Request, asked: _Asked, who: Principal) -> Response:
        """Grant what the person agreed to before, or needs not to; else ask them."""
        ask, came = asked.ask, asked.came_at is not None
        consent = await self._consent.decided(ask, who)
        if isinstance(consent, Refusal):
            if "none" in ask.prompt:
                return self._refused(request, asked, consent.error, consent.detail)
            await self._speak(ask, who)
            way = self._way_back(asked)
            possible = len(way) <= _LONGEST_WAY and not asked.holds_jwt
            elsewhere = "/login?" + urlencode({"next": way}) if possible else ""
            return self._consent.shown(asked.arrival, ask, who, elsewhere)
        scopes = ask.possible(who) if consent is None else ask.possible(who) & consent.scopes
        return await self._consent.granted(request, asked.arrival, ask, who, consent, scopes, by_page=came)

    async def _speak(self, ask: Ask, who: Principal) -> None:
        """Ask in the language that the person has chosen, or that the application wants for them (``ui_locales``)."""
        owner = await self._watchword.store.subject(who.subject)
        wanted = [each.partition("-")[0].lower() for each in ask.locales]
        chosen = [owner.detail.get("locale") if owner else None, *wanted]
        found = next((each for each in chosen if each in LOCALES), None)
        if found is not None:
            SPOKEN.set(found)

    # --- to the login and back ----------------------------------------------------------------------------------------

    async def _to_login(self, request: Request, asked: _Asked, factors: tuple[str, ...] = ()) -> Response:
        """Send the person to log in, or to prove ``factors`` besides, and back here, with a mark of when they left.

        A request that holds a JWT goes as if it had been pushed: what looks like a credential is in no place to go to.
        """
        way = self._way_back(await self._parked(asked) if asked.holds_jwt else asked)
        if len(way) > _LONGEST_WAY:
            return self._refused(request, asked, "invalid_request", "too long: push it first")
        if factors:
            return redirect(step_up_place(way, factors))
        hint = {"login_hint": asked.ask.login_hint} if asked.ask.login_hint else {}
        return redirect("/login?" + urlencode({"next": way, **hint}))

    async def _parked(self, asked: _Asked) -> _Asked:
        arrival, client_id = asked.arrival, str(asked.ask.client.detail["client_id"])
        uri = await self._oauth.pushed.push(client_id, arrival.fields, signed=arrival.signed)
        fields = {"client_id": client_id, "request_uri": uri}
        return replace(asked, fields=fields, arrival=replace(arrival, request_uri=uri))

    def _way_back(self, asked: _Asked) -> str:
        fields = dict(asked.fields)
        if asked.arrival.request_uri:  # the rest is pushed and counts for nothing
            fields = {name: fields[name] for name in ("client_id", "request_uri")}
        now = str(int(self._watchword.clock()))  # sessions know whole seconds
        return f"{_PLACE}?{urlencode({**fields, _RESUMED: f'{now}-{self._mac(now, fields)}'})}"

    def _mac(self, text: str, fields: Mapping[str, str]) -> str:
        asked = urlencode(sorted(fields.items()))
        return self._key(f"{text}?{asked}".encode()).hex()[:32]

    def _came_at(self, mark: str, fields: Mapping[str, str]) -> float | None:
        """Return when this very request sent the person to the login; None where it has not, or too long ago."""
        text, _, mac = mark.partition("-")
        if not mac.isascii() or not hmac.compare_digest(mac, self._mac(text, fields)):
            return None
        came_at = float(text)
        return came_at if self._watchword.clock() - came_at < PATIENCE else None
