"""Sign up, by oneself or by invitation, and confirm addresses. A GET spends no link: mail scanners open them, too."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.people.account.addresses import Moved
from watchword.lifecycle.people.account.resets import SPENT
from watchword.lifecycle.people.account.sign_ups import Wanted
from watchword.model.records import Subject
from watchword.server.account.post import Post
from watchword.server.account.visit import Visit, Visits, browser_of, locale_of
from watchword.server.config.settings import Settings

__all__ = ["SignUp"]


class SignUp:
    """Hold ``/sign-up``, ``/confirm`` and ``/invitation``."""

    def __init__(self, watchword: Watchword, settings: Settings, visits: Visits, post: Post) -> None:
        self._accounts = watchword.accounts
        self._open = settings.accounts.sign_up == "open"
        self._invites = settings.accounts.sign_up != "off"
        self._scopes = settings.accounts.scopes
        self._visits = visits
        self._post = post

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint("/sign-up", self.sign_up, methods=["GET", "POST"]),
            Endpoint("/confirm", self.confirm, methods=["GET", "POST"]),
            Endpoint("/invitation", self.invitation, methods=["GET", "POST"]),
        ]

    async def sign_up(self, http: HttpRequest) -> Response:
        """Take name, address and password; what comes of it is told to the address alone."""
        if not self._open:
            return self._visits.nothing_here()
        if http.method != "POST":
            visit = await self._visits.shown(http, "account/sign_up.html")
            return visit if isinstance(visit, Response) else self._visits.page(visit, fields={})
        visit = await self._visits.posted(http, "account/sign_up.html", metered=True)
        if isinstance(visit, Response):
            return visit
        wanted = await self._accounts.sign_up(
            visit.text("username"),
            visit.text("email"),
            visit.text("password"),
            locale=locale_of(visit.request),
            scopes=self._scopes,
            browser="" if visit.json else browser_of(visit.request),
        )
        if not isinstance(wanted, Wanted):
            return self._visits.faulty(visit, wanted)
        if not self._post.sign_up(wanted):
            return self._visits.overloaded(visit)
        return self._visits.done(visit, 202, {"status": "sent"}, "account/sent.html", email=wanted.address.text)

    async def confirm(self, http: HttpRequest) -> Response:
        """Spend the link of a sign-up or of a new address."""
        if http.method != "POST":
            visit = await self._visits.shown(http, "account/confirm.html")
            return visit if isinstance(visit, Response) else await self._confirming(visit)
        visit = await self._visits.posted(http, "account/confirm.html")
        if isinstance(visit, Response):
            return visit
        token, browser = visit.text("token"), "" if visit.json else browser_of(visit.request)
        if await self._accounts.pending_address(token) is not None:
            return await self._confirm_address(visit, token)
        return await self._confirm_sign_up(visit, token, browser)

    async def _confirm_sign_up(self, visit: Visit, token: str, browser: str) -> Response:
        pending = await self._accounts.pending_sign_up(token, browser=browser)
        if pending is not None and pending.asks_password:  # each guess costs a hash
            limited = await self._visits.metered(visit.request)
            if limited is not None:
                return self._visits.refuse(visit, limited, pending=pending, moving=None)
        made = await self._accounts.confirm(token, browser=browser, password=visit.fields.get("password"))
        if isinstance(made, Subject):
            return self._visits.done(visit, 201, {"subject": made.name}, "account/welcome.html")
        pending = await self._accounts.pending_sign_up(token, browser=browser)
        if pending is None and SPENT not in made:  # somebody was faster: the link is spent, so begin again
            return self._visits.faulty(visit, made, page="account/sign_up.html")
        return self._visits.faulty(visit, made, pending=pending, moving=None)

    async def _confirming(self, visit: Visit) -> Response:
        token = visit.text("token")
        moving = await self._accounts.pending_address(token)
        pending = await self._accounts.pending_sign_up(token, browser=browser_of(visit.request))
        if moving is None and pending is None:
            return self._visits.faulty(visit, (SPENT,))
        return self._visits.page(visit, moving=moving, pending=pending)

    async def _confirm_address(self, visit: Visit, token: str) -> Response:
        moved = await self._accounts.confirm_address(token)
        if not isinstance(moved, Moved):
            return self._visits.faulty(visit, moved)
        self._post.moved(moved)
        return self._visits.done(visit, 200, {"email": moved.address}, "account/confirmed.html")

    async def invitation(self, http: HttpRequest) -> Response:
        """Take name and password of who was invited."""
        if not self._invites:
            return self._visits.nothing_here()
        if http.method != "POST":
            visit = await self._visits.shown(http, "account/invitation.html")
            return visit if isinstance(visit, Response) else await self._inviting(visit)
        visit = await self._visits.posted(http, "account/invitation.html", metered=True)
        if isinstance(visit, Response):
            return visit
        token = visit.text("token")
        locale = locale_of(visit.request)
        made = await self._accounts.accept(token, visit.text("username"), visit.text("password"), locale=locale)
        if isinstance(made, Subject):
            return self._visits.done(visit, 201, {"subject": made.name}, "account/welcome.html")
        return self._visits.faulty(visit, made, email=await self._accounts.invitation(token))

    async def _inviting(self, visit: Visit) -> Response:
        email = await self._accounts.invitation(visit.text("token"))
        return self._visits.faulty(visit, (SPENT,)) if email is None else self._visits.page(visit, email=email)
