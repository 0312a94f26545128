"""Show what there is about one's own account."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.people.holdings import held
from watchword.model.credential import Kind
from watchword.server.account.own import Own
from watchword.server.account.visit import Visits

__all__ = ["Overview"]


class Overview:
    """Hold ``/account``."""

    def __init__(self, watchword: Watchword, visits: Visits, own: Own) -> None:
        self._watchword = watchword
        self._visits = visits
        self._own = own

    def routes(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [Endpoint("/account", self.account, methods=["GET"])]

    async def account(self, http: HttpRequest) -> Response:
        """Tell who one is, and how many sessions, factors, applications and keys there are."""
        visit = await self._own.visit(http, "account/account.html", fresh=False)
        if isinstance(visit, Response):
            return visit
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        watchword, subject = self._watchword, visit.who.subject
        now = watchword.clock()
        keys = [each for each in await held(watchword.store, subject, Kind.API_KEY) if each.refusal(now) is None]
        value = {
            **await watchword.accounts.profile(subject),
            "password": await watchword.accounts.has_password(subject),
            "sessions": len(await watchword.sessions.listed(subject)),
            "factors": sorted({each.kind.value for each in await watchword.factors.enrolled(subject)}),
            "apps": len(await watchword.oauth.consents.listed(subject)),
            "keys": len(keys),
            "scopes": sorted(visit.who.scopes),
        }
        return self._visits.done(visit, 200, value, "account/account.html")
