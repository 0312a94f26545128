"""An application of plain JavaScript in a real browser, from another origin: login, consent, refresh, logout."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.figures.house import House
from watchword.model.credential import Kind

pytestmark = pytest.mark.processes

HERE = Path(__file__).parent / "app"
PASSWORD = "four horses eat the long grass"
TOML = '[oauth.scopes]\n"orders:read" = "See your orders"\n'


class Files(SimpleHTTPRequestHandler):
    """Serve the application's files, and whom it asks."""

    config: bytes = b"{}"

    def do_GET(self) -> None:
        if self.path != "/config.json":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.config)))
        self.end_headers()
        self.wfile.write(self.config)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def place() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(HERE)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def house(tmp_path: Path, place: str) -> Iterator[House]:
    with House(tmp_path / "site", workers=1, more=TOML) as running:

        async def seed() -> str:
            async with running.operator() as watchword:
                for name in ("service:shop", "user:alice"):
                    await watchword.lifecycle.add_subject(name, by="test")
                given: dict[str, Any] = {"by": "test", "scopes": ("orders:read",)}
                await watchword.lifecycle.issue(Kind.PASSWORD, "user:alice", options={"password": PASSWORD}, **given)
                options = {
                    "public": True,
                    "client_name": "Shop",
                    "grants": ["authorization_code", "refresh_token"],
                    "redirect_uris": [place],
                    "post_logout_redirect_uris": [place],
                }
                issued = await watchword.lifecycle.issue(Kind.OAUTH_CLIENT, "service:shop", options=options, **given)
                return str(issued.material["client_id"])

        issuer = f"http://127.0.0.1:{running.port}"
        Files.config = json.dumps({"issuer": issuer, "client_id": asyncio.run(seed())}).encode()
        yield running


def said(page: Any, begins: str) -> str:
    out = page.locator("#out")
    page.wait_for_function("begins => document.querySelector('#out')?.textContent.startsWith(begins)", arg=begins)
    return str(out.inner_text())


def test_login_consent_refresh_and_logout(house: House, chromium: Any, place: str) -> None:
    context = chromium.new_context()
    page, troubles = context.new_page(), []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.set_default_timeout(15_000)
    page.goto(place)
    said(page, "ready")
    page.click("#login")
    page.get_by_label("User name or email address", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_selector("text=See your orders")
    assert "Shop" in page.locator("h1").inner_text()
    page.get_by_role("button", name="Allow", exact=True).click()
    told = json.loads(said(page, "{"))
    expected = {"what": "logged in", "sub": "user:alice", "scope": "openid orders:read", "refreshable": True}
    assert told == expected
    assert page.url == place  # neither code nor state stays in the address
    page.click("#refresh")
    page.wait_for_function("document.querySelector('#out').textContent.includes('refreshed')")
    assert json.loads(said(page, "{"))["sub"] == "user:alice"
    names = {cookie["name"] for cookie in context.cookies()}
    assert "session" in names
    page.click("#logout")
    assert said(page, "logged out") == "logged out: 400 invalid_grant"
    assert page.url.startswith(place)
    assert "session" not in {cookie["name"] for cookie in context.cookies()}
    assert troubles == []
    context.close()
