"""A Chromium for the tests, and a town whose name browsers make passkeys for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.person import Clock, Person
from tests.server.account.town import Town

TOML = """
issuer = "http://localhost:{port}"
[accounts]
sign_up = "open"
scopes = ["orders:read", "orders:write"]
limit = "1000/min"
mails = "1000/min"
[limits]
account = "1000/min"
[oauth.scopes]
"orders:read" = { en = "See your orders", de = "Ihre Bestellungen sehen" }
[oauth.authorization_details]
payment = "Pay once"
"""


@pytest.fixture  # for no longer than one test: while Playwright runs, no other can start an event loop
def chromium() -> Iterator[Any]:
    place = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    sync_api = pytest.importorskip("playwright.sync_api", reason="NOT TESTED: playwright is missing")
    with sync_api.sync_playwright() as play:
        if place is None and not Path(play.chromium.executable_path).exists():
            pytest.skip("NOT TESTED: there is no Chromium; `make test` installs one where it may")
        browser = play.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def town(tmp_path: Path, clock: Clock) -> Iterator[Town]:
    server = Town(tmp_path, TOML, clock=clock)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def person(chromium: Any, town: Town, clock: Clock) -> Iterator[Person]:
    someone = Person(chromium, town, clock)
    yield someone
    someone.close()
    assert someone.troubles == []
