"""An eighth scheme needs its own file and nothing else: installed as a package, it works everywhere."""

import asyncio
import importlib
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI

from tests.eighth import ticket
from tests.house import asking, house, reason
from watchword import Allow, Principal
from watchword.adapters.asgi import WatchwordMiddleware
from watchword.adapters.fastapi import caller, install
from watchword.app import Watchword
from watchword.assembly import ENTRY_POINTS, Parts
from watchword.codec.x509 import der_of
from watchword.model.credential import Kind
from watchword.model.ports import Scheme
from watchword.model.request import Request
from watchword.policy import PolicyError
from watchword.testing.asgi import Ask, ask
from watchword.testing.schemes import SchemeSuite

SECRET = "s3cret-of-the-ticket"


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    """Install the file as a package would be: a module and its metadata on the path."""
    shutil.copy(ticket.__file__, tmp_path / "acme_ticket.py")
    metadata = tmp_path / "acme_ticket-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-ticket\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nticket = acme_ticket:build\n")
    sys.path.insert(0, str(tmp_path))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("acme_ticket", None)
        importlib.invalidate_caches()


class TestTicket(SchemeSuite):
    def scheme(self, parts: Parts) -> Scheme[Any]:
        return ticket.build(parts)

    async def prepare(self, watchword: Watchword) -> None:
        until = time.time() + 60
        self.value = await ticket.sell(watchword.store, "t1", SECRET, self.expected_subject, ["a"], until)

    def secrets(self) -> list[str]:
        return [SECRET]

    def bearing(self, value: bytes) -> Request:
        return self.request((b"authorization", value))

    def valid_request(self) -> Request:
        return self.bearing(self.value)

    def forged_requests(self) -> Mapping[str, Request]:
        return {
            "unknown": self.bearing(b"Ticket t2." + SECRET.encode()),
            "wrong": self.bearing(b"Ticket t1.guess"),
            "cut": self.bearing(self.value[:-1]),
            "malformed": self.bearing(b"Ticket"),
        }


def test_without_the_package_the_name_is_unknown() -> None:
    assert "ticket" not in Watchword(inline=True).schemes
    with pytest.raises(PolicyError, match="ticket"):
        Watchword(inline=True).route("ticket")


@pytest.mark.usefixtures("installed")
def test_the_entry_point_is_enough() -> None:
    async def play() -> None:
        async with house() as opened:
            assert [entry.name for entry in entry_points(group=ENTRY_POINTS)] == ["ticket"]
            assert type(opened.watchword.schemes["ticket"]).__module__ == "acme_ticket"
            bearer, _ = await opened.key()
            store, until = opened.watchword.store, opened.clock.now + 60
            sold = await ticket.sell(store, "t1", SECRET, "service:billing", [], until)
            for value, scheme in ((bearer, "api-key"), (sold, "ticket")):
                decision = await opened.decide("ticket | api-key", asking((b"authorization", value)))
                assert isinstance(decision, Allow), decision
                assert decision.principal is not None
                assert (decision.principal.subject, decision.principal.scheme) == ("service:billing", scheme)
            refused = await opened.decide("ticket | api-key", asking((b"authorization", b"Ticket t1.guess")))
            assert reason(refused) == "wrong_secret"
            assert [(event.scheme, event.credential) for event in await opened.decided()][1:] == [
                ("ticket", "tkt_t1"),
                ("ticket", "t1"),
            ]

    asyncio.run(play())


@pytest.mark.usefixtures("installed")
def test_it_joins_with_the_others() -> None:
    async def play() -> None:
        async with house() as opened:
            issued = await opened.issue(Kind.CLIENT_CERT)
            der = der_of(issued.material["certificate"].encode())
            await opened.issue(Kind.API_KEY, "service:other")
            store, until = opened.watchword.store, opened.clock.now + 60
            own = await ticket.sell(store, "t1", SECRET, "service:billing", ["a"], until)
            other = await ticket.sell(store, "t2", SECRET, "service:other", ["a"], until)
            decision = await opened.decide("ticket & mtls", asking((b"authorization", own), certificate=der))
            assert isinstance(decision, Allow)
            assert decision.principal is not None
            assert decision.principal.credential == f"tkt_t1+{issued.credential.id}"
            mixed = await opened.decide("ticket & mtls", asking((b"authorization", other), certificate=der))
            assert reason(mixed) == "subject_mismatch"
            half = await opened.decide("ticket & mtls", asking((b"authorization", own)))
            assert reason(half) == "no_credential"

    asyncio.run(play())


@pytest.mark.usefixtures("installed")
def test_the_middleware_takes_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["watchword"].subject.encode()})

    async def play() -> None:
        async with house() as opened:
            await opened.issue()
            sold = await ticket.sell(opened.watchword.store, "t1", SECRET, "service:billing", [], 2**40)
            guarded = WatchwordMiddleware(app, opened.watchword, "ticket | api-key")
            assert (await ask(guarded, Ask().bearing((b"authorization", sold)))).body == b"service:billing"
            answer = await ask(guarded, Ask())
            assert answer.status == 401
            assert answer.all(b"www-authenticate") == ['Ticket realm="api"', 'Bearer realm="api"']

    asyncio.run(play())


@pytest.mark.usefixtures("installed")
def test_fastapi_takes_it_and_describes_it() -> None:
    async def play() -> None:
        async with house() as opened:
            await opened.issue()
            sold = await ticket.sell(opened.watchword.store, "t1", SECRET, "service:billing", ["read"], 2**40)
            app = FastAPI()
            who = Depends(caller("ticket & mtls | ticket", scopes=["read"]))

            @app.get("/x")
            async def x(principal: Annotated[Principal, who]) -> str:
                return principal.credential

            install(app, opened.watchword)
            assert (await ask(app, Ask(path="/x").bearing((b"authorization", sold)))).json == "tkt_t1"
            document = json.loads((await ask(app, Ask(path="/openapi.json"))).body)
            assert document["paths"]["/x"]["get"]["security"] == [{"ticket": [], "mtls": []}, {"ticket": []}]
            assert document["components"]["securitySchemes"]["ticket"] == {"type": "http", "scheme": "ticket"}

    asyncio.run(play())


def test_two_schemes_of_one_name_stop_the_start() -> None:
    parts = Watchword(inline=True).parts
    with pytest.raises(ValueError, match="two schemes are called 'ticket'"):
        Watchword(inline=True, schemes=[ticket.build(parts), ticket.build(parts)])
