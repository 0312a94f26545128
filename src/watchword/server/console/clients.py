"""List OAuth clients, show one, disable it, enable it."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.lifecycle.clients.book import Client, ClientBook
from watchword.server.account.visit import Visit
from watchword.server.console.credentials import words_of
from watchword.server.console.desk import ConsoleDesk, who_of
from watchword.server.responses import redirect

__all__ = ["ClientPages"]

_PLACE: Final = "/console/client"
_PAGE: Final = 50
_FIRST: Final = ("client_id", "client_name", "subject", "state", "source", "scopes", "grants", "redirect_uris")
_LEFT_OUT: Final = frozenset({*_FIRST, "version", "secrets", "created_at", "last_used_at"})


class ClientPages:
    """Hold ``/console/clients``, ``/console/client`` and the acts under it; ``id`` is the client's."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk
        watchword = desk.watchword
        self._clock = watchword.clock
        self._book = ClientBook(watchword.store, watchword.lifecycle, told=watchword.watch.hurry, clock=watchword.clock)

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        desk, write = self._desk, "clients:write"
        return [
            desk.shown("/console/clients", "clients:read", self.listed, "clients"),
            desk.shown(_PLACE, "clients:read", self.show, "client"),
            desk.acting("/console/client/disable", write, self.disable, "client_act"),
            desk.acting("/console/client/enable", write, self.enable, "client_act"),
        ]

    async def listed(self, visit: Visit) -> Response:
        """Show a page; ``after`` goes on."""
        found, after = await self._book.page(after=visit.text("after"), limit=_PAGE)
        return self._desk.page(visit, rows=[self._row(each) for each in found], next=after)

    async def show(self, visit: Visit) -> Response:
        """Show all that a client is."""
        client = await self._book.find(visit.text("id"))
        value = client.value(self._clock())
        more = [
            (name, value[name]) for name in sorted(value.keys() - _LEFT_OUT) if value[name] not in (None, False, [])
        ]
        return self._desk.page(visit, each=self._row(client), more=more, newest=client.newest.id)

    async def disable(self, visit: Visit) -> Response:
        """Disable it until it is enabled again."""
        return await self._switched(visit, False)

    async def enable(self, visit: Visit) -> Response:
        """Enable it."""
        return await self._switched(visit, True)

    async def _switched(self, visit: Visit, enabled: bool) -> Response:
        client = await self._book.find(visit.text("id"))
        refused = self._desk.given(visit, client.newest.scopes)
        if refused is not None:
            return refused
        if visit.request.method != "POST":
            act = "enable" if enabled else "disable"
            return self._desk.page(visit, each=self._row(client), act=act, live=False)
        await self._book.set_enabled(client.id, enabled, by=who_of(visit).subject)
        return redirect(f"{_PLACE}?{words_of(id=client.id)}")

    def _row(self, client: Client) -> dict[str, Any]:
        value = client.value(self._clock())
        return {name: value.get(name) for name in (*_FIRST, "secrets", "created_at", "last_used_at", "public")}
