"""The list of sessions, and what its buttons end."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx2
import pytest
from tests.server.account.town import PASSWORD, Town, town

from watchword.lifecycle.people.holdings import APPS
from watchword.model.credential import Kind
from watchword.model.records import Swap

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def tokens(server: Town, name: str = "alice") -> httpx2.Client:
    """Return a program that logged in."""
    http = server.client()
    token = http.post("/login", json={"username": name, "password": PASSWORD}).json()["token"]
    http.headers["authorization"] = f"Bearer {token}"
    return http


def listed(http: httpx2.Client) -> list[dict[str, object]]:
    answer = http.get("/account/sessions", headers={"accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["sessions"])


def test_the_list_by_page_and_by_json(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        server.user("bob")
        browser = server.browser()
        browser.http.headers["user-agent"] = FIREFOX
        browser.log_in("alice")
        program = tokens(server)
        server.browser().log_in("bob")
        mine, other = listed(browser.http)
        assert (mine["kind"], mine["device"], mine["current"]) == ("session", "Firefox, Linux", True)
        assert (other["kind"], other["current"], other["same_network"]) == ("refresh", False, True)
        assert (mine["address"], mine["factors"]) == ("127.0.0.1", ["pwd"])
        assert listed(program)[0]["kind"] == "refresh"
        page = browser.get("/account/sessions").text
        assert "Firefox, Linux" in page
        assert page.count('name="end"') == 4  # two, all others, everything


def test_one_is_ended_by_its_button(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        browser, other = server.browser().log_in("alice"), server.browser().log_in("alice")
        id = str(listed(other.http)[0]["id"])
        done = browser.submit("/account/sessions", end=id)
        assert (done.status_code, done.headers["location"]) == (303, "/account/sessions")
        assert other.get("/account").headers["location"].startswith("/login")
        assert browser.get("/account").status_code == 200
        mine = str(listed(browser.http)[0]["id"])
        done = browser.submit("/account/sessions", end=mine)  # one's own: signed out
        assert done.headers["location"] == "/login"
        assert "session" not in browser.http.cookies


def test_all_others_and_everything(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        browser, other, program = server.browser().log_in("alice"), server.browser().log_in("alice"), tokens(server)
        assert browser.submit("/account/sessions", end="others").status_code == 303
        assert len(listed(browser.http)) == 1
        assert program.get("/account").status_code == 401
        assert other.get("/account").status_code == 303
        program = tokens(server)
        assert program.post("/account/sessions", json={"end": "everywhere"}).json() == {"status": "ended"}
        assert program.get("/account").status_code == 401
        assert browser.get("/account").status_code == 303
        assert tokens(server).get("/account").status_code == 200  # in the very same second
        assert browser.log_in("alice").get("/account").status_code == 200


@pytest.mark.parametrize("end", ["", "ses_none", "Everywhere", "pwd_x"])
def test_what_is_not_ones_own_is_refused(tmp_path: Path, end: str) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        server.user("bob")
        browser, bob = server.browser().log_in("alice"), server.browser().log_in("bob")
        theirs = str(listed(bob.http)[0]["id"])
        for wanted in (end, theirs):
            refused = browser.submit("/account/sessions", end=wanted)
            assert refused.status_code == 422
            assert "This session is not yours" in refused.text
        program = tokens(server)
        answer = program.post("/account/sessions", json={"end": theirs})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "end")
        assert bob.get("/account").status_code == 200


def test_ending_asks_for_no_fresh_login_but_for_the_sites_own_form(tmp_path: Path) -> None:
    now = [1_900_000_000.0]
    with town(tmp_path, clock=lambda: now[0]) as server:
        server.user("alice")
        browser = server.browser().log_in("alice")
        now[0] += 1800
        assert browser.http.post("/account/sessions", data={"end": "everywhere"}).status_code == 403
        assert browser.submit("/account/sessions", end="everywhere").status_code == 303


def test_last_use_is_known_to_the_next_reader(tmp_path: Path) -> None:
    now = [1_900_000_000.0]
    with town(tmp_path, clock=lambda: now[0]) as server:
        server.user("alice")
        browser = server.browser().log_in("alice")
        now[0] += 120
        browser.get("/account")
        deadline = time.monotonic() + 5  # it is set just after the events are written
        while (used := listed(browser.http)[0])["last_used_at"] == used["created_at"] and time.monotonic() < deadline:
            time.sleep(0.02)
        assert used["last_used_at"] == used["created_at"] + 120  # type: ignore[operator]
        page = browser.get("/account/sessions").text
        assert re.search(r"Last used <time [^>]*>just now</time>", page)


def test_the_list_says_which_applications_are_signed_in_through_a_session(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        server.service("app")
        browser = server.browser().log_in("alice")
        session = server.do(server.watchword.store.credential(str(listed(browser.http)[0]["id"])))
        assert session is not None
        options = {"client_name": "The <Shop>"}
        shop = server.issue(Kind.OAUTH_CLIENT, "service:app", options=options).credential.id
        apps = {shop: True, "https://other.example/client": False, "cli_gone": True}
        assert server.do(server.watchword.store.write(Swap(session.changed(detail={**session.detail, APPS: apps}))))
        assert listed(browser.http)[0]["apps"] == ["The <Shop>", "cli_gone", "other.example"]
        page = browser.get("/account/sessions").text
        assert "Signed in to: The &lt;Shop&gt;, cli_gone, other.example" in page
