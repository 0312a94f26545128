"""Reset a forgotten password: ask for a link, then spend it."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.people.account.replacement import Fault
from watchword.lifecycle.people.account.resets import SPENT, Reset
from watchword.server.account.post import Post
from watchword.server.account.visit import Visits
from watchword.server.login.devices import Devices

__all__ = ["ResetPages"]

_MOST: int = 254  # characters of a name or an address


class ResetPages:
    """Hold ``/reset`` and ``/reset/new``."""

    def __init__(self, watchword: Watchword, visits: Visits, post: Post) -> None:
        self._accounts = watchword.accounts
        self._devices = Devices(watchword)
        self._visits = visits
        self._post = post

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint("/reset", self.ask, methods=["GET", "POST"]),
            Endpoint("/reset/new", self.spend, methods=["GET", "POST"]),
        ]

    async def ask(self, http: HttpRequest) -> Response:
        """Take a name or an address. Who it is, is looked up after the answer, which is one for all."""
        if http.method != "POST":
            visit = await self._visits.shown(http, "account/reset.html")
            return visit if isinstance(visit, Response) else self._visits.page(visit, fields={})
        visit = await self._visits.posted(http, "account/reset.html", metered=True)
        if isinstance(visit, Response):
            return visit
        login = visit.text("login")
        if not 0 < len(login) <= _MOST:
            return self._visits.faulty(visit, (Fault("login", "missing", "Enter your user name or address."),))
        if not self._post.reset(login):
            return self._visits.overloaded(visit)
        return self._visits.done(visit, 202, {"status": "sent"}, "account/reset_sent.html")

    async def spend(self, http: HttpRequest) -> Response:
        """Set the password; sessions and tokens of before end."""
        if http.method != "POST":
            visit = await self._visits.shown(http, "account/reset_new.html")
            if isinstance(visit, Response):
                return visit
            subject = await self._accounts.pending_reset(visit.text("token"))
            if subject is None:
                return self._visits.faulty(visit, (SPENT,))
            return self._visits.page(visit, username=subject.partition(":")[2])
        visit = await self._visits.posted(http, "account/reset_new.html")
        if isinstance(visit, Response):
            return visit
        token = visit.text("token")
        username = (await self._accounts.pending_reset(token) or "").partition(":")[2]
        reset = await self._accounts.redeem_reset(token, visit.text("password"))
        if not isinstance(reset, Reset):
            return self._visits.faulty(visit, reset, username=username)
        self._post.password_changed(reset.subject)
        response = self._visits.done(visit, 200, {"status": "changed"}, "account/reset_done.html")
        # Who guesses at the account meanwhile must not keep its owner from logging in with the new password.
        response.raw_headers.append(await self._devices.cookie(visit.request, reset.subject))
        return response
