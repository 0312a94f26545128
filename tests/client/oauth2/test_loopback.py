"""Judge the listener by RFC 8252 section 7.3, over real sockets."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import struct
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from watchword.client.oauth2.loopback import Loopback


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    listening = Loopback("/callback", "st4te", 30)
    yield listening
    listening.close()


def get(loopback: Loopback, query: str, path: str = "/callback", **headers: str) -> httpx2.Response:
    url = loopback.redirect_uri.removesuffix("/callback") + path + query
    return httpx2.get(url, headers=headers, trust_env=False)


def test_the_browser_comes_back(loopback: Loopback) -> None:
    page = get(loopback, "?code=c%201&state=st4te&iss=https%3A%2F%2Fa")
    assert loopback.answer.result(2) == {"code": "c 1", "state": "st4te", "iss": "https://a"}
    assert page.status_code == 200
    assert "You are logged in" in page.text
    assert "c 1" not in page.text


def test_the_page_runs_nothing_and_tells_nobody(loopback: Loopback) -> None:
    page = get(loopback, "?code=c&state=st4te")
    style = re.search(r"<style>(.*?)</style>", page.text)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "frame-ancestors 'none'" in policy
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")


def test_a_refusal_is_an_answer(loopback: Loopback) -> None:
    page = get(loopback, "?error=access_denied&state=st4te&error_description=<script>")
    assert (page.status_code, "not logged in" in page.text, "script" in page.text) == (403, True, False)
    assert loopback.answer.result(2) == {"error": "access_denied", "state": "st4te", "error_description": "<script>"}


@pytest.mark.parametrize(
    ("query", "path", "status"),
    [
        ("?code=c&state=other", "/callback", 400),
        ("?code=c", "/callback", 400),
        ("", "/callback", 400),
        ("?code=c&state=st4te&state=st4te", "/callback", 400),
        ("?code=c&state=st4te", "/", 404),
        ("?code=c&state=st4te", "/callback/", 404),
    ],
)
def test_what_does_not_belong_here_does_not_end_the_wait(
    loopback: Loopback, query: str, path: str, status: int
) -> None:
    assert get(loopback, query, path).status_code == status
    assert not loopback.answer.done()
    assert get(loopback, "?code=c&state=st4te").status_code == 200


def test_a_page_that_rebinds_its_name_to_loopback_is_turned_away(loopback: Loopback) -> None:
    assert get(loopback, "?code=c&state=st4te", host="evil.example").status_code == 404
    assert not loopback.answer.done()


def test_only_get_is_answered(loopback: Loopback) -> None:
    url = loopback.redirect_uri + "?code=c&state=st4te"
    assert httpx2.post(url, trust_env=False).status_code == 501
    assert not loopback.answer.done()


def test_an_idle_connection_does_not_block(loopback: Loopback) -> None:
    port = int(loopback.redirect_uri.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
        assert get(loopback, "?code=c&state=st4te").status_code == 200


def raw(loopback: Loopback, request: bytes) -> bytes:
    """Send bytes, and reset the connection unless something comes at once."""
    with socket.create_connection(("127.0.0.1", int(urlsplit(loopback.redirect_uri).netloc.rpartition(":")[2]))) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.sendall(request)
        one.settimeout(0.2)
        try:
            return one.recv(100)
        except OSError:
            return b""


def test_an_answer_counts_though_the_browser_waits_for_no_page(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(BaseHTTPRequestHandler, "end_headers", gone)
    host = urlsplit(loopback.redirect_uri).netloc
    raw(loopback, f"GET /callback?code=c&state=st4te HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert loopback.answer.result(2) == {"code": "c", "state": "st4te"}
    loopback.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "request_line",
    [
        b"\x16\x03\x01",
        b"GET http://[ HTTP/1.1",
        b"GET /callback?code=%ff&state=st4te HTTP/1.1",
        b"GET " + b"a" * 70_000,
    ],
)
def test_noise_of_other_processes_is_neither_an_answer_nor_printed(
    loopback: Loopback, request_line: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    host = urlsplit(loopback.redirect_uri).netloc.encode()
    assert b" 200 " not in raw(loopback, request_line + b"\r\nHost: " + host + b"\r\n\r\n")
    assert not loopback.answer.done()
    assert get(loopback, "?code=c&state=st4te").status_code == 200
    assert capsys.readouterr().err == ""


def test_it_listens_on_this_machine_alone(loopback: Loopback) -> None:
    assert loopback.redirect_uri.startswith("http://127.0.0.1:")


def test_the_wait_ends() -> None:
    listening = Loopback("/cb", "s", 0.05)
    assert listening.answer.result(2) is None
    listening.close()


def test_closing_ends_the_wait_and_frees_the_port() -> None:
    listening = Loopback("/cb", "s", 30)
    listening.close()
    assert listening.answer.result(0) is None
    port = int(listening.redirect_uri.split(":")[2].split("/")[0])
    again = Loopback("/cb", "s", 30, port)
    assert again.redirect_uri == listening.redirect_uri
    again.close()
