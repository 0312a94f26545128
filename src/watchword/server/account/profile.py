"""See and change one's profile: display name, language, email address."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.people.account.addresses import Moving
from watchword.server.account.own import Own
from watchword.server.account.post import Post
from watchword.server.account.visit import Visits, locale_of

__all__ = ["ProfilePages"]


class ProfilePages:
    """Hold ``/account/profile`` and ``/account/email``."""

    def __init__(self, watchword: Watchword, visits: Visits, own: Own, post: Post) -> None:
        self._accounts = watchword.accounts
        self._visits = visits
        self._own = own
        self._post = post

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint("/account/profile", self.profile, methods=["GET", "POST"]),
            Endpoint("/account/email", self.email, methods=["GET", "POST"]),
        ]

    async def profile(self, http: HttpRequest) -> Response:
        """Tell or change display name and language."""
        visit = await self._own.visit(http, "account/profile.html", fresh=False)
        if isinstance(visit, Response):
            return visit
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        subject = visit.who.subject
        if http.method == "POST":
            fields = visit.fields
            made = await self._accounts.set_profile(subject, display=fields.get("display"), locale=fields.get("locale"))
            if isinstance(made, tuple):
                return self._visits.faulty(visit, made, profile=await self._accounts.profile(subject))
        profile = await self._accounts.profile(subject)
        return self._visits.done(
            visit, 200, profile, "account/profile.html", profile=profile, saved=http.method == "POST"
        )

    async def email(self, http: HttpRequest) -> Response:
        """Send a link to a new address; the account has it once the link is used, and the old one is told."""
        visit = await self._own.visit(http, "account/email.html", second=True)
        if isinstance(visit, Response):
            return visit
        assert visit.who is not None  # noqa: S101 - Own lets nobody else through
        subject = visit.who.subject
        held = await self._accounts.address(subject)
        if http.method != "POST":
            return self._visits.done(visit, 200, {"email": held}, "account/email.html", held=held)
        limited = await self._visits.metered(visit.request)
        if limited is not None:
            return self._visits.refuse(visit, limited, held=held)
        moving = await self._accounts.request_address(subject, visit.text("email"))
        if not isinstance(moving, Moving):
            return self._visits.faulty(visit, moving, held=held)
        locale = (await self._accounts.profile(subject))["locale"] or locale_of(visit.request)
        if not self._post.moving(moving, locale):
            return self._visits.overloaded(visit)
        return self._visits.done(visit, 202, {"status": "sent"}, "account/sent.html", email=visit.text("email"))
