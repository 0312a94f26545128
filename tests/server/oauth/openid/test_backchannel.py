"""Applications hear of logouts from the running server: over real HTTP, once each, and nobody waits for it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import App, code_of, login

from watchword.codec.jose import Header, key_set, peek, verify

TOML = 'issuer = "{url}"\n[limits]\naddress = "100000/min"\n[oauth]\nprivate_hosts = ["127.0.0.1"]\n'


class Listener:
    """An application's place for logout tokens."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200
        self.wait = 0.0
        listener = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                assert self.headers["content-type"].startswith("application/x-www-form-urlencoded")
                time.sleep(listener.wait)
                listener.heard.append(parse_qs(body)["logout_token"][0])
                self.send_response(listener.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Many(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self._http = Many(("127.0.0.1", 0), Answering)
        self.uri = f"http://127.0.0.1:{self._http.server_address[1]}/logout"

    @contextmanager
    def running(self) -> Iterator[Listener]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join(5)

    def await_some(self, count: int = 1) -> None:
        deadline = time.monotonic() + 8
        while len(self.heard) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(self.heard) == count


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().running() as listening:
        yield listening


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("backchannel"), TOML) as running:
        running.service("app")
        running.user("alice")
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        login(client)
        yield client


def part(token: str, number: int = 1) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[number] + "=="))
    return value


def end(http: httpx2.Client, server: Live) -> None:
    """Sign out by the button of the pages."""
    head = {"x-csrf-token": http.cookies["csrf"], "origin": server.url}
    assert http.post("/logout", headers=head).status_code == 204


def test_must_20_an_application_is_told_what_it_can_verify(
    http: httpx2.Client, server: Live, listener: Listener
) -> None:
    app = App(server, backchannel_logout_uri=listener.uri, backchannel_logout_session_required=True)
    tokens = app.redeem(http, code_of(http, app, scope="openid")).json()
    end(http, server)
    listener.await_some()
    raw = listener.heard[0].encode()
    header = peek(raw)
    assert isinstance(header, Header)
    assert header.type == "logout+jwt"
    keys = key_set(http.get("/oauth/jwks").content)
    assert keys is not None
    claims = verify(raw, keys[header.kid or ""])
    assert isinstance(claims, dict)
    id_token = part(tokens["id_token"])
    assert (claims["iss"], claims["aud"]) == (server.url, app.id)
    assert (claims["sub"], claims["sid"]) == (id_token["sub"], id_token["sid"])
    assert "nonce" not in claims
    assert app.refresh(http, tokens["refresh_token"]).status_code == 400
    noted = [event for event in server.events() if event.action == "backchannel-logout"]
    assert [(event.outcome, event.credential) for event in noted] == [("done", app.id)]


def test_each_application_of_the_session_and_none_of_another(
    http: httpx2.Client, server: Live, listener: Listener
) -> None:
    apps = [App(server, backchannel_logout_uri=listener.uri) for _ in range(3)]
    for app in apps:
        app.redeem(http, code_of(http, app, scope="openid"))
    plain = App(server, backchannel_logout_uri=listener.uri)
    plain.redeem(http, code_of(http, plain, scope="orders:read"))  # it knows of no session
    with server.client() as elsewhere:
        login(elsewhere)
        other = App(server, backchannel_logout_uri=listener.uri)
        other.redeem(elsewhere, code_of(elsewhere, other, scope="openid"))
        end(http, server)
        listener.await_some(3)
        assert {part(token)["aud"] for token in listener.heard} == {app.id for app in apps}
        time.sleep(0.3)
        assert len(listener.heard) == 3
        assert elsewhere.get("/account").status_code == 200


def test_logging_in_again_or_stepping_up_is_no_logout(http: httpx2.Client, server: Live, listener: Listener) -> None:
    app = App(server, backchannel_logout_uri=listener.uri)
    first = app.redeem(http, code_of(http, app, scope="openid")).json()
    login(http)
    time.sleep(0.3)
    second = app.redeem(http, code_of(http, app, scope="openid")).json()
    assert part(first["id_token"])["sid"] == part(second["id_token"])["sid"]
    assert listener.heard == []
    login(http, "alice")
    end(http, server)
    listener.await_some()


def test_a_slow_application_slows_no_logout_down(http: httpx2.Client, server: Live, listener: Listener) -> None:
    listener.wait = 1.0
    apps = [App(server, backchannel_logout_uri=listener.uri) for _ in range(8)]
    for app in apps:
        app.redeem(http, code_of(http, app, scope="openid"))
    began = time.monotonic()
    end(http, server)
    assert time.monotonic() - began < listener.wait
    with server.client() as other:
        assert other.get("/healthz").status_code == 200
    listener.await_some(8)
    assert time.monotonic() - began < 8 * listener.wait + 1


def test_strangers_do_not_send_us_inside(tmp_path: Path, listener: Listener) -> None:
    """A place that a client named is fetched from public addresses alone, unless the operator says otherwise."""
    with live(tmp_path, TOML.partition("[oauth]")[0]) as running, running.client() as http:
        running.service("app")
        running.user("alice")
        login(http)
        app = App(running, backchannel_logout_uri=listener.uri)
        app.redeem(http, code_of(http, app, scope="openid"))
        end(http, running)
        deadline = time.monotonic() + 5
        outcomes: list[str] = []
        while not outcomes and time.monotonic() < deadline:
            outcomes = [event.outcome for event in running.events() if event.action == "backchannel-logout"]
        assert outcomes == ["broken"]
        assert listener.heard == []
