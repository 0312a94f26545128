"""Change one's password."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.people.account.replacement import Fault
from watchword.model.reason import RATE_LIMITED
from watchword.model.verdict import Principal, Rejection
from watchword.server.account.own import Own
from watchword.server.account.post import Post
from watchword.server.account.visit import Visit, Visits
from watchword.server.login.attempts import Attempts

__all__ = ["PasswordPages"]

_WRONG = Fault("current", "wrong", "The current password is wrong.")


class PasswordPages:
    """Hold ``/account/password``."""

    def __init__(self, watchword: Watchword, attempts: Attempts, visits: Visits, own: Own, post: Post) -> None:
        self._accounts = watchword.accounts
        self._attempts = attempts
        self._visits = visits
        self._own = own
        self._post = post

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [Endpoint("/account/password", self.change, methods=["GET", "POST"])]

    async def change(self, http: HttpRequest) -> Response:
        """Take the current password and another; all other sessions and all tokens end.

        Guesses at the current one count as those at the login do. Who has none sets one, soon after a login.
        """
        visit = await self._own.visit(http, "account/password.html", fresh=False)
        if isinstance(visit, Response):
            return visit
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        has = await self._accounts.has_password(visit.who.subject)
        stale = None if has else self._own.stale(http, visit)
        if stale is not None:
            return stale
        if http.method != "POST":
            return self._visits.done(visit, 200, {"password": has}, "account/password.html")
        return await self._changed(visit, has)

    async def _changed(self, visit: Visit, has: bool) -> Response:
        who = visit.who
        assert who is not None  # noqa: S101 - Own lets nobody else through
        if has:
            name = who.subject.partition(":")[2]
            proved = await self._attempts.prove(visit.request, name, visit.text("current"))
            if isinstance(proved, Rejection) and proved.reason.status in (RATE_LIMITED.status, 503):
                return self._visits.refuse(visit, proved, password=has)
            if not isinstance(proved, Principal) or proved.subject != who.subject:
                return self._visits.faulty(visit, (_WRONG,), password=has)
        keep = who.credential if who.credential.startswith("ses_") else ""  # a refresh token ends with its password
        faults = await self._accounts.change_password(who.subject, None, visit.text("password"), keep=keep)
        if faults:
            return self._visits.faulty(visit, faults, password=has)
        self._post.password_changed(who.subject)
        response = self._visits.done(visit, 200, {"status": "changed"}, "account/password_done.html")
        response.raw_headers.append(await self._attempts.remembered(visit.request, who.subject))
        return response
