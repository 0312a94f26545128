"""Log in with npm's oidc-provider, run for real."""

from __future__ import annotations

import html
import re
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
from tests.node import node
from tests.server.live import Live, live
from tests.server.login.test_outside import form_of, post, whoami
from tests.server.oauth.openid.test_backchannel import Listener

SECRET = "a secret: of 32 characters at least%"  # with what a form must encode

pytestmark = pytest.mark.processes


def at_provider(browser: httpx2.Client, place: str, name: str) -> str:
    """Log in and consent at the provider's pages; return the callback that it sends the browser to."""
    for _ in range(12):
        answer = browser.get(place)
        form = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
        if answer.status_code == 200 and form:
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert prompt, answer.text
            data = {"prompt": prompt[1], "login": name, "password": "any"}
            answer = browser.post(urljoin(place, html.unescape(form[1])), data=data)
        assert "location" in answer.headers, answer.text
        place = urljoin(place, answer.headers["location"])
        if "/login/outside/node/callback" in place:
            return place
    raise AssertionError("the provider led in circles")


def settings(issuer: str) -> str:
    return f"""issuer = "{{url}}"
[[provider]]
name = "node"
issuer = "{issuer}"
client_id = "watchword"
client_secret_env = "NODE_SECRET"
sign_up = true
"""


def log_in(server: Live, http: httpx2.Client, name: str) -> httpx2.Response:
    with httpx2.Client(trust_env=False) as browser:
        sent = http.get("/login/outside/node")
        assert sent.status_code == 303, sent.text
        return http.get(at_provider(browser, sent.headers["location"], name).removeprefix(server.url))


@pytest.mark.parametrize(
    "algorithm",
    ["ES256", "RS256", "Ed25519"],
)
def test_oidc_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str) -> None:
    monkeypatch.setenv("NODE_SECRET", SECRET)
    with node("provider.js", algorithm) as issuer, live(tmp_path, settings(issuer)) as server:
        with server.client() as http:
            assert log_in(server, http, "nina").headers["location"] == "/login/outside"
            page = http.get("/login/outside")
            assert "nina" in page.text
            post(http, "/login/outside", {**form_of(page), "do": "create"})
            who = whoami(http)
            assert (who["subject"], who["factors"]) == ("user:nina", ["fed"])
        with server.client() as again:
            assert log_in(server, again, "nina").headers["location"] == "/"
            assert whoami(again)["subject"] == "user:nina"


def test_a_wrong_secret_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_SECRET", "another secret than was registered")
    with node("provider.js") as issuer, live(tmp_path, settings(issuer)) as server, server.client() as http:
        assert log_in(server, http, "nina").status_code == 400
        assert "invalid_client" in server.last().detail


def test_a_logout_there_is_one_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-Channel Logout 1.0: the logout token that oidc-provider really sends."""
    monkeypatch.setenv("NODE_SECRET", SECRET)
    with (
        Listener().running() as listener,
        node("provider.js", "ES256", listener.uri) as issuer,
        live(tmp_path, settings(issuer)) as server,
        server.client() as http,
        server.client() as other,
    ):
        with httpx2.Client(trust_env=False) as browser:
            place = http.get("/login/outside/node").headers["location"]
            http.get(at_provider(browser, place, "nina").removeprefix(server.url))
            post(http, "/login/outside", {**form_of(http.get("/login/outside")), "do": "create"})
            assert log_in(server, other, "nina").headers["location"] == "/"
            page = browser.get(f"{issuer}/session/end")
            form = re.search(r'<form[^>]* action="([^"]+)"', page.text)
            token = re.search(r'name="xsrf" value="([^"]+)"', page.text)
            assert form is not None
            assert token is not None
            browser.post(urljoin(issuer, form[1]), data={"xsrf": token[1], "logout": "yes"})
        listener.await_some()
        with server.client() as provider:
            answer = provider.post("/login/outside/node/logout", data={"logout_token": listener.heard[0]})
            assert answer.status_code == 200, server.last()
            again = provider.post("/login/outside/node/logout", data={"logout_token": listener.heard[0]})
            assert again.status_code == 400
        assert http.get("/account").status_code == 401
        assert other.get("/account").status_code == 200  # it came from another session there
