"""Clients over two workers: a change has one winner, a disabling is heard by all, an assertion is good once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.figures.house import House, Line, caller, lines
from tests.postgres import PostgresServer
from watchword.codec.jose import SigningKey
from watchword.lifecycle.clients.book import Bounds, ClientBook
from watchword.lifecycle.clients.fields import ASSERTION
from watchword.model.credential import Kind

USES = 100
WORKERS_REACHED = 8
HEARD_WITHIN = 1.0
FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = ("content-type", "application/json")
KEY = SigningKey.generate()
ISSUER = "https://ci.example"


class _Keys(BaseHTTPRequestHandler):
    """Serve the outside issuer's keys."""

    def do_GET(self) -> None:
        body = json.dumps({"keys": [KEY.public_jwk()]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def keys() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/keys"
    server.shutdown()
    thread.join()
    server.server_close()


def _trusting(keys: str) -> str:
    words = 'use = ["assertion"]\nsubjects = { "job" = "service:billing" }\n'
    return f'[[trusted_issuer]]\nurl = "{ISSUER}"\njwks_uri = "{keys}"\n{words}'


@pytest.fixture(scope="module")
def house(keys: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), more=_trusting(keys)) as running:
        yield running


@pytest.fixture(scope="module")
def house_on_postgres(keys: str, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, store = tmp_path_factory.mktemp("house"), postgres.create_database()
    with House(folder, more=_trusting(keys), store=store) as running:
        yield running


async def _set_up(house: House) -> tuple[dict[str, str], tuple[str, str]]:
    """Return a client's id and secret, and the Authorization field of who administers."""
    async with house.operator() as watchword:
        subject = await caller(watchword)
        book = ClientBook(watchword.store, watchword.lifecycle)
        fields = {"grants": ["client_credentials", ASSERTION]}
        issued = await book.add(subject, fields, Bounds(scopes=["orders:read"]), by="test")
        scopes = ["admin:clients:read", "admin:clients:write"]
        key = await watchword.lifecycle.issue(Kind.API_KEY, subject, by="test", scopes=scopes)
    return dict(issued.material), ("authorization", f"Bearer {key.material['secret']}")


async def _all(opened: list[Line], *sent: Any) -> Counter[int]:
    """Send the same by every connection at once; return how often each status came."""
    return Counter(status for status, _, _ in await asyncio.gather(*(line.send(*sent) for line in opened)))


def _posted(form: dict[str, str]) -> tuple[str, list[tuple[str, str]], str, bytes]:
    return "/oauth/token", [FORM], "POST", urlencode(form).encode()


async def _heard(opened: list[Line], expected: int, *sent: Any) -> float:
    """Return how long it took until every worker answered so."""
    began = time.monotonic()
    while await _all(opened, *sent) != {expected: len(opened)}:
        assert time.monotonic() - began < HEARD_WITHIN, "a worker has not heard of it"
    return time.monotonic() - began


async def _play(house: House) -> None:
    client, admin = await _set_up(house)
    place = f"/admin/v1/clients/{client['client_id']}"
    with lines(USES, house.port) as opened:
        await _one_assertion(opened, house, client)
        await _one_change(opened, place, admin)
        few = opened[:WORKERS_REACHED]
        asking = _posted({"grant_type": "client_credentials", **client})
        _, _, content = await few[0].send(*asking)
        bearer = ("authorization", f"Bearer {json.loads(content)['access_token']}")
        assert await _all(few, "/whoami", [bearer]) == {200: len(few)}
        assert (await few[0].send(place + "/disable", [admin], "POST"))[0] == 200
        took = await _heard(few, 401, "/whoami", [bearer])
        assert await _all(few, *asking) == {401: len(few)}
        assert (await few[0].send(place + "/enable", [admin], "POST"))[0] == 200
        await _heard(few, 200, *asking)
        assert await _all(few, "/whoami", [bearer]) == {401: len(few)}, "tokens of before stay void"
        print(f"\none assertion and one change of {USES}; a disabled client was refused by all after {took:.3f} s")


async def _one_assertion(opened: list[Line], house: House, client: dict[str, str]) -> None:
    for number in range(2):
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "job", "aud": f"http://127.0.0.1:{house.port}", "jti": f"{now}-{number}"}
        token = KEY.sign({**claims, "iat": now, "exp": now + 300})
        counts = await _all(opened, *_posted({"grant_type": ASSERTION, "assertion": token, **client}))
        assert counts == {200: 1, 400: USES - 1}


async def _one_change(opened: list[Line], place: str, admin: tuple[str, str]) -> None:
    _, _, content = await opened[0].send(place, [admin])
    version = ("if-match", f'"{json.loads(content)["version"]}"')
    counts = await _all(opened, place, [admin, JSON, version], "PATCH", b'{"client_name": "New"}')
    assert counts == {200: 1, 412: USES - 1}


@pytest.mark.processes
def test_one_winner_each_and_everybody_hears_of_a_disabling(house: House) -> None:
    """The short form of the figure."""
    asyncio.run(_play(house))


@pytest.mark.processes
@pytest.mark.postgres
def test_the_same_on_postgresql(house_on_postgres: House) -> None:
    """The short form of the figure."""
    asyncio.run(_play(house_on_postgres))
