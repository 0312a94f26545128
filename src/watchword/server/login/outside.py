"""Log in with an outside identity, and link one: parse, bind to the browser, render. What is proved is judged below."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from watchword.adapters.asgi import request_of
from watchword.app import Watchword
from watchword.codec.secrets import digest, new_id
from watchword.lifecycle.outside.identities import Outsider
from watchword.lifecycle.outside.relying import BEGUN, Arrived, RelyingParty
from watchword.model.ports import Fetch, Unavailable
from watchword.model.reason import BROKEN, MALFORMED_REQUEST, NOT_FOUND, UNKNOWN_CREDENTIAL
from watchword.model.request import Request
from watchword.model.verdict import Deny, Principal, Rejection
from watchword.server.config.settings import Settings
from watchword.server.forms import form_of, local_path
from watchword.server.login.entrance import Entrance, read_request
from watchword.server.login.entry import Login
from watchword.server.login.freshness import fresh, step_up_place
from watchword.server.pages.rendering import Pages
from watchword.server.responses import cookie, problem_response, redirect, refusal
from watchword.server.visitor import outside_browser

__all__ = ["Outside"]

_PLACE: Final = "/login/outside"
_CALLBACK: Final = "/login/outside/{provider}/callback"
_LIST: Final = "/account/identities"
_SCHEME: Final = "login"
_FIELDS: Final = ("provider", "issuer", "subject", "label", "name", "display")


class Outside:
    """Hold the way to providers and back, and a person's list of identities.

    The browser is known by a cookie of its own, whose value is part of what finds the state: what began in one browser
    ends in no other one.
    """

    def __init__(
        self,
        entrance: Entrance,
        login: Login,
        settings: Settings,
        pages: Pages,
        fetch: Fetch | None = None,
    ) -> None:
        watchword = entrance.watchword
        self._watchword = watchword
        self._login = login
        self._attempts = entrance.attempts
        self._pages = pages
        self._front = watchword.route("public")
        self._session = watchword.route("session")
        self._parties = _parties(watchword, settings, fetch)
        entrance.providers = self.providers()

    def providers(self) -> tuple[tuple[str, str], ...]:
        """Return name and label of each provider, in their order."""
        return tuple((name, party.provider.label) for name, party in self._parties.items())

    @property
    def parties(self) -> Mapping[str, RelyingParty]:
        """Return the providers by name."""
        return self._parties

    def routes(self) -> list[Route]:
        """Return the endpoints; none where there is no provider."""
        if not self._parties:
            return []
        return [
            Route(_PLACE, self.pending, methods=["GET", "POST"]),
            Route("/login/outside/{provider}", self.begin, methods=["GET", "POST"]),
            Route(_CALLBACK, self.callback, methods=["GET"]),
            Route(_LIST, self.identities, methods=["GET", "POST"]),
        ]

    # --- there and back -----------------------------------------------------------------------------------------------

    async def begin(self, http: HttpRequest) -> Response:
        """Send the browser to the provider: GET to log in, POST by who is signed in to link an identity."""
        party = self._parties.get(http.path_params["provider"])
        if party is None:
            return problem_response(refusal(NOT_FOUND))
        request, unusable = await read_request(http, self._watchword)
        screened = unusable or await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            deny = screened if isinstance(screened, Deny) else self._watchword.gate.refuse(request, screened)
            return problem_response(deny)
        crowded = await self._attempts.asked(request)
        if crowded is not None:
            return self._refused(request, crowded, "Too many attempts. Wait a moment, then try again.")
        anew = http.query_params.get("fresh") == "1"  # who steps up has a session at the provider, most likely
        intention = {"next": local_path(http.query_params.get("next", "")) or ""}
        if request.method == "POST":
            who = await self._fresh(request, _LIST)
            if isinstance(who, Response):
                return who
            intention = {"link": who.subject, "session": who.credential}
        browser = outside_browser(request) or new_id("ses_outside")
        try:
            place = await party.begin(browser, intention, anew=anew)
        except Unavailable as error:
            return self._broken(request, party, error)
        kept = [cookie("outside", browser, tls=request.peer.tls, age=BEGUN)]
        if request.method != "POST":
            return redirect(place, kept)
        # A redirect would be one that follows a form, which the page's form-action lets end here alone.
        return self._pages.page("onward.html", 200, kept, place=place, host=urlsplit(place).hostname or "")

    async def callback(self, http: HttpRequest) -> Response:
        """Take the browser back with what the provider answered."""
        party = self._parties.get(http.path_params["provider"])
        if party is None:
            return problem_response(refusal(NOT_FOUND))
        request = request_of(http.scope, self._watchword.proxies)
        screened = await self._watchword.gate.screen(request, self._front)
        if screened is not None:
            return problem_response(screened)
        browser = outside_browser(request)
        try:
            arrived: Arrived | Rejection = Rejection(UNKNOWN_CREDENTIAL, "no cookie", scheme=_SCHEME)
            if browser is not None:
                arrived = await party.finish(browser, request.query)
        except Unavailable as error:
            return self._broken(request, party, error)
        if isinstance(arrived, Rejection) or browser is None:
            rejection = arrived if isinstance(arrived, Rejection) else Rejection(UNKNOWN_CREDENTIAL)
            await self._attempts.guessed(request)
            return self._refused(request, rejection, f"Signing in with {party.provider.label} did not work.")
        if "link" in arrived.intention:
            return await self._linked_from_account(request, arrived)
        return await self._arrived(request, browser, party, arrived)

    async def _arrived(self, request: Request, browser: str, party: RelyingParty, arrived: Arrived) -> Response:
        who = await self._watchword.identities.find(arrived.outsider)
        if isinstance(who, Rejection):
            return self._refused(request, who, f"This {party.provider.label} identity cannot be used here.")
        if who is None:
            await self._keep(browser, arrived.outsider)
            return redirect(_PLACE)
        return await self._entered(request, who, arrived.intention.get("next", ""))

    async def _entered(self, request: Request, who: Principal, place: str) -> Response:
        """Let in who was vouched for: may they be where they are, and is a second factor due?"""
        entitled = await self._watchword.ceremonies.entitled(who.subject, who.credential)
        who = entitled._replace(factors=who.factors, authenticated_at=who.authenticated_at)
        allowed = await self._attempts.allowed(request, who)
        if isinstance(allowed, Rejection):
            return self._refused(request, allowed, "You cannot sign in from here.")
        return await self._login.enter(request, who, place)

    async def _linked_from_account(self, request: Request, arrived: Arrived) -> Response:
        """Link for the very session that began: another person may have signed in meanwhile."""
        who = await self._fresh(request, _LIST)
        if isinstance(who, Response):
            return who
        if (who.subject, who.credential) != (arrived.intention["link"], arrived.intention["session"]):
            rejection = Rejection(UNKNOWN_CREDENTIAL, "another session began", scheme=_SCHEME)
            return self._refused(request, rejection, "Somebody else was signed in when this began. Try again.")
        return await self._link(request, who, arrived.outsider)

    async def _link(self, request: Request, who: Principal, outsider: Outsider) -> Response:
        linked = await self._watchword.identities.link(outsider, who.subject, scopes=who.scopes, by=who.subject)
        if isinstance(linked, Rejection):
            return self._refused(request, linked, "This identity belongs to another account.")
        return redirect(_LIST)

    # --- an identity that nobody has yet ------------------------------------------------------------------------------

    async def pending(self, http: HttpRequest) -> Response:
        """Ask what to do with an identity that nobody has: sign in and link it, or make an account."""
        request, refused = await self._read(http)
        if refused is not None:
            return refused
        browser = outside_browser(request)
        outsider = None if browser is None else await self._kept(browser)
        if browser is None or outsider is None or outsider.provider not in self._parties:
            return redirect("/login")
        party = self._parties[outsider.provider]
        if request.method == "POST":
            return await self._decided(request, browser, party, outsider)
        decision = await self._watchword.gate.decide(request, self._session)
        who = None if isinstance(decision, Deny) else decision.principal
        late = who is None or not fresh(who, self._watchword.clock())
        return self._pages.page(
            "login/outside.html",
            provider=party.provider.label,
            identity=outsider.label,
            subject=who.subject.partition(":")[2] if who is not None and not late else "",
            sign_up=party.provider.sign_up,
            csrf_token=self._token(browser if who is None or late else who.credential),
            login="/login?" + urlencode({"next": _PLACE}),
        )

    async def _decided(self, request: Request, browser: str, party: RelyingParty, outsider: Outsider) -> Response:
        form = form_of(request)
        if isinstance(form, Rejection):
            return self._refused(request, form, "The form was not complete. Try again.")
        if form.get("do") == "link":
            who = await self._fresh(request, _PLACE)
            if isinstance(who, Response):
                return who
            return await self._link(request, who, outsider) if await self._taken(browser) else redirect("/login")
        if form.get("do") != "create" or not party.provider.sign_up:
            return self._refused(request, Rejection(MALFORMED_REQUEST, "do"), "That is not possible here.")
        forged = self._watchword.csrf.check(request, Principal("user:", "session", browser))
        if isinstance(forged, Rejection):
            return self._refused(request, forged, "The form was too old or came from another site. Try again.")
        if not await self._taken(browser):
            return redirect("/login")
        made = await self._watchword.identities.sign_up(outsider, scopes=party.provider.grants)
        if isinstance(made, Rejection):
            return self._refused(request, made, "This identity cannot be used here.")
        return await self._entered(request, made, "/")

    async def _keep(self, browser: str, outsider: Outsider) -> None:
        place = _pending(browser)
        value = json.dumps({name: getattr(outsider, name) for name in _FIELDS})
        sealed = self._watchword.sealer.seal(value.encode(), place)
        await self._watchword.store.put(place, sealed, self._watchword.clock() + BEGUN)

    async def _kept(self, browser: str) -> Outsider | None:
        place = _pending(browser)
        sealed = await self._watchword.store.get(place)
        return None if sealed is None else Outsider(**json.loads(self._watchword.sealer.open(sealed, place)))

    async def _taken(self, browser: str) -> bool:
        return await self._watchword.store.take(_pending(browser)) is not None

    # --- a person's identities ----------------------------------------------------------------------------------------

    async def identities(self, http: HttpRequest) -> Response:
        """Show the identities of who is signed in; POST unlinks one."""
        request, refused = await self._read(http)
        if refused is not None:
            return refused
        if request.method == "POST":
            return await self._unlinked(request)
        who = await self._signed_in(request, _LIST)
        if isinstance(who, Response):
            return who
        listed = await self._watchword.identities.listed(who.subject)
        return self._identities(who, [(each.id, each.detail["provider"], each.detail["label"]) for each in listed])

    async def _unlinked(self, request: Request) -> Response:
        who = await self._fresh(request, _LIST)
        if isinstance(who, Response):
            return who
        form = form_of(request)
        id = "" if isinstance(form, Rejection) else form.get("unlink", "")
        if not await self._watchword.identities.unlink(id, who.subject, by=who.subject, keep=who.credential):
            rejection = Rejection(UNKNOWN_CREDENTIAL, "unlink", scheme=_SCHEME)
            return self._refused(request, rejection, "Without this identity you could not sign in any more.")
        return redirect(_LIST)

    def _identities(self, who: Principal, listed: list[tuple[str, str, str]]) -> Response:
        labels = dict(self.providers())
        rows = [(id, labels.get(provider, provider), label) for id, provider, label in listed]
        token = self._token(who.credential)
        return self._pages.page(
            "account/identities.html", identities=rows, providers=self.providers(), csrf_token=token
        )

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _read(self, http: HttpRequest) -> tuple[Request, Response | None]:
        request, unusable = await read_request(http, self._watchword)
        if unusable is not None:
            return request, problem_response(self._watchword.gate.refuse(request, unusable))
        screened = await self._watchword.gate.screen(request, self._front)
        return request, None if screened is None else problem_response(screened)

    async def _signed_in(self, request: Request, back: str) -> Principal | Response:
        """Return who is signed in, or the way to the login; a POST must be the site's own."""
        decision = await self._watchword.gate.decide(request, self._session)
        if isinstance(decision, Deny):
            if decision.rejection.reason.status == 401:
                return redirect("/login?" + urlencode({"next": back}))
            return problem_response(decision)
        assert decision.principal is not None  # noqa: S101 - the policy has no "public"
        return decision.principal

    async def _fresh(self, request: Request, back: str) -> Principal | Response:
        """Return who is signed in and proved that lately: what is linked is another way in."""
        who = await self._signed_in(request, back)
        if isinstance(who, Principal) and not fresh(who, self._watchword.clock()):
            return redirect(step_up_place(back))
        return who

    def _token(self, session: str) -> str:
        return self._watchword.csrf.token_for(session)

    def _refused(self, request: Request, rejection: Rejection, message: str) -> Response:
        deny = self._watchword.gate.refuse(request, rejection)
        status = deny.rejection.reason.status
        status = 403 if status == 401 else status  # there is no challenge to answer
        values: dict[str, Any] = {"message": message, "reference": deny.reference, "back": "/login"}
        return self._pages.page("refused.html", status, deny.headers, **values)

    def _broken(self, request: Request, party: RelyingParty, error: Unavailable) -> Response:
        rejection = Rejection(BROKEN, str(error), ((b"retry-after", b"5"),), scheme=_SCHEME)
        return self._refused(request, rejection, f"{party.provider.label} does not answer. Try again in a moment.")


def _parties(watchword: Watchword, settings: Settings, fetch: Fetch | None) -> dict[str, RelyingParty]:
    if not settings.provider:
        return {}
    if fetch is None:
        from watchword.server.fetch import HttpFetch

        fetch = HttpFetch()
    providers = [each.provider(settings.secret(f"provider.{each.title}.client_secret")) for each in settings.provider]
    return {
        provider.name: RelyingParty(
            provider,
            watchword.issuer + _CALLBACK.format(provider=provider.name),
            ephemeral=watchword.store,
            sealer=watchword.sealer,
            fetch=fetch,
            remembered=watchword.session_lifetime + 3_600.0,
            clock=watchword.clock,
        )
        for provider in providers
    }


def _pending(browser: str) -> str:
    return "outside-pending:" + digest(browser).hex()
