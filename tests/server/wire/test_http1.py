"""Attacks on the connection itself, against the real server."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.live import Live, live

from watchword.model.credential import Kind
from watchword.server.wire import http1

TOML = """
[[route]]
path = "/open/{id}"
accept = "public"
[[route]]
path = "/orders/{id}"
accept = "api-key"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("wire"), TOML) as server:
        yield server


@pytest.fixture(scope="module")
def bearer(served: Live) -> bytes:
    secret = served.issue(Kind.API_KEY, served.service("billing")).material["secret"]
    return b"Authorization: Bearer " + secret.encode() + b"\r\n"


def exchange(server: Live, *parts: bytes) -> bytes:
    """Send the parts one after another and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for number, part in enumerate(parts):
            if number:
                time.sleep(0.05)
            try:
                connection.sendall(part)
            except OSError:  # refused while it was sent
                break
        answer = b""
        try:
            while data := connection.recv(65536):
                answer += data
        except ConnectionError:
            pass
        return answer


def pushed(connection: socket.socket, data: bytes, times: int, pause: float = 0.0) -> int:
    """Send ``data`` so many times, or until the server closes; return how many bytes went out."""
    sent = 0
    try:
        for _ in range(times):
            connection.sendall(data)
            sent += len(data)
            time.sleep(pause)
    except OSError:
        pass
    return sent


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


@pytest.mark.parametrize("path", [b"/whoami", b"/check/orders/7"])
def test_a_trailer_field_proves_nobody(served: Live, bearer: bytes, path: bytes) -> None:
    """RFC 9110 section 6.5.1: a trailer is no header field; what stands before us never saw it."""
    head = b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    assert statuses(exchange(served, head + bearer + b"\r\n0\r\n\r\n")) == [200]
    assert statuses(exchange(served, head + b"\r\n0\r\n" + bearer + b"\r\n")) == [401]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"x"])
def test_the_content_of_an_upgrade_request_is_not_the_next_request(
    served: Live, bearer: bytes, protocol: bytes
) -> None:
    smuggled = b"GET /whoami HTTP/1.1\r\nHost: a\r\n" + bearer + b"Connection: close\r\n\r\n"
    head = b"POST /check/open/7 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % len(smuggled)
    for parts in [(whole, smuggled), (whole + smuggled,)]:
        answer = exchange(served, *parts)
        assert statuses(answer) == [200]
        assert b"connection: close" in answer
        assert b"service:billing" not in answer


def test_an_upgrade_answered_at_once_is_the_last_request_too(served: Live, bearer: bytes) -> None:
    asked = b"X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /orders/7\r\n"
    plain = b"GET /check HTTP/1.1\r\nHost: a\r\n" + bearer + asked
    upgrade = plain + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert statuses(exchange(served, plain + b"\r\n", upgrade, plain + b"Connection: close\r\n\r\n")) == [200, 200]


@pytest.mark.parametrize("target", [b"/check/orders/7#", b"/check/orders/7#/../8", b"/check/orders/7?a#b", b"/#"])
def test_a_target_with_a_fragment_is_refused(served: Live, bearer: bytes, target: bytes) -> None:
    answer = exchange(served, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + bearer + b"Connection: close\r\n\r\n")
    assert statuses(answer) == [400]


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /whoami HTTP/1.1\r\nHost: a\r\n", b"X: " + b"a" * 997 + b"\r\n"),
        (b"GET /whoami HTTP/1.1\r\nHost: a\r\nX: ", b"a" * 1000),
        (b"GET /", b"a" * 1000),
        (b"GET /whoami HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: " + b"a" * 997 + b"\r\n"),
    ],
    ids=["many-fields", "one-field", "target", "trailers"],
)
def test_an_endless_head_ends_the_connection(served: Live, begin: bytes, more: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(begin)
        sent = pushed(connection, more, 64 * 1024)
    assert sent < 16 * 1024 * 1024  # what the kernel takes in comes on top of what the server reads


def test_an_overlong_head_is_told_so(served: Live) -> None:
    begin = b"GET /whoami HTTP/1.1\r\nHost: a\r\n"
    answer = exchange(served, begin, b"X: " + b"a" * (http1._MOST_BYTES + 10))
    assert statuses(answer) in ([431], [])  # a reset may overtake the answer
    assert statuses(exchange(served, begin + b"Connection: close\r\n", b"X: " + b"a" * 60_000 + b"\r\n\r\n")) == [401]


def test_content_is_not_counted_as_head(served: Live) -> None:
    body = b"x" * 900_000
    head = b"GET /whoami HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert statuses(exchange(served, head, body[:10], body[10:])) == [401]


@pytest.mark.parametrize(
    "begun",
    [
        (),
        (b"GET /whoami HT",),
        (b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",),
    ],
    ids=["nothing", "half-a-head", "half-a-content"],
)
def test_slow_callers_are_let_go(served: Live, monkeypatch: pytest.MonkeyPatch, begun: tuple[bytes, ...]) -> None:
    monkeypatch.setattr(http1, "_SECONDS", 0.2)
    began = time.monotonic()
    assert statuses(exchange(served, *begun)) in ([], [400])
    assert time.monotonic() - began < 5


def test_a_slow_caller_wins_no_time_by_sending_a_byte_now_and_then(
    served: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(b"GET /")
        assert pushed(connection, b"a", 40, pause=0.05) < 40


def test_pipelined_requests_are_all_answered_in_order(served: Live, bearer: bytes) -> None:
    one = b"POST /check/orders/7 HTTP/1.1\r\nHost: a\r\n" + bearer + b"Content-Length: 3\r\n\r\nabc"
    two = b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = exchange(served, (one + two) * 20 + last)
    assert statuses(answer) == [200, 404] * 20 + [200]


def test_empty_lines_win_no_time(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(b"\r\n")  # it ended the wait for a first request, and nothing took its place
        began = time.monotonic()
        pushed(connection, b"\r\n", 10, pause=0.05)
        assert connection.recv(1) == b""
        assert time.monotonic() - began < 5


def test_empty_lines_before_a_request_are_ignored(served: Live) -> None:
    last = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert statuses(exchange(served, b"\r\n", b"\r", b"\n" + last)) == [200]


def test_requests_far_ahead_of_their_answers_end_the_connection(served: Live) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        pushed(connection, b"GET / HTTP/1.1\r\n\r\n" * 10_000, 1)
        seen = b""
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(1 << 16):
                seen += data
        assert seen.count(b"HTTP/1.1 ") < 10_000


def test_who_is_ahead_is_read_no_further_until_answered(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    real = http1.WireProtocol.on_headers_complete

    def counted(self: http1.WireProtocol) -> None:
        nonlocal most
        real(self)
        most = max(most, len(self.pipeline))

    monkeypatch.setattr(http1.WireProtocol, "on_headers_complete", counted)
    monkeypatch.setitem(served.app._hot, "/slow", _slowly)
    first, last = b"GET /slow HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    ahead = b"GET /nowhere HTTP/1.1\r\n\r\n" * 300
    assert len(statuses(exchange(served, first + ahead, ahead, ahead + last))) == 902
    assert most <= 600


async def _slowly(scope: Any, receive: Any) -> Any:
    await asyncio.sleep(0.2)
    return 200, [(b"content-length", b"0")], b""


def test_who_takes_no_answers_is_let_go(served: Live, bearer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "_SECONDS", 0.2)
    question = b"GET /check HTTP/1.1\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /orders/7\r\n" + bearer + b"\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", served.port))
        began = time.monotonic()
        assert pushed(connection, question, 1_000_000) < len(question) * 1_000_000
        assert time.monotonic() - began < 5


def test_a_closed_connection_whose_end_nobody_takes_is_let_go(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    async def large(scope: Any, receive: Any) -> Any:
        return 200, [(b"content-length", b"50000")], bytes(50_000)  # too little for the server to stop writing

    monkeypatch.setattr(http1, "_SECONDS", 0.2)
    monkeypatch.setitem(served.app._hot, "/large", large)
    connections = served._server.server_state.connections
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        before = set(connections)
        connection.connect(("127.0.0.1", served.port))
        connection.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        assert connection.recv(9) == b"HTTP/1.1 "
        (mine,) = set(connections) - before
        mine.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        connection.sendall(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n")
        deadline = time.monotonic() + 5
        while mine in connections:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_who_speaks_no_http_fills_no_log(served: Live, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(20):
        assert statuses(exchange(served, b"\x16\x03\x01\r\n\r\n")) == [400]
    assert sum("Invalid HTTP" in record.message for record in caplog.records) <= 2


class Wire:
    """Note what is written, and whether it was closed."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def test_a_head_goes_with_its_content_or_by_itself_at_once() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"

    async def play() -> None:
        wire = Wire()
        joined = http1._Joined(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
        joined.write(head)
        joined.write(b"one")
        joined.write(b"two")
        assert wire.sent == [head + b"one", b"two"]
        joined.write(head)
        await asyncio.sleep(0)  # a stream whose content takes a while
        assert wire.sent[2:] == [head]
        joined.write(b"HTTP/1.1 in a content")
        await asyncio.sleep(0)
        assert wire.sent[3:] == [b"HTTP/1.1 in a content"]
        joined.write(head)
        joined.close()
        assert (wire.sent[4:], wire.closed) == ([head], True)
        await asyncio.sleep(0)
        assert len(wire.sent) == 5

    asyncio.run(play())


def test_answers_without_content_are_whole(served: Live, bearer: bytes) -> None:
    with served.client() as http:
        for _ in range(3):  # over one connection
            answer = http.head("/whoami", headers={"authorization": bearer.decode()[15:].strip()})
            assert (answer.status_code, answer.content) == (200, b"")
            assert int(answer.headers["content-length"]) > 0
            assert http.options("/whoami").status_code == 405
