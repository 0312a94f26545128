"""Display name, language, and the way to another address."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.server.account.town import OPEN, PASSWORD, Town, link_in, token_in, town

from watchword.server.login.freshness import FRESH


def person(server: Town, name: str = "alice") -> str:
    server.user(name)
    server.do(server.watchword.accounts.add_address(f"user:{name}", f"{name}@example.com", by="test"))
    return f"user:{name}"


def test_display_name_and_language_are_told_and_changed(tmp_path: Path) -> None:
    with town(tmp_path) as server, server.client() as http:
        person(server)
        token = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        http.headers["authorization"] = f"Bearer {token}"
        assert http.get("/account/profile").json() == {
            "subject": "user:alice",
            "display": "",
            "locale": "",
            "email": "alice@example.com",
        }
        changed = http.post("/account/profile", json={"display": "Älice <b>", "locale": "de-AT"}).json()
        assert (changed["display"], changed["locale"]) == ("Älice <b>", "de")
        refused = http.post("/account/profile", json={"display": "a\nb", "locale": "xx"})
        assert {each["field"] for each in refused.json()["errors"]} == {"display", "locale"}
        page = server.browser().log_in("alice").get("/account/profile")
        assert "Älice &lt;b&gt;" in page.text
        assert http.post("/account/profile", json={"display": ""}).json()["display"] == ""


def test_a_new_address_is_confirmed_and_the_old_one_is_told(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        person(server)
        browser = server.browser().log_in("alice")
        assert browser.submit("/account/email", email="new@example.com").status_code == 200
        letter = server.letter("new@example.com")
        accounts = server.watchword.accounts
        assert server.do(accounts.resolve("new@example.com")) is None  # not before it is confirmed
        assert "becomes the address of alice" in browser.get(link_in(letter)).text
        assert "is your address now" in browser.submit(link_in(letter)).text
        assert server.letter("alice@example.com").subject.startswith("Your address at")
        assert server.do(accounts.resolve("new@example.com")) == "user:alice"
        assert server.do(accounts.resolve("alice@example.com")) is None
        assert browser.get(link_in(letter)).status_code == 400


def test_an_address_of_somebody_else_is_answered_alike_and_never_taken(tmp_path: Path) -> None:
    with town(tmp_path) as server, server.client() as http:
        person(server)
        person(server, "bob")
        token = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        http.headers["authorization"] = f"Bearer {token}"
        taken = http.post("/account/email", json={"email": "BOB@example.com"})
        free = http.post("/account/email", json={"email": "eve@example.com"})
        assert (taken.status_code, taken.content) == (free.status_code, free.content) == (202, b'{"status":"sent"}')
        assert server.letter("bob@example.com").subject.startswith("You have an account")
        late = token_in(server.letter("eve@example.com"))
        server.user("eve")
        server.do(server.watchword.accounts.add_address("user:eve", "eve@example.com", by="test"))
        assert http.post("/confirm", json={"token": late}).status_code == 400
        assert server.do(server.watchword.accounts.resolve("eve@example.com")) == "user:eve"


class _Clock:
    """Run, with what a test adds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def test_an_old_login_changes_no_address(tmp_path: Path) -> None:
    clock = _Clock()
    with town(tmp_path, OPEN + '[tokens]\naccess = "1h"\n', clock=clock) as server, server.client() as http:
        person(server)
        token = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        browser = server.browser().log_in("alice")
        http.headers["authorization"] = f"Bearer {token}"
        assert http.get("/account/email").status_code == 200
        clock.ahead = FRESH + 2
        refused = http.post("/account/email", json={"email": "new@example.com"})
        assert refused.status_code == 401
        assert refused.json()["type"].endswith("insufficient_user_authentication")
        led = browser.get("/account/email")
        assert (led.status_code, led.headers["location"]) == (303, "/login/step-up?next=/account/email")
        assert http.get("/account/profile").status_code == 200


@pytest.mark.parametrize("text", ["", "nobody", "a@b@c", "a@example.com\r\nBcc: x@example.com"])
def test_what_is_no_address_is_said(tmp_path: Path, text: str) -> None:
    with town(tmp_path) as server, server.client() as http:
        person(server)
        token = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        refused = http.post("/account/email", json={"email": text}, headers={"authorization": f"Bearer {token}"})
        assert refused.status_code == 422
        assert server.settled() == []
