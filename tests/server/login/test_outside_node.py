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
