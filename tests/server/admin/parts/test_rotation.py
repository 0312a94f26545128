"""``/admin/v1/rotation`` and ``/admin/v1/keys``: what is due, whether the old one is needed, the server's keys."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import PASSWORD, Live, live

from watchword.model.credential import Kind
from watchword.model.records import Swap

PLACE = "/admin/v1/rotation"
KEYS = "/admin/v1/keys"
CREDENTIALS = ("admin:credentials:read", "admin:credentials:write")
OWN = ("admin:keys:read", "admin:keys:write")
DAY = 86_400


@pytest.fixture
def server(tmp_path: object) -> Iterator[Live]:
    with live(tmp_path, '[admin]\nlimit = ""\n') as running:  # type: ignore[arg-type]
        running.service("ops")
        running.service("billing")
        yield running


@pytest.fixture
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, *CREDENTIALS) as http:
        yield http


def ending(server: Live, days: int, *scopes: str) -> str:
    """Return a key of a hundred days ago that ends in so many."""
    now = int(server.watchword.clock())
    key = server.issue(Kind.API_KEY, "service:billing", expires_at=now + days * DAY, scopes=scopes).credential
    assert server.do(server.watchword.store.write(Swap(key.changed(created_at=now - 100 * DAY))))
    return key.id


def test_what_is_due_is_replaced_as_far_as_one_may(server: Live, admin: httpx2.Client) -> None:
    soon, later, more = ending(server, 1), ending(server, 40), ending(server, 2, "admin:keys:write")
    assert {each["id"] for each in admin.get(PLACE).json()["due"]} == {soon, more}
    assert {each["id"] for each in admin.get(PLACE, params={"within": "60d"}).json()["due"]} >= {soon, later, more}
    answer = admin.post(PLACE, json={"overlap": "2h"}).json()
    outcomes = {each["due"]["id"]: each for each in answer["outcomes"]}
    assert outcomes[soon]["problem"] == ""
    assert outcomes[soon]["issued"]["replaces"] == soon
    assert outcomes[soon]["issued"]["secret"].startswith("ak_live_")
    assert outcomes[more]["problem"] == "you lack admin:keys:write"
    assert "issued" not in outcomes[more]
    assert answer["left"] == 0
    record = server.do(server.watchword.store.credential(more))
    assert record is not None
    assert record.replaced_by is None
    assert {each["id"] for each in admin.get(PLACE).json()["due"]} == {more}
    assert admin.post(PLACE, json={"ids": ["key_other"]}).json() == {"outcomes": [], "left": 0}


def test_whether_the_old_one_is_still_needed_is_a_fact(server: Live, admin: httpx2.Client) -> None:
    old = server.issue(Kind.API_KEY, "service:billing")
    place = f"/admin/v1/credentials/{old.credential.id}/retirement"
    assert (admin.get(place).json()["safe"], admin.get(place).json()["successor"]) == (False, None)
    admin.post(f"/admin/v1/credentials/{old.credential.id}/rotate", json={})
    value = admin.get(place).json()
    assert (value["safe"], value["says"]) == (True, "it was never used")
    assert problem(admin.get("/admin/v1/credentials/key_x/retirement")) == (404, "not_found")


def test_signing_keys_turn_over_and_tokens_go_on(server: Live) -> None:
    server.user("alice")
    with server.client() as http:
        token = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
    with asking(server, *OWN) as admin:
        held = admin.get(KEYS).json()
        assert {each["kind"] for each in held["keys"]} >= {"signing-key", "ca"}
        assert held["root_key"]["finished"] is True
        key = next(each["id"] for each in held["keys"] if each["kind"] == "signing-key" and each["state"] == "active")
        rotated = admin.post(f"{KEYS}/{key}/rotate", json={"overlap": "1h"})
        assert rotated.status_code == 200, rotated.text
        assert rotated.json()["replaces"] == key
        assert problem(admin.post(f"{KEYS}/{key}/rotate")) == (409, "conflict")
        with server.client(headers={"authorization": f"Bearer {token}"}) as http:
            assert http.get("/whoami").status_code == 200
            revoked = admin.post(f"{KEYS}/{key}/revoke", json={"reason": "laptop stolen"})
            assert revoked.json()["state"] == "revoked"
            assert http.get("/whoami").status_code == 401
        assert "private" not in admin.get(KEYS).text.lower()


def test_the_authority_is_replaced(server: Live) -> None:
    with asking(server, *OWN) as admin:
        ca = next(each["id"] for each in admin.get(KEYS).json()["keys"] if each["kind"] == "ca")
        rotated = admin.post(f"{KEYS}/{ca}/rotate")
        assert rotated.status_code == 200, rotated.text
        assert (rotated.json()["kind"], rotated.json()["replaces"]) == ("ca", ca)


def test_only_the_servers_own_are_there_and_only_for_who_may(server: Live, admin: httpx2.Client) -> None:
    key = server.issue(Kind.API_KEY, "service:billing").credential.id
    with asking(server, *OWN) as own:
        for act, body in (("rotate", {}), ("revoke", {"reason": "x"})):
            assert problem(own.post(f"{KEYS}/{key}/{act}", json=body)) == (404, "not_found")
        assert problem(own.get(PLACE)) == (403, "insufficient_scope")
    assert problem(admin.get(KEYS)) == (403, "insufficient_scope")


@pytest.mark.parametrize("body", [{"overlap": 1}, {"within": "x"}, {"ids": "x"}, {"more": 1}], ids=str)
def test_what_cannot_be_accepted_names_its_field(admin: httpx2.Client, body: dict[str, object]) -> None:
    answer = admin.post(PLACE, json=body)
    assert problem(answer) == (422, "invalid_fields")
    assert [each["field"] for each in answer.json()["errors"]] == list(body)
    assert problem(admin.get(PLACE, params={"within": "x"})) == (422, "invalid_fields")
