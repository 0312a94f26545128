"""API keys of one's own: never more than oneself may do, shown once, revoked at will."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.server.account.test_sessions import tokens
from tests.server.account.town import PASSWORD, town

from watchword.model.credential import Kind
from watchword.model.verdict import Rate

NOW = 1_900_000_000.0
SCOPES = ("orders:read", "orders:write")


def whoami(server: Any, secret: str) -> Any:
    return server.client(headers={"authorization": f"Bearer {secret}"}).get("/whoami")


def test_a_key_is_made_on_the_page_and_shown_once(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice", scopes=SCOPES)
        browser = server.browser().log_in("alice")
        done = browser.submit("/account/keys", name="  Nightly   report ", days="30", **{"scope:orders:read": "on"})
        assert done.status_code == 200, done.text
        (secret,) = re.findall(r"ak_live_\w+", done.text)
        who = whoami(server, secret).json()
        assert (who["subject"], who["scopes"]) == ("user:alice", ["orders:read"])
        page = browser.get("/account/keys").text
        assert secret not in page
        assert "Nightly report" in page
        assert secret[-4:] in page
        id = who["credential"]
        assert browser.submit("/account/keys", revoke=id).status_code == 303
        assert whoami(server, secret).status_code == 401
        assert "Nightly report" not in browser.get("/account/keys").text


def test_a_key_by_json(tmp_path: Path) -> None:
    with town(tmp_path, clock=lambda: NOW) as server:
        server.user("alice", scopes=SCOPES)
        program = tokens(server)
        made = program.post("/account/keys", json={"name": "CI", "scopes": "orders:write orders:read", "days": "1"})
        assert made.status_code == 201
        assert (made.json()["scopes"], made.json()["expires_at"]) == (sorted(SCOPES), NOW + 86400)
        (row,) = program.get("/account/keys").json()["keys"]
        assert (row["id"], row["name"], "secret" in row) == (made.json()["id"], "CI", False)
        assert made.json()["secret"].startswith("ak_live_")
        assert program.post("/account/keys", json={"name": "More"}).json()["expires_at"] == NOW + 90 * 86400
        assert program.post("/account/keys", json={"revoke": row["id"]}).json() == {"status": "revoked"}
        events = [event for event in server.events() if event.credential == row["id"]]
        assert [(event.action, event.actor) for event in events] == [("issue", "user:alice"), ("revoke", "user:alice")]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\x07b"}, "name"),
        ({"name": "CI", "days": "0"}, "days"),
        ({"name": "CI", "days": "366"}, "days"),
        ({"name": "CI", "days": "-1"}, "days"),
        ({"name": "CI", "days": "²"}, "days"),
        ({"name": "CI", "days": "9" * 5000}, "days"),
        ({"name": "CI", "scopes": "orders:read admin"}, "scopes"),
        ({"name": "CI", "scopes": "ORDERS:READ"}, "scopes"),
        ({"name": "CI", "scope:admin": "on"}, "scopes"),
        ({"revoke": "key_none"}, "revoke"),
    ],
)
def test_what_is_refused(tmp_path: Path, fields: dict[str, str], field: str) -> None:
    with town(tmp_path) as server:
        server.user("alice", scopes=SCOPES)
        program = tokens(server)
        refused = program.post("/account/keys", json=fields)
        assert refused.status_code == 422, refused.text
        assert [each["field"] for each in refused.json()["errors"]] == [field]
        assert program.get("/account/keys").json()["keys"] == []


def test_a_key_carries_the_bounds_of_the_login(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.do(server.watchword.lifecycle.add_subject("user:alice", by="test"))
        bounds = {"networks": ["127.0.0.0/8"], "limit": Rate(50, 60), "scopes": SCOPES}
        server.issue(Kind.PASSWORD, "user:alice", options={"password": PASSWORD}, **bounds)
        made = tokens(server).post("/account/keys", json={"name": "CI"}).json()
        record = server.do(server.watchword.lifecycle.show(made["id"]))
        assert (record.networks, record.limit) == (("127.0.0.0/8",), Rate(50, 60))


def test_nobody_revokes_anothers_key_nor_what_is_no_key(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        password = server.user("bob").credential.id
        key = server.issue(Kind.API_KEY, "user:bob").credential.id
        program = tokens(server)
        for id in (key, password):
            assert program.post("/account/keys", json={"revoke": id}).status_code == 422
            assert server.do(server.watchword.lifecycle.show(id)).revoked_at is None


def test_a_key_itself_makes_no_keys(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice", scopes=SCOPES)
        secret = tokens(server).post("/account/keys", json={"name": "CI"}).json()["secret"]
        holder = server.client(headers={"authorization": f"Bearer {secret}"})
        assert holder.post("/account/keys", json={"name": "Child"}).status_code == 401
        assert holder.get("/account/keys").status_code == 401


def test_making_asks_for_a_fresh_login_and_revoking_does_not(tmp_path: Path) -> None:
    now = [NOW]
    with town(tmp_path, clock=lambda: now[0]) as server:
        server.user("alice")
        browser = server.browser().log_in("alice")
        id = server.issue(Kind.API_KEY, "user:alice").credential.id
        now[0] += 700
        stale = browser.submit("/account/keys", name="CI")
        assert (stale.status_code, stale.headers["location"]) == (303, "/login/step-up?next=/account/keys")
        assert browser.submit("/account/keys", revoke=id).headers["location"] == "/account/keys"


def test_there_is_an_end_to_keys(tmp_path: Path) -> None:
    with town(tmp_path) as server:
        server.user("alice")
        for _ in range(50):
            server.issue(Kind.API_KEY, "user:alice")
        refused = tokens(server).post("/account/keys", json={"name": "CI"})
        assert [each["code"] for each in refused.json()["errors"]] == ["too_many"]
