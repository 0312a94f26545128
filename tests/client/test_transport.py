"""Judge the one class for three libraries: what it is, what it imports, what it hands through."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import httpx2
import pytest
import requests

from tests.client.callers import Caller
from tests.client.server import API_KEY, CLIENT, CLIENT_SECRET, PASSWORD, USER, Server
from watchword.client import (
    ApiKeyAuth,
    AuthenticationFailed,
    BasicAuth,
    LoginAuth,
    OAuth2Auth,
    SessionAuth,
    SignatureAuth,
)
from watchword.client.flight import RenewingAuth
from watchword.client.transport import Auth, origin_of

URL = "https://api.example.com"
ALL: list[Auth] = [
    ApiKeyAuth(API_KEY),
    BasicAuth(USER, PASSWORD),
    LoginAuth(URL, USER, PASSWORD),
    OAuth2Auth(f"{URL}/token", CLIENT, CLIENT_SECRET),
    SessionAuth(URL, USER, PASSWORD),
    SignatureAuth("hk_live_1", "hs_live_1"),
]


@pytest.mark.parametrize("auth", ALL, ids=repr)
def test_each_is_an_auth_of_all_three_libraries(auth: Auth) -> None:
    assert isinstance(auth, httpx2.Auth)
    assert isinstance(auth, httpx.Auth)
    assert isinstance(auth.requests, requests.auth.AuthBase)
    assert auth.requests is auth.requests


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("only", ["httpx2", "httpx", "requests"])
def test_one_library_is_enough(only: str) -> None:
    blocked = {"httpx2", "httpx", "requests"} - {only}
    use = "auth.requests" if only == "requests" else f"__import__('{only}').Client(auth=auth)"
    done = run(
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        f"from watchword.client import *\nauth = ApiKeyAuth('ak_live_x')\n{use}\nprint('works')"
    )
    assert done.stdout.strip() == "works", done.stderr


def test_no_library_is_an_import_error_that_names_the_extra() -> None:
    done = run("import sys; sys.modules.update(dict.fromkeys(['httpx2','httpx','requests']))\nimport watchword.client")
    assert done.returncode == 1
    assert "ImportError" in done.stderr
    assert "watchword[client]" in done.stderr


def test_the_client_is_light() -> None:
    done = run(
        "import sys, watchword.client\n"
        "heavy = {'joserfc', 'sqlalchemy', 'pydantic', 'argon2', 'starlette', 'requests', 'watchword.stores'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://h", ("http", "h", 80)),
        ("https://H.example:443/x?y", ("https", "h.example", 443)),
        ("http://u:p@h:8080/", ("http", "h", 8080)),
        ("http://[::1]:80", ("http", "::1", 80)),
    ],
)
def test_origins_are_normal(url: str, origin: tuple[str, str, int]) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "h", "//h", "ftp://h", "http:///x", "http://h:port", "http://h:99999"])
def test_what_has_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        origin_of(url)


def test_a_stream_is_sent_once_and_its_refusal_is_final(caller: Caller, server: Server) -> None:
    async def later() -> Any:
        yield b"once"

    def now() -> Iterator[bytes]:
        yield b"once"

    auth = LoginAuth(server.url, USER, PASSWORD)
    caller.send(auth, "GET", f"{server.url}/whoami")
    server.api.tokens.clear()
    body = later() if caller.name.endswith("async") else now()
    assert caller.send(auth, "POST", f"{server.url}/orders", content=body).status_code == 401
    assert server.api.asked["POST /orders"] == 1
    assert caller.send(auth, "POST", f"{server.url}/orders", content=b"again").status_code == 200


@pytest.mark.parametrize("library", [httpx2, httpx])
def test_the_flows_own_calls_keep_the_callers_timeout(library: Any) -> None:
    seen = []

    def answer(request: Any) -> Any:
        seen.append(request.extensions.get("timeout"))
        return library.Response(200, json={"token": "t1"})

    transport = library.MockTransport(answer)
    with library.Client(transport=transport, auth=LoginAuth("http://h", USER, PASSWORD), timeout=1.5) as http:
        http.get("http://h/whoami")
    assert [timeout["read"] for timeout in seen] == [1.5, 1.5]


@pytest.mark.parametrize("library", [httpx2, httpx])
def test_a_broken_connection_during_the_login_leaves_no_turn_behind(library: Any) -> None:
    broken = True

    def answer(request: Any) -> Any:
        if broken:
            raise library.ConnectError("no")
        return library.Response(200, json={"token": "t1"})

    auth = LoginAuth("http://h", USER, PASSWORD)
    with library.Client(transport=library.MockTransport(answer), auth=auth) as http:
        with pytest.raises(library.ConnectError):
            http.get("http://h/whoami")
        broken = False
        assert http.get("http://h/whoami").status_code == 200


@pytest.mark.parametrize("library", [httpx2, httpx])
def test_a_cancelled_login_leaves_no_turn_behind(library: Any) -> None:
    async def go() -> None:
        hang = asyncio.Event()

        async def answer(request: Any) -> Any:
            if request.url.path == "/login" and not hang.is_set():
                await hang.wait()
            return library.Response(200, json={"token": "t1"})

        auth = LoginAuth("http://h", USER, PASSWORD)
        async with library.AsyncClient(transport=library.MockTransport(answer), auth=auth) as http:
            first = asyncio.ensure_future(http.get("http://h/1"))
            others = [asyncio.ensure_future(http.get("http://h/2")) for _ in range(3)]
            await asyncio.sleep(0.01)
            first.cancel()
            others[0].cancel()
            hang.set()
            done = await asyncio.gather(first, *others, return_exceptions=True)
        assert [isinstance(one, asyncio.CancelledError) for one in done] == [True, True, False, False]
        assert [one.status_code for one in done[2:]] == [200, 200]

    asyncio.run(go())


@pytest.mark.parametrize("library", [httpx2, httpx])
def test_streamed_responses_stay_unread(library: Any, server: Server) -> None:
    with library.Client(auth=ApiKeyAuth(API_KEY)) as http, http.stream("GET", f"{server.url}/whoami") as response:
        assert not response.is_stream_consumed
        assert response.read() == b'{"who": "%s"}' % API_KEY.encode()


@pytest.fixture
def astray() -> Iterator[tuple[str, list[bytes]]]:
    """Serve a place whose answers all lead to another one, by the status named in the path; note what that one gets."""
    got: list[bytes] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            with suppress(OSError):
                self.connection.settimeout(0.2)
                got.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                got.append(str(self.headers).encode())
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"token": "theirs", "access_token": "theirs", "token_type": "Bearer"}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Here(Elsewhere):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(int(self.path.split("/")[1]))
            self.send_header("Location", f"http://127.0.0.1:{elsewhere.server_port}/")
            self.end_headers()

    elsewhere, here = (ThreadingHTTPServer(("127.0.0.1", 0), each) for each in (Elsewhere, Here))
    for each in (elsewhere, here):
        threading.Thread(target=each.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{here.server_port}", got
    for each in (elsewhere, here):
        each.shutdown()
        each.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("scheme", ["login", "oauth", "session"])
def test_no_redirect_takes_a_password_elsewhere_or_brings_a_token_from_there(
    astray: tuple[str, list[bytes]], caller: Caller, scheme: str, status: int
) -> None:
    url, got = astray
    every: dict[str, RenewingAuth[Any]] = {
        "login": LoginAuth(f"{url}/{status}", USER, PASSWORD),
        "oauth": OAuth2Auth(f"{url}/{status}/token", CLIENT, CLIENT_SECRET),
        "session": SessionAuth(f"{url}/{status}", USER, PASSWORD),
    }
    auth = every[scheme]
    with pytest.raises(AuthenticationFailed):
        caller.send_all(auth, [("GET", f"{url}/{status}/orders", {})], follow_redirects=True)
    said = b"".join(got)
    assert PASSWORD.encode() not in said
    assert b"grant_type" not in said
    assert b"uthorization" not in said
    assert auth.current() is None
