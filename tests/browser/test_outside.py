"""Log in at one server by way of another in real Chromium: what a form's policy lets through, no HTTP client tells."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import PASSWORD, Live
from watchword.model.credential import Kind

pytestmark = pytest.mark.processes


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Live, Live]]:
    """Two servers under two names of this machine: browsers tell sites apart by name, not by port."""
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    there = Live(tmp_path / "there", 'issuer = "http://localhost:{port}"\n').start()
    there.service("app")
    there.user("alice")
    options = {
        "grants": ["authorization_code"],
        "redirect_uris": ["http://127.0.0.1/login/outside/ww/callback"],
        "first_party": True,
    }
    material = there.issue(Kind.OAUTH_CLIENT, "service:app", options=options).material
    monkeypatch.setenv("WW_SECRET", material["client_secret"])
    toml = f"""issuer = "{{url}}"
[[provider]]
name = "ww"
label = "There"
issuer = "http://localhost:{there.port}"
client_id = "{material["client_id"]}"
client_secret_env = "WW_SECRET"
sign_up = true
"""
    here = Live(tmp_path / "here", toml).start()
    here.user("bob")
    yield there, here
    here.stop()
    there.stop()


@pytest.fixture
def page() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("NOT TESTED: there is no Chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="NOT TESTED: playwright is missing")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
        yield page
        browser.close()


def at_provider(page: Any, there: Live) -> None:
    page.wait_for_url(f"http://localhost:{there.port}/login?**")
    page.fill("input[name=username]", "alice")
    page.fill("input[name=password]", PASSWORD)
    page.click("form[action='/login'] button[type=submit]")


def test_by_the_providers_login_form_and_back(houses: tuple[Live, Live], page: Any) -> None:
    there, here = houses
    page.goto(here.url + "/login")
    page.click("text=There")
    at_provider(page, there)
    page.wait_for_url(here.url + "/login/outside")
    page.click("button[value=create]")
    page.wait_for_url(here.url + "/")
    assert "alice" in page.content()
    page.goto(here.url + "/login")  # the provider knows the browser now: one click
    page.click("text=There")
    page.wait_for_url(here.url + "/")
    assert page.said == []


def test_linking_leaves_the_accounts_page_and_comes_back(houses: tuple[Live, Live], page: Any) -> None:
    there, here = houses
    page.goto(here.url + "/login?next=/account/identities")
    page.fill("input[name=username]", "bob")
    page.fill("input[name=password]", PASSWORD)
    page.click("form[action='/login'] button[type=submit]")
    page.wait_for_url(here.url + "/account/identities")
    page.click("form[action='/login/outside/ww'] button")
    at_provider(page, there)
    page.wait_for_url(here.url + "/account/identities")
    assert page.locator("button[name=unlink]").count() == 1
    assert page.said == []
