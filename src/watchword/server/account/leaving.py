"""Take one's data along, and leave."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.codec.names import normal_name
from watchword.lifecycle.people.account.replacement import Fault
from watchword.schemes.session import PLAIN_COOKIE
from watchword.server.account.own import Own
from watchword.server.account.post import Post
from watchword.server.account.visit import Visits
from watchword.server.responses import cookie, json_response

__all__ = ["LeavingPages"]

_NAME = Fault("username", "wrong", "Type your user name to confirm.")


class LeavingPages:
    """Hold ``/account/export`` and ``/account/delete``."""

    def __init__(self, watchword: Watchword, visits: Visits, own: Own, post: Post) -> None:
        self._accounts = watchword.accounts
        self._visits = visits
        self._own = own
        self._post = post

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint("/account/export", self.export, methods=["GET"]),
            Endpoint("/account/delete", self.delete, methods=["GET", "POST"]),
        ]

    async def export(self, http: HttpRequest) -> Response:
        """Return what is held about the caller, as a file."""
        visit = await self._own.visit(http, "")
        if isinstance(visit, Response):
            return visit
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        value = await self._accounts.export(visit.who.subject)
        return json_response(200, value, [(b"content-disposition", b'attachment; filename="account.json"')])

    async def delete(self, http: HttpRequest) -> Response:
        """Delete the caller's account; the user name confirms it."""
        visit = await self._own.visit(http, "account/delete.html", second=True)
        if isinstance(visit, Response):
            return visit
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        subject = visit.who.subject
        name = subject.partition(":")[2]
        if http.method != "POST":
            return self._visits.done(visit, 200, {"username": name}, "account/delete.html")
        if normal_name(visit.text("username")) != name:
            return self._visits.faulty(visit, (_NAME,), username=name)
        profile = await self._accounts.profile(subject)
        await self._accounts.delete(subject, by=subject)
        if profile["email"]:
            self._post.deleted(profile["email"], profile["locale"])
        response = self._visits.done(visit, 200, {"status": "deleted"}, "account/deleted.html")
        tls = visit.request.peer.tls
        response.raw_headers += [
            cookie(PLAIN_COOKIE, "", tls=tls, age=0),
            cookie("csrf", "", tls=tls, age=0, hidden=False),
        ]
        return response
