"""Outgoing requests against a real socket: what comes back, and what is not let in."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.tokens import API, ED, NOW, THEIRS

from watchword.codec.jose import Header
from watchword.keyring import Issuer
from watchword.model.ports import Fetched, Unavailable
from watchword.server.fetch import HttpFetch


class Answers(BaseHTTPRequestHandler):
    """Each path answers in its own way."""

    seen: list[tuple[str, str, bytes, dict[str, str]]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, body, dict(self.headers)))  # type: ignore[attr-defined]
        reply: dict[str, Callable[[], None]] = {
            "/ok": lambda: self._send(200, b'{"keys":[]}'),
            "/cookie": lambda: self._send(200, b"", **{"set-cookie": "id=1; Path=/"}),
            "/redirect": lambda: self._send(302, b"", location="http://169.254.169.254/latest/meta-data"),
            "/big": lambda: self._send(200, b"x" * 70_000),
            "/gzip": lambda: self._send(200, gzip.compress(b"x" * 10_000_000), **{"content-encoding": "gzip"}),
            "/slow": self._slow,
            "/never": lambda: self.server.leaving.wait(10),  # type: ignore[attr-defined]
            "/short": lambda: self._send(200, b"x", **{"content-length": "10"}),
        }
        reply.get(self.path.partition("?")[0], lambda: self._send(404, b"no"))()

    do_POST = do_GET

    def _send(self, status: int, body: bytes, **fields: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **fields}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _slow(self) -> None:
        time.sleep(0.2)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the caller may be gone
            self._send(200, b"slow")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str, bytes, dict[str, str]]]]]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    running.seen = []  # type: ignore[attr-defined]
    running.leaving = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}", running.seen  # type: ignore[attr-defined]
    running.leaving.set()  # type: ignore[attr-defined]
    running.shutdown()
    thread.join()
    running.server_close()


def run(work: Callable[[HttpFetch], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    async def within() -> Any:
        fetch = HttpFetch(**options)
        try:
            return await work(fetch)
        finally:
            await fetch.close()

    return asyncio.run(within())


def test_get_and_post(server: Any) -> None:
    at, seen = server
    assert run(lambda fetch: fetch(at + "/ok")) == Fetched(200, b'{"keys":[]}')
    assert run(lambda fetch: fetch(at + "/none")) == Fetched(404, b"no")
    run(lambda fetch: fetch(at + "/ok", data={"token": "a b"}, headers={"authorization": "Basic x"}))
    method, path, body, fields = seen[-1]
    assert (method, path, body) == ("POST", "/ok", b"token=a+b")
    assert {name.lower(): value for name, value in fields.items()}["authorization"] == "Basic x"


def test_ghsa_9v7f_9g4p_ffgj_a_redirect_is_an_answer(server: Any) -> None:
    at, seen = server
    assert run(lambda fetch: fetch(at + "/redirect")) == Fetched(302, b"")
    assert [path for _, path, _, _ in seen] == ["/redirect"]


def test_cookies_are_not_kept(server: Any) -> None:
    at, seen = server

    async def twice(fetch: HttpFetch) -> None:
        await fetch(at + "/cookie")
        await fetch(at + "/cookie")

    run(twice)
    assert len(seen) == 2
    assert not any(name.lower() == "cookie" for *_, fields in seen for name in fields)


@pytest.mark.parametrize("path", ["/big", "/gzip", "/short"])
def test_no_usable_answer(server: Any, path: str) -> None:
    with pytest.raises(Unavailable):
        run(lambda fetch: fetch(server[0] + path))


def test_time_is_bounded_and_a_query_is_not_repeated(server: Any) -> None:
    started = time.perf_counter()
    with pytest.raises(Unavailable) as error:
        run(lambda fetch: fetch(server[0] + "/never?token=secret"), timeout=0.05)
    assert time.perf_counter() - started < 4
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


UNFETCHED = "http://127.0.0.1:1/ file:///etc/passwd http://evil.example/ data:,x https://[ x"


@pytest.mark.parametrize("url", UNFETCHED.split())
def test_cve_2026_48522_what_cannot_be_fetched(url: str) -> None:
    with pytest.raises(Unavailable):
        run(lambda fetch: fetch(url))


def test_a_proxy_never_sees_loopback(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert run(lambda fetch: fetch(server[0] + "/ok")).status == 200


def test_callers_at_once_share_one_exchange(server: Any) -> None:
    at, seen = server

    async def many(fetch: HttpFetch) -> set[Fetched]:
        first = asyncio.create_task(fetch(at + "/slow"))
        others = [asyncio.create_task(fetch(at + "/slow")) for _ in range(50)]
        await asyncio.sleep(0.05)
        first.cancel()  # the others go on
        return set(await asyncio.gather(*others))

    assert run(many) == {Fetched(200, b"slow")}
    assert len(seen) == 1

    async def again(fetch: HttpFetch) -> None:
        await fetch(at + "/ok")
        await fetch(at + "/ok")

    run(again)
    assert len(seen) == 3


def test_close_ends_what_is_under_way(server: Any) -> None:
    async def leave(fetch: HttpFetch) -> asyncio.Task[Fetched]:
        waiting = asyncio.create_task(fetch(server[0] + "/never"))
        await asyncio.sleep(0.02)
        return waiting

    started = time.perf_counter()

    async def within() -> None:
        fetch = HttpFetch()
        waiting = await leave(fetch)
        await fetch.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(within())
    assert time.perf_counter() - started < 4


def test_ghsa_2gx3_rcp4_g85q_a_storm_of_kids_at_once_is_one_request(server: Any) -> None:
    at, seen = server

    async def storm(fetch: HttpFetch) -> None:
        issuer = Issuer(THEIRS, API, jwks_uri=at + "/jwks", fetch=fetch, clock=lambda: NOW)
        issuer._keys = {ED.kid: ED.verification}

        async def one(number: int) -> None:
            found = issuer.key(Header(b"", "EdDSA", f"kid{number}", "JWT"))
            assert (await found if asyncio.iscoroutine(found) else found) is None

        await asyncio.gather(*(one(number) for number in range(1_000)))
        await asyncio.gather(*(one(number) for number in range(1_000)))

    run(storm)
    assert len(seen) == 1
