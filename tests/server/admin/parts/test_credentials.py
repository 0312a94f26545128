"""``/admin/v1/credentials``: every kind by one lifecycle, secrets once, nobody beyond what they hold themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.server.admin.operators import asking, operator, problem
from tests.server.live import PASSWORD, Live, live

from watchword.model.credential import Kind

PLACE = "/admin/v1/credentials"
BOTH = ("admin:credentials:read", "admin:credentials:write")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("credentials"), '[admin]\nlimit = ""\n') as running:
        running.service("ops")
        running.service("billing")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, *BOTH) as http:
        yield http


def issued(admin: httpx2.Client, **fields: Any) -> Any:
    answer = admin.post(PLACE, json={"kind": "api-key", "subject": "service:billing", **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{PLACE}/{answer.json()['id']}"
    return answer.json()


def whoami(server: Live, secret: str) -> int:
    with server.client(headers={"authorization": f"Bearer {secret}"}) as http:
        return http.get("/whoami").status_code


# --- what is done -----------------------------------------------------------------------------------------------------


def test_a_key_is_issued_used_shown_without_its_secret_rotated_and_revoked(server: Live, admin: httpx2.Client) -> None:
    made = issued(admin, scopes=["orders:read"], limit="600/min", networks=["127.0.0.0/8"], name="Nightly")
    assert whoami(server, made["secret"]) == 200
    shown = admin.get(f"{PLACE}/{made['id']}")
    assert made["secret"] not in shown.text
    assert shown.headers["etag"] == f'"{shown.json()["version"]}"'
    value = shown.json()
    assert (value["name"], value["scopes"], value["limit"]) == ("Nightly", ["orders:read"], "600/min")
    assert (value["state"], value["networks"]) == ("active", ["127.0.0.0/8"])
    rotated = admin.post(f"{PLACE}/{made['id']}/rotate", json={"overlap": "1h"}).json()
    assert rotated["replaces"] == made["id"]
    assert rotated["overlap_ends_at"] == rotated["created_at"] + 3600
    assert [whoami(server, each["secret"]) for each in (made, rotated)] == [200, 200]
    assert admin.get(f"{PLACE}/{made['id']}").json()["state"] == "retiring"
    revoked = admin.post(f"{PLACE}/{made['id']}/revoke", json={"reason": "left the team"}).json()
    assert (revoked["state"], revoked["revoke_reason"], revoked["revoked_by"]) == (
        "revoked", "left the team", "service:ops",
    )  # fmt: skip
    assert [whoami(server, each["secret"]) for each in (made, rotated)] == [401, 200]


@pytest.mark.parametrize(
    ("kind", "material"),
    [
        ("api-key", {"secret"}),
        ("hmac", {"key_id", "secret"}),
        ("client-cert", {"certificate", "private_key", "chain"}),
    ],
)
def test_each_kind_has_its_proof(admin: httpx2.Client, kind: str, material: set[str]) -> None:
    made = issued(admin, kind=kind, expires_at=None)
    assert material <= made.keys()
    assert not (material - {"key_id"}) & admin.get(f"{PLACE}/{made['id']}").json().keys()


def test_a_password_is_made_or_given_by_the_rules_and_once(server: Live, admin: httpx2.Client) -> None:
    server.do(server.watchword.lifecycle.add_subject("user:carol", by="test"))
    weak = admin.post(PLACE, json={"kind": "password", "subject": "user:carol", "password": "short"})
    assert problem(weak) == (422, "invalid_fields")
    assert [each["field"] for each in weak.json()["errors"]] == ["password"]
    assert "short" not in weak.json()["errors"][0]["text"].split("password is refused")[0]
    made = issued(admin, kind="password", subject="user:carol")
    with server.client() as http:
        login = {"username": "carol", "password": made["password"]}
        assert http.post("/login", json=login).status_code == 200
    assert problem(admin.post(PLACE, json={"kind": "password", "subject": "user:carol"})) == (409, "conflict")
    given = {"overlap": "0s", "password": "gray lamps on a hill"}
    assert admin.post(f"{PLACE}/{made['id']}/rotate", json=given).status_code == 200
    with server.client() as http:
        assert http.post("/login", json=login).status_code == 401
        login = {"username": "carol", "password": given["password"]}
        assert http.post("/login", json=login).status_code == 200


def test_bounds_are_changed_of_the_version_that_was_read(admin: httpx2.Client) -> None:
    made = issued(admin, scopes=["a"], limit="5/min", expires_at=2**31)
    tag = admin.get(f"{PLACE}/{made['id']}").headers["etag"]
    patch = {"scopes": ["b"], "limit": None, "expires_at": None}
    changed = admin.patch(f"{PLACE}/{made['id']}", json=patch, headers={"if-match": tag})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["scopes"], changed.json()["limit"], changed.json()["expires_at"]) == (["b"], None, None)
    for act, body in (("/rotate", {}), ("/revoke", {"reason": "x"})):
        stale = admin.post(f"{PLACE}/{made['id']}{act}", json=body, headers={"if-match": tag})
        assert problem(stale) == (412, "precondition_failed")
    assert problem(admin.patch(f"{PLACE}/{made['id']}", json=patch, headers={"if-match": tag}))[0] == 412


def test_what_cannot_be_done_now_is_a_conflict(server: Live, admin: httpx2.Client) -> None:
    made = issued(admin)
    admin.post(f"{PLACE}/{made['id']}/revoke", json={"reason": "x"})
    assert problem(admin.post(f"{PLACE}/{made['id']}/rotate")) == (409, "conflict")
    assert problem(admin.patch(f"{PLACE}/{made['id']}", json={"scopes": []})) == (409, "conflict")
    assert admin.post(f"{PLACE}/{made['id']}/revoke", json={"reason": "again"}).json()["revoke_reason"] == "x"
    server.service("gone")
    server.do(server.watchword.lifecycle.set_enabled("service:gone", False, by="test"))
    answer = admin.post(PLACE, json={"kind": "api-key", "subject": "service:gone"})
    assert problem(answer) == (409, "conflict")
    assert answer.json()["hint"] == "enable it first"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "session"}, "kind"),
        ({"kind": ["api-key"]}, "kind"),
        ({"kind": "oauth-client", "subject": "service:billing"}, "kind"),
        ({"kind": "api-key"}, "subject"),
        ({"kind": "api-key", "subject": "billing"}, "subject"),
        ({"kind": "api-key", "subject": "service:watchword"}, "subject"),
        ({"kind": "api-key", "subject": "service:billing", "scopes": "a"}, "scopes"),
        ({"kind": "api-key", "subject": "service:billing", "scopes": [1]}, "scopes"),
        ({"kind": "api-key", "subject": "service:billing", "networks": ["10.0.0.1/8"]}, "networks"),
        ({"kind": "api-key", "subject": "service:billing", "limit": 5}, "limit"),
        ({"kind": "api-key", "subject": "service:billing", "expires_at": 1}, "expires_at"),
        ({"kind": "api-key", "subject": "service:billing", "expires_at": True}, "expires_at"),
        ({"kind": "api-key", "subject": "service:billing", "profile": "v1"}, "profile"),
        ({"kind": "hmac", "subject": "service:billing", "profile": "v9"}, "profile"),
        ({"kind": "api-key", "subject": "service:billing", "test": 1}, "test"),
        ({"kind": "api-key", "subject": "service:billing", "password": "x"}, "password"),
        ({"kind": "api-key", "subject": "service:billing", "id": "key_mine"}, "id"),
        ({"kind": "client-cert", "subject": "service:billing", "expires_at": 2**33}, "expires_at"),
    ],
    ids=str,
)
def test_what_cannot_be_accepted_names_its_field(admin: httpx2.Client, body: dict[str, Any], field: str) -> None:
    answer = admin.post(PLACE, json=body)
    assert problem(answer) == (422, "invalid_fields")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("id", ["key_nobody", "..", "%00", "%ff", "x" * 5000, "key_a%2Frotate"])
def test_who_is_not_there_is_404(admin: httpx2.Client, id: str) -> None:
    assert admin.get(f"{PLACE}/{id}").status_code in (404, 405)


def test_nobody_who_is_named_may_be_missing(admin: httpx2.Client) -> None:
    assert problem(admin.post(PLACE, json={"kind": "api-key", "subject": "service:nobody"})) == (409, "conflict")


# --- who may ----------------------------------------------------------------------------------------------------------


def test_reading_is_not_writing(server: Live) -> None:
    with asking(server, BOTH[0]) as reader, asking(server, BOTH[1]) as writer, asking(server, "orders:read") as other:
        made = writer.post(PLACE, json={"kind": "api-key", "subject": "service:billing"}).json()
        assert problem(writer.get(PLACE)) == problem(other.get(PLACE)) == (403, "insufficient_scope")
        assert reader.get(f"{PLACE}/{made['id']}").status_code == 200
        for method, place, body in (
            ("POST", "", {"kind": "api-key", "subject": "service:billing"}),
            ("POST", f"/{made['id']}/rotate", {}),
            ("POST", f"/{made['id']}/revoke", {"reason": "x"}),
            ("PATCH", f"/{made['id']}", {"scopes": ["orders:write"]}),
        ):
            assert problem(reader.request(method, PLACE + place, json=body)) == (403, "insufficient_scope")


def test_nobody_gives_away_or_takes_over_a_right_that_they_lack(server: Live, admin: httpx2.Client) -> None:
    new = {"kind": "api-key", "subject": "service:billing"}
    assert problem(admin.post(PLACE, json={**new, "scopes": ["admin:keys:write"]}))[0] == 403
    assert admin.post(PLACE, json={**new, "scopes": [BOTH[0]]}).status_code == 201
    mine = issued(admin)["id"]
    assert problem(admin.patch(f"{PLACE}/{mine}", json={"scopes": ["admin:keys:write"]}))[0] == 403
    theirs = server.issue(Kind.API_KEY, "service:ops", scopes=["admin:keys:write"]).credential.id
    for method, place, body in (
        ("POST", "/rotate", {}),
        ("POST", "/revoke", {"reason": "x"}),
        ("PATCH", "", {"scopes": []}),
    ):
        assert problem(admin.request(method, f"{PLACE}/{theirs}{place}", json=body))[0] == 403, place
    record = server.do(server.watchword.store.credential(theirs))
    assert record is not None
    assert (record.version, record.revoked_at) == (1, None)


def test_a_password_for_who_administers_would_open_their_account(server: Live, admin: httpx2.Client) -> None:
    server.do(server.watchword.lifecycle.add_subject("user:root", by="test"))
    server.issue(Kind.API_KEY, "user:root", scopes=["admin:keys:write"])
    assert problem(admin.post(PLACE, json={"kind": "password", "subject": "user:root"}))[0] == 403
    with operator(server) as all_of_it:
        assert all_of_it.post(PLACE, json={"kind": "password", "subject": "user:root"}).status_code == 201


@pytest.mark.parametrize(
    ("kind", "subject", "right"),
    [
        (Kind.SESSION, "user:alice", "admin:subjects:write"),
        (Kind.OAUTH_CLIENT, "service:billing", "admin:clients:write"),
        (Kind.SIGNING_KEY, "service:watchword", "admin:keys:write"),
        (Kind.CA, "service:watchword", "admin:keys:write"),
    ],
)
def test_what_belongs_to_another_area_needs_its_right(
    server: Live, admin: httpx2.Client, kind: Kind, subject: str, right: str
) -> None:
    made = server.issue(kind, subject).credential.id
    assert problem(admin.post(f"{PLACE}/{made}/revoke", json={"reason": "x"}))[0] == 403
    with asking(server, *BOTH, right) as more:
        assert problem(more.post(f"{PLACE}/{made}/rotate", json={})) == (409, "conflict")
        assert more.post(f"{PLACE}/{made}/revoke", json={"reason": "x"}).json()["state"] == "revoked"


# --- lists and searches -----------------------------------------------------------------------------------------------


def walked(admin: httpx2.Client, **query: str) -> list[Any]:
    found: list[Any] = []
    answer = admin.get(PLACE, params=query)
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()["credentials"]
        after = answer.json()["next"]
        if after is None:
            assert "link" not in answer.headers
            return found
        place, rel = answer.headers["link"].split("; ")
        assert rel == 'rel="next"'
        assert f"cursor={after}" in place
        answer = admin.get(place.strip("<>"))


def test_who_reads_credentials_sees_none_of_another_area(server: Live, admin: httpx2.Client) -> None:
    session = server.issue(Kind.SESSION, "user:alice").credential.id
    key = server.do(server.watchword.lifecycle.page(kind=Kind.SIGNING_KEY))[0].id
    for id, kind in ((session, "session"), (key, "signing-key")):
        assert problem(admin.get(f"{PLACE}/{id}")) == (403, "insufficient_scope")
        assert problem(admin.get(PLACE, params={"kind": kind})) == (403, "insufficient_scope")
        assert admin.get(PLACE, params={"q": id}).json() == {"credentials": [], "next": None}
    assert problem(admin.get(f"{PLACE}/{key}/retirement")) == (403, "insufficient_scope")
    with asking(server, *BOTH, "admin:subjects:read") as more:
        assert more.get(f"{PLACE}/{session}").json()["id"] == session
        assert [each["id"] for each in more.get(PLACE, params={"q": session}).json()["credentials"]] == [session]


def test_lists_come_in_pages_that_are_linked(admin: httpx2.Client) -> None:
    mine = [issued(admin, subject="user:alice")["id"] for _ in range(5)]
    found = [each["id"] for each in walked(admin, subject="user:alice", kind="api-key", limit="2")]
    assert set(mine) <= set(found)
    assert found == sorted(set(found))


def test_filters_and_searches(server: Live, admin: httpx2.Client) -> None:
    server.service("quark")
    key = issued(admin, subject="service:quark", name="Zebra crossing")
    mac = issued(admin, kind="hmac", subject="service:quark")
    admin.post(f"{PLACE}/{mac['id']}/revoke", json={"reason": "x"})

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in walked(admin, **query)]

    both = sorted([key["id"], mac["id"]])
    assert sorted(ids(subject="service:quark")) == both
    assert ids(subject="service:quark", state="revoked") == [mac["id"]]
    assert ids(subject="service:quark", kind="api-key") == [key["id"]]
    assert ids(q=key["id"][:14]) == [key["id"]]
    assert sorted(ids(q="quar")) == sorted(ids(q="service:quar")) == sorted(ids(q="quar", limit="1")) == both
    assert ids(q="ZEBRA") == [key["id"]]
    assert ids(q="zebra", state="revoked") == []
    assert ids(q="nothing begins so") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"kind": "x"}, "kind"),
        ({"state": "x"}, "state"),
        ({"subject": "x"}, "subject"),
        ({"limit": "0"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "eyJhZnRlciI6W119"}, "cursor"),
        ({"cursor": "eyJhZnRlciI6WzEsMiwzXX0"}, "cursor"),
        ({"cursor": "\u00e4"}, "cursor"),
    ],
    ids=str,
)
def test_a_list_that_cannot_be_is_refused(admin: httpx2.Client, query: dict[str, str], field: str) -> None:
    answer = admin.get(PLACE, params=query)
    assert problem(answer) == (422, "invalid_fields")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_page_costs_the_same_wherever_it_is(server: Live, admin: httpx2.Client) -> None:
    """Of 30,000 credentials none is looked at but those of the page: what is counted is rows, not time."""
    statement = """
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29999)
        INSERT INTO credential (id, kind, subject, created_at, scopes, secret, networks, leaked, detail, version, name)
        SELECT printf('key_%06d', i), 'api-key', 'service:crowd', 1, '', x'', '', 0, '', 1, printf('crowd %06d', i)
        FROM n
    """
    from sqlalchemy import text

    def plan() -> Any:
        yield text(statement), {}

    store: Any = server.watchword.store
    server.do(store.carry_out(plan()))
    looked: list[int] = []
    rows = store.rows

    async def counted(*given: Any) -> Any:
        found = await rows(*given)
        looked.append(sum(str(row[0]).startswith("key_0") for row in found))  # not what the house reads meanwhile
        return found

    store.rows = counted
    try:
        pages = 0
        answer = admin.get(PLACE, params={"q": "crowd", "limit": "100"}).json()
        while answer["next"] and pages < 3:
            assert len(answer["credentials"]) == 100
            answer = admin.get(PLACE, params={"q": "crowd", "limit": "100", "cursor": answer["next"]}).json()
            pages += 1
        assert 100 <= max(looked) <= 200, "the crowd's rows are what is counted"
        assert 400 <= sum(looked) <= 4 * 1000
        looked.clear()
        nothing = admin.get(PLACE, params={"q": "crowd", "state": "leaked"}).json()
        assert nothing["credentials"] == []
        assert sum(looked) <= 1000
        assert nothing["next"] is not None
    finally:
        store.rows = rows


def test_a_person_with_a_password_alone_may_not(server: Live) -> None:
    with server.client() as http:
        token = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        assert problem(http.get(PLACE, headers={"authorization": f"Bearer {token}"}))[0] == 403
