"""OAuth clients under ``/admin/v1/clients``: the same acts as on the command line, one version at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from starlette.responses import Response
from starlette.routing import Route

from watchword.app import Watchword
from watchword.lifecycle.clients.book import Bounds, Client, ClientBook
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import duration_of, networks_of, rate_of, scopes_of
from watchword.model.reason import PRECONDITION_FAILED
from watchword.server.admin.desk import AdminDesk, Asked

__all__ = ["READ", "WRITE", "AdminClients"]

READ: Final = "admin:clients:read"
WRITE: Final = "admin:clients:write"

_PLACE: Final = "/admin/v1/clients"
_ONE: Final = "/admin/v1/clients/{client_id:path}"  # it may be a URL
_PAGE: Final = 100
_DAY: Final = 86_400
_MOST_TEXTS: Final = 1_000

T = TypeVar("T")


class AdminClients:
    """Hold the endpoints. ``ClientBook`` does what they say."""

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._clock = watchword.clock
        self._book = ClientBook(watchword.store, watchword.lifecycle, told=watchword.watch.hurry, clock=watchword.clock)

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        to = self._desk.endpoint
        return [
            Route(_PLACE, to(READ, self.listed), methods=["GET"]),
            Route(_PLACE, to(WRITE, self.add, body=True), methods=["POST"]),
            Route("/admin/v1/clients/{client_id:path}/rotate", to(WRITE, self.rotate, body=True), methods=["POST"]),
            Route("/admin/v1/clients/{client_id:path}/disable", to(WRITE, self.disable), methods=["POST"]),
            Route("/admin/v1/clients/{client_id:path}/enable", to(WRITE, self.enable), methods=["POST"]),
            Route(_ONE, to(READ, self.show), methods=["GET"]),
            Route(_ONE, to(WRITE, self.change, body=True), methods=["PATCH"]),
            Route(_ONE, to(WRITE, self.remove), methods=["DELETE"]),
        ]

    async def listed(self, asked: Asked) -> Response:
        """Return a page of clients, and the cursor of the next one."""
        query = asked.http.query_params
        limit = query.get("limit", str(_PAGE))
        if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 0 < int(limit) <= _PAGE):
            raise FieldError("limit", f"limit: 1 to {_PAGE}")
        found, after = await self._book.page(after=query.get("cursor", ""), limit=int(limit))
        now = self._clock()
        return self._desk.answer({"clients": [each.value(now) for each in found], "next": after or None})

    async def add(self, asked: Asked) -> Response:
        """Add a client; its secret is in this answer alone."""
        body = dict(asked.body)
        subject, bounds = body.pop("subject", None), _bounds(body, self._clock())
        if not isinstance(subject, str):
            raise FieldError("subject", "subject: the service that it is, such as service:billing")
        missing = self._desk.held(asked, bounds.scopes or ())
        if missing is not None:
            return missing
        issued = await self._book.add(subject, body, bounds, by=asked.who.subject)
        client = await self._book.find(issued.credential.id)
        value = client.value(self._clock()) | dict(issued.material)
        return self._desk.answer(value, 201, client.version, f"{_PLACE}/{client.id}")

    async def show(self, asked: Asked) -> Response:
        """Return one client."""
        return self._shown(await self._named(asked))

    async def change(self, asked: Asked) -> Response:
        """Change what a client is: a JSON Merge Patch (RFC 7396), of the version in ``If-Match`` where there is one."""
        body = dict(asked.body)
        client, bounds = await self._named(asked), _bounds(body, self._clock())
        scopes = {*client.newest.scopes, *(bounds.scopes or ())}
        missing = self._desk.held(asked, scopes) or self._stale(asked, client)
        if missing is not None:
            return missing
        # Of the version that was judged, whether or not the request names one.
        by, version = asked.who.subject, client.version
        return self._shown(await self._book.change(client.id, body, bounds, by=by, version=version))

    async def remove(self, asked: Asked) -> Response:
        """Revoke a client for good, with every secret and token of it."""
        client = await self._named(asked)
        missing = self._desk.held(asked, client.newest.scopes) or self._stale(asked, client)
        if missing is not None:
            return missing
        await self._book.remove(client.id, reason="removed by the admin API", by=asked.who.subject)
        return Response(status_code=204)

    async def rotate(self, asked: Asked) -> Response:
        """Give a client a new secret beside the one before, which is valid for ``overlap`` more (by default 24h)."""
        client, unknown = await self._named(asked), asked.body.keys() - {"overlap"}
        if unknown:
            raise FieldError(min(unknown)[:60], f"there is no field {min(unknown)[:60]!r}", "overlap")
        overlap = _read("overlap", asked.body.get("overlap", "24h"), lambda text: 0 if text == "0s" else _overlap(text))
        missing = self._desk.held(asked, client.newest.scopes) or self._stale(asked, client)
        if missing is not None:
            return missing
        issued = await self._book.rotate(client.id, overlap=overlap, by=asked.who.subject)
        after = await self._book.find(client.id)
        return self._desk.answer(after.value(self._clock()) | dict(issued.material), 200, after.version)

    async def disable(self, asked: Asked) -> Response:
        """Disable a client until it is enabled again."""
        return await self._switched(asked, False)

    async def enable(self, asked: Asked) -> Response:
        """Enable a disabled client."""
        return await self._switched(asked, True)

    async def _switched(self, asked: Asked, enabled: bool) -> Response:
        client = await self._named(asked)
        missing = self._desk.held(asked, client.newest.scopes) or self._stale(asked, client)
        if missing is not None:
            return missing
        return self._shown(await self._book.set_enabled(client.id, enabled, by=asked.who.subject))

    async def _named(self, asked: Asked) -> Client:
        return await self._book.find(asked.http.path_params["client_id"])

    def _stale(self, asked: Asked, client: Client) -> Response | None:
        return None if asked.means(client.version) else self._desk.refused(asked.request, PRECONDITION_FAILED)

    def _shown(self, client: Client) -> Response:
        return self._desk.answer(client.value(self._clock()), 200, client.version)


def _bounds(body: dict[str, Any], now: float) -> Bounds:
    """Take out of the body what every credential has. null takes a limit or an end away."""
    given: dict[str, Any] = {}
    for name, read in (("scopes", scopes_of), ("networks", networks_of)):
        if name in body:
            given[name] = _list(name, body.pop(name))
            _read(name, given[name], read)
    for name, none in (("limit", "no_limit"), ("expires_at", "no_end")):
        if name in body and body[name] is None:
            del body[name]
            given[none] = True
    if "limit" in body:
        given["limit"] = _read("limit", body.pop("limit"), rate_of)
    if "expires_at" in body:
        given["expires_at"] = _moment(body.pop("expires_at"), now)
    return Bounds(**given)


def _list(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > _MOST_TEXTS or not all(isinstance(each, str) for each in value):
        raise FieldError(name, f"{name}: a list of texts")
    return value


def _moment(value: Any, now: float) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not now < value < now + 36_600 * _DAY:
        raise FieldError("expires_at", "expires_at: Unix seconds, in the future")
    return value


def _overlap(text: Any) -> int:
    if not isinstance(text, str):
        raise LifecycleError("a duration is a text", "such as 24h")
    return duration_of(text)


def _read(name: str, value: Any, read: Callable[[Any], T]) -> T:
    """Return ``read(value)``; where that is wrong, say in which field."""
    try:
        return read(value)
    except (LifecycleError, TypeError, AttributeError) as error:
        raise FieldError(name, f"{name}: {error}", getattr(error, "hint", "")) from None
