"""Fetches of what strangers name, against real sockets: where they may lead, and what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme

from watchword.model.ports import Fetched, Unavailable
from watchword.server.outward import Outward

NAME = "client.example"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, body, dict(self.headers)))  # type: ignore[attr-defined]
        reply: dict[str, Callable[[], None]] = {
            "/ok": lambda: self._send(200, b"{}", **{"cache-control": "max-age=600", "x-more": "1"}),
            "/redirect": lambda: self._send(302, b"", location="/ok"),
            "/big": lambda: self._send(200, b"x" * 70_000),
            "/drip": self._drip,
            "/gzip": lambda: self._send(200, gzip.compress(b"x" * 1_000_000), **{"content-encoding": "gzip"}),
            "/interim": lambda: self._flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
            "/fields": lambda: self._flood(b"a: b\r\n", b"HTTP/1.1 200 OK\r\n"),
            "/frames": lambda: self._flood(b"1\r\nx\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
            "/nothing": lambda: self.server.leaving.wait(10),  # type: ignore[attr-defined]
            "/garbage": lambda: self.wfile.write(b"\x00garbage\r\n\r\n"),
        }
        reply.get(self.path, lambda: self._send(404, b"no"))()

    do_POST = do_GET

    def _send(self, status: int, body: bytes, **fields: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **fields}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _flood(self, piece: bytes, begin: bytes = b"") -> None:
        """Send very much of very little."""
        with contextlib.suppress(OSError):
            self.wfile.write(begin)
            for _ in range(400):
                self.wfile.write(piece * 1_000)
        self.close_connection = True

    def _drip(self) -> None:
        """Send a byte at a time, each well within any timeout of a read."""
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(500):
                self.wfile.write(b"x")
                time.sleep(0.02)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Place:
    """A server under a name, over TLS, and how often the name was looked up."""

    def __init__(self) -> None:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(NAME).configure_cert(context)
        self.verify = ssl.create_default_context()
        authority.configure_trust(self.verify)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.seen = self.seen = []  # type: ignore[attr-defined]
        self.server.leaving = self.leaving = threading.Event()  # type: ignore[attr-defined]
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port = self.server.server_port
        self.answers: list[list[str]] = [["127.0.0.1"]]
        self.asked: list[str] = []

    def url(self, path: str, host: str = NAME) -> str:
        return f"https://{host}:{self.port}{path}"

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]

    def run(self, work: Callable[[Outward], Coroutine[Any, Any, Any]], **options: Any) -> Any:
        options = {"private_hosts": [NAME], "resolve": self.resolve, "verify": self.verify, **options}
        return run(work, **options)


def run(work: Callable[[Outward], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    async def within() -> Any:
        fetch = Outward(**options)
        try:
            return await work(fetch)
        finally:
            await fetch.close()

    return asyncio.run(within())


@pytest.fixture(scope="module")
def running() -> Iterator[Place]:
    place = Place()
    thread = threading.Thread(target=place.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield place
    place.leaving.set()
    place.server.shutdown()
    thread.join()
    place.server.server_close()


@pytest.fixture
def place(running: Place) -> Place:
    running.asked.clear()
    running.seen.clear()  # type: ignore[attr-defined]
    running.answers = [["127.0.0.1"]]
    return running


def test_get_keeps_the_name_for_tls_and_host(place: Place) -> None:
    answer = place.run(lambda fetch: fetch(place.url("/ok")))
    assert answer == Fetched(200, b"{}")
    assert answer.headers == {"cache-control": "max-age=600"}
    method, path, _, fields = place.seen[0]  # type: ignore[attr-defined]
    assert (method, path, fields["Host"]) == ("GET", "/ok", f"{NAME}:{place.port}")
    assert place.asked == [NAME]


def test_post_sends_a_form(place: Place) -> None:
    place.run(lambda fetch: fetch(place.url("/ok"), data={"logout_token": "a b"}))
    method, _, body, fields = place.seen[0]  # type: ignore[attr-defined]
    assert (method, body, fields["Content-Type"]) == (
        "POST",
        b"logout_token=a+b",
        "application/x-www-form-urlencoded",
    )


def test_a_certificate_for_another_name_is_refused(place: Place) -> None:
    with pytest.raises(Unavailable):
        place.run(lambda fetch: fetch(place.url("/ok", "other.example")), private_hosts=["other.example"])
    assert place.seen == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("found", [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::1"], ["64:ff9b::7f00:1"]])
def test_must_21_no_name_leads_inside(place: Place, found: list[str]) -> None:
    place.answers = [found]
    with pytest.raises(Unavailable, match="SpecialUseAddress"):
        place.run(lambda fetch: fetch(place.url("/ok")), private_hosts=[])
    assert place.seen == []  # type: ignore[attr-defined]


def test_must_21_the_answer_cannot_change_between_check_and_connection(place: Place) -> None:
    """A name that is public when it is judged and loopback a moment later: it is looked up once."""
    place.answers = [["192.0.1.1"], ["127.0.0.1"]]
    with pytest.raises(Unavailable):
        place.run(lambda fetch: fetch(place.url("/ok")), private_hosts=[], timeout=0.1)
    assert place.asked == [NAME]
    assert place.seen == []  # type: ignore[attr-defined]


def test_must_21_every_fetch_looks_the_name_up_again(place: Place) -> None:
    place.answers = [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]]

    async def twice(fetch: Outward) -> None:
        await fetch(place.url("/ok"))
        await fetch(place.url("/ok"))

    place.run(twice)
    assert place.asked == [NAME, NAME]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "0", "127.1", "localhost."],
)
def test_must_21_addresses_of_any_spelling(place: Place, host: str) -> None:
    with pytest.raises(Unavailable):
        run(lambda fetch: fetch(place.url("/ok", host)), verify=place.verify)
    assert place.seen == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "data:,x", "http://client.example/", "ftp://client.example/", ""]
)
def test_cve_2026_48522_other_schemes(place: Place, url: str) -> None:
    with pytest.raises(Unavailable):
        place.run(lambda fetch: fetch(url))
    assert place.asked == []


def test_ghsa_9v7f_9g4p_ffgj_redirects_are_not_followed(place: Place) -> None:
    assert place.run(lambda fetch: fetch(place.url("/redirect"))).status == 302
    assert [path for _, path, *_ in place.seen] == ["/redirect"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/drip", "/nothing"])
def test_must_21_slow_answers_end(place: Place, path: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(Unavailable):
        place.run(lambda fetch: fetch(place.url(path)), timeout=0.15)
    assert time.perf_counter() - begun < 4  # both would go on for ten seconds


@pytest.mark.parametrize("path", ["/interim", "/fields", "/frames"])
def test_must_21_floods_of_little_end(place: Place, path: str) -> None:
    with pytest.raises(Unavailable, match="ReadError"):  # not by the clock: what is tiny costs far more than its bytes
        place.run(lambda fetch: fetch(place.url(path)))


@pytest.mark.parametrize("path", ["/big", "/garbage", "/gzip"])
def test_must_21_large_and_broken_answers(place: Place, path: str) -> None:
    with pytest.raises(Unavailable):
        place.run(lambda fetch: fetch(place.url(path)))


def test_no_proxy_stands_between(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert place.run(lambda fetch: fetch(place.url("/ok"))).status == 200


def test_a_name_without_addresses(place: Place) -> None:
    place.answers = [[]]
    with pytest.raises(Unavailable):
        place.run(lambda fetch: fetch(place.url("/ok")))


def test_the_next_address_is_tried(place: Place) -> None:
    place.answers = [["127.0.0.9", "127.0.0.1"]]  # nobody listens on the first
    assert place.run(lambda fetch: fetch(place.url("/ok"))).status == 200


def test_the_system_resolves(place: Place) -> None:
    url = f"http://localhost:{place.port}/ok"  # plain http to a TLS port: reached, and no usable answer
    with pytest.raises(Unavailable) as error:
        run(lambda fetch: fetch(url), private_hosts=["localhost"])
    assert "SpecialUseAddress" not in str(error.value)


def test_exchanges_at_once_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchword.server.outward._MOST_AT_ONCE", 8)

    async def many(fetch: Outward) -> list[Any]:
        calls = [fetch(place.url(f"/nothing?{each}")) for each in range(10)]
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = place.run(many, timeout=0.2)
    refused = [each for each in answers if "too many" in str(each)]
    assert len(refused) == 2
    assert all(isinstance(each, (Unavailable, Fetched)) for each in answers)
