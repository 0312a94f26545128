"""``/admin/v1/subjects/import``: people come with their hashes and log in; nobody is overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.codec.passwords import Cost, encode
from watchword.model.credential import Kind

PLACE = "/admin/v1/subjects/import"
BOTH = ("admin:subjects:read", "admin:subjects:write")
PASSWORD = "gray lamps on a quiet hill"
HASH = encode(PASSWORD, Cost(memory=128, passes=1))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("importing"), '[admin]\nlimit = ""\n') as running:
        running.service("ops")
        running.user("root", scopes=("admin:keys:write",))
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, *BOTH) as http:
        yield http


def test_people_come_with_their_passwords(server: Live, admin: httpx2.Client) -> None:
    people = [
        {"username": "Anna", "password_hash": HASH, "email": "anna@example.com"},
        {"username": "root", "password_hash": HASH},
        {"username": "b c", "password_hash": ""},
        {"username": "dora", "password_hash": "$canary$"},
        {"username": ["\u00e4"], "password_hash": HASH},
    ]
    body = {"people": people, "scopes": ["orders:read"]}
    tried = admin.post(PLACE, json={**body, "dry_run": True}).json()
    assert admin.get("/admin/v1/subjects/user:anna").status_code == 404
    answer = admin.post(PLACE, json=body)
    value = answer.json()
    assert value == tried
    assert (value["added"], value["there"], value["refused"]) == (1, 1, 3)
    assert [each["state"] for each in value["outcomes"]] == ["added", "there", "refused", "refused", "refused"]
    assert "canary" not in answer.text
    assert HASH not in answer.text
    own = server.do(server.watchword.store.subject("service:watchword"))
    left = admin.get("/admin/v1/subjects/imported").json()["left"]
    assert [each["passwords"] for each in left] == [1]
    assert server.do(server.watchword.store.subject("service:watchword")) == own  # who only reads changes nothing
    with server.client() as http:
        assert http.post("/login", json={"username": "anna", "password": PASSWORD}).status_code == 200
        assert http.post("/login", json={"username": "root", "password": PASSWORD}).status_code == 401
    (held,) = server.do(server.watchword.lifecycle.page(kind=Kind.PASSWORD, subject="user:anna"))
    assert held.scopes == {"orders:read"}


def test_nobody_comes_with_a_right_that_the_operator_lacks(server: Live, admin: httpx2.Client) -> None:
    body = {"people": [{"username": "eve", "password_hash": HASH}], "scopes": ["a admin:keys:write"]}
    assert problem(admin.post(PLACE, json=body)) == (403, "insufficient_scope")
    assert admin.get("/admin/v1/subjects/user:eve").status_code == 404


@pytest.mark.parametrize("people", [None, [], {}, ["anna"], [{"username": "x", "password_hash": ""}] * 101], ids=str)
def test_what_is_no_list_of_people_is_refused(admin: httpx2.Client, people: Any) -> None:
    answer = admin.post(PLACE, json={"people": people})
    assert problem(answer) == (422, "invalid_fields")
    assert answer.json()["errors"][0]["field"] == "people"
