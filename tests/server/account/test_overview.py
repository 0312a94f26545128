"""What one's account says at a glance."""

from __future__ import annotations

from pathlib import Path

from tests.server.account.test_sessions import tokens
from tests.server.account.town import town


def test_what_there_is(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice", scopes=("orders:read",))
        program = tokens(server)
        assert program.get("/account").json() == {
            "subject": "user:alice",
            "display": "",
            "locale": "",
            "email": None,
            "password": True,
            "sessions": 1,
            "factors": [],
            "apps": 0,
            "keys": 0,
            "scopes": ["orders:read"],
        }
        page = server.browser().log_in("alice").get("/account").text
        assert "Hello, alice" in page
        assert "Signed in at 2 places" in page
        assert "a password alone can be stolen" in page


def test_the_chosen_language_wins_over_the_browsers(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        browser = server.browser(language="en").log_in("alice")
        assert browser.submit("/account/profile", display="Alice", locale="de").status_code == 200
        page = browser.get("/account")
        assert "Hallo, Alice" in page.text
        assert page.headers["content-language"] == "de"
        assert browser.get("/login").headers["content-language"] == "en"  # nobody is known there


def test_who_is_not_signed_in_is_led_to_the_login(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        for path in ("/account", "/account/sessions", "/account/factors", "/account/factors/app", "/account/keys"):
            assert server.browser().get(path).headers["location"] == f"/login?next={path}"
            assert server.client().get(path).status_code == 401
