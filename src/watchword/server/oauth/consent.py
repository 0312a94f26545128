"""Ask people whether an application may act for them, and take their answer.

What was shown is what is granted: the form carries the whole request, sealed, for this session and one answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.codec.secrets import SealingError, digest
from watchword.codec.strict import from_base64url, to_base64url
from watchword.lifecycle.oauth.asking import Ask, Refusal
from watchword.lifecycle.oauth.authorization.arrivals import Arrival
from watchword.lifecycle.oauth.authorization.consents import Wish, assured, covers
from watchword.lifecycle.oauth.authorization.pushed import PATIENCE
from watchword.model.credential import Credential
from watchword.model.reason import MALFORMED_REQUEST, REFUSED_GRANT, REPLAYED
from watchword.model.request import Request
from watchword.model.verdict import Deny, Headers, Principal, Rejection
from watchword.server.forms import form_of
from watchword.server.login.attempts import network_of
from watchword.server.login.entrance import read_request
from watchword.server.oauth.answering import Answering
from watchword.server.oauth.words import app_face, detail_rows, resource_names, scope_rows
from watchword.server.pages.language import SPOKEN
from watchword.server.pages.rendering import Pages

__all__ = ["ConsentPages"]

_PLACE: Final = "/oauth/consent"
_BOX: Final = "scope:"
_SCHEME: Final = "oauth-client"
_UNFRAMED: Final[Headers] = ((b"x-frame-options", b"DENY"),)  # for browsers that do not know frame-ancestors


@dataclass(frozen=True, slots=True)
class _Shown:
    """Hold what a form was shown for."""

    arrival: Arrival
    scopes: frozenset[str]
    at: float
    once: bytes


class ConsentPages:
    """Hold ``/oauth/consent``."""

    def __init__(self, watchword: Watchword, pages: Pages, answering: Answering) -> None:
        self._watchword = watchword
        self._oauth = watchword.oauth
        self._pages = pages
        self._answering = answering
        self._session = watchword.route("session")

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route(_PLACE, self.consent, methods=["POST"])]

    async def decided(self, ask: Ask, who: Principal) -> Credential | Refusal | None:
        """Return the consent that the request needs and has; a Refusal where it has none, None where it needs none.

        A person is asked again where more is wanted, where the client wants that, and where nobody can tell whether
        this is the application that they once agreed to (RFC 8252 section 8.6).
        """
        client = ask.client
        if client.detail.get("first_party") is True and "consent" not in ask.prompt:
            return None
        consent = await self._oauth.consents.of(who.subject, str(client.detail["client_id"]))
        wish = Wish(ask.possible(who), ask.resources, ask.details)
        if consent is None or "consent" in ask.prompt or not assured(client, ask.redirect_uri):
            return Refusal("consent_required", "nobody was asked yet", ask.redirect_uri, ask.state)
        if not covers(consent, wish):
            return Refusal("consent_required", "more is wanted", ask.redirect_uri, ask.state)
        return consent

    # --- asking -------------------------------------------------------------------------------------------------------

    def shown(self, arrival: Arrival, ask: Ask, who: Principal, elsewhere: str) -> Response:
        """Show the page; ``elsewhere`` is where somebody else logs in for the same request, "" for nowhere."""
        language, rules = SPOKEN.get(), self._oauth.rules
        scopes = ask.possible(who)
        values = {
            "app": app_face(ask.client, ask.redirect_uri),
            "scopes": scope_rows(rules, scopes, language),
            "resources": resource_names(rules, ask.resources),
            "details": detail_rows(rules, ask.details, language),
            "username": who.subject.partition(":")[2],
            "elsewhere": elsewhere,
            "request": self._sealed(arrival, scopes, who),
            "csrf_token": self._watchword.csrf.token_for(who.credential),
        }
        return self._pages.page("oauth/consent.html", 200, _UNFRAMED, **values)

    def _sealed(self, arrival: Arrival, scopes: frozenset[str], who: Principal) -> str:
        value = {
            "fields": dict(arrival.fields),
            "request_uri": arrival.request_uri,
            "signed": arrival.signed,
            "scopes": sorted(scopes),
            "at": self._watchword.clock(),
        }
        sealed = self._watchword.sealer.seal(json.dumps(value).encode(), _context(who))
        return to_base64url(sealed).decode()

    def _opened(self, text: str, who: Principal) -> _Shown | None:
        """Return what was shown to this very session, None for what was not, or too long ago."""
        try:
            sealed = from_base64url(text.encode())  # strictly: what has two spellings could be answered twice
            value = json.loads(self._watchword.sealer.open(sealed, _context(who)))
        except (SealingError, ValueError):
            return None
        if self._watchword.clock() - value["at"] >= PATIENCE:
            return None
        arrival = Arrival(value["fields"], value["request_uri"], value["signed"])
        return _Shown(arrival, frozenset(value["scopes"]), value["at"], digest(sealed))

    # --- being answered -----------------------------------------------------------------------------------------------

    async def consent(self, http: HttpRequest) -> Response:
        """Take the form: ``request`` (sealed), ``decision`` ("allow" or else no), and a box for each scope."""
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            return self._answering.page(request, unusable, "stale", unusable.reason.status)
        decision = await self._watchword.gate.decide(request, self._session)
        if isinstance(decision, Deny) or decision.principal is None:
            status = decision.rejection.reason.status if isinstance(decision, Deny) else 400
            return self._answering.page(request, Rejection(REFUSED_GRANT, "consent", scheme=_SCHEME), "stale", status)
        form, who = form_of(request), decision.principal
        shown = None if isinstance(form, Rejection) else self._opened(form.get("request", ""), who)
        if isinstance(form, Rejection) or shown is None:
            return self._answering.page(request, Rejection(MALFORMED_REQUEST, "consent", scheme=_SCHEME), "stale")
        if not await self._first(shown):
            return self._answering.page(request, Rejection(REPLAYED, "consent", scheme=_SCHEME), "stale", 400)
        arrival = shown.arrival
        place = network_of(request.peer.address)
        client = await self._oauth.clients.find(arrival.fields.get("client_id", ""), place)
        now = self._watchword.clock()
        ask = self._oauth.judge.judge(arrival.fields, client, now, pushed=arrival.pushed, signed=arrival.signed)
        if isinstance(ask, Refusal):
            return self._answering.refused(request, ask, by_page=True, client=client)
        return await self._answered(request, form, shown, ask, who)

    async def _first(self, shown: _Shown) -> bool:
        """Return whether nobody has answered this form yet."""
        claimed = self._watchword.store.claim(digest(b"oauth-consent:" + shown.once), shown.at + PATIENCE)
        return await claimed if isawaitable(claimed) else claimed

    async def _answered(
        self, request: Request, form: Mapping[str, str], shown: _Shown, ask: Ask, who: Principal
    ) -> Response:
        ticked = {name.removeprefix(_BOX) for name in form if name.startswith(_BOX)}
        scopes = shown.scopes & (ticked | {"openid"})
        if form.get("decision") != "allow" or (shown.scopes and not scopes):
            if shown.arrival.request_uri:
                await self._oauth.pushed.take(shown.arrival.request_uri)
            refusal = Refusal("access_denied", "the person said no", ask.redirect_uri, ask.state)
            return self._answering.refused(request, refusal, by_page=True, client=ask.client)
        wish = Wish(scopes, ask.resources, ask.details)
        declined = shown.scopes - scopes
        client = await self._oauth.clients.keep(
            ask.client, by=who.subject
        )  # an operator can look at it, and disable it
        consent = await self._oauth.consents.give(who.subject, client, wish, declined=declined, by=who.subject)
        return await self.granted(request, shown.arrival, ask, who, consent, scopes, by_page=True)

    async def granted(
        self,
        request: Request,
        arrival: Arrival,
        ask: Ask,
        who: Principal,
        consent: Credential | None,
        scopes: frozenset[str],
        *,
        by_page: bool,
    ) -> Response:
        """Give the client its code; a pushed request is spent by that."""
        if arrival.request_uri and not await self._oauth.pushed.take(arrival.request_uri):
            spent = Refusal("invalid_request_uri", "used already")
            return self._answering.refused(request, spent, by_page=by_page, client=ask.client)
        code = await self._oauth.codes.grant(ask, who, scopes=scopes, consent=consent)
        return self._answering.onward(ask.redirect_uri, {"code": code}, ask.state, by_page=by_page)


def _context(who: Principal) -> str:
    return f"oauth-consent:{who.credential}:{who.subject}"
