"""``/admin/v1/subjects``: who there is, found by name, page by page; disabled and deleted for everybody at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import PASSWORD, Live, live

from watchword.model.credential import Kind

PLACE = "/admin/v1/subjects"
BOTH = ("admin:subjects:read", "admin:subjects:write")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("subjects"), '[admin]\nlimit = ""\n') as running:
        running.service("ops")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, *BOTH) as http:
        yield http


def token(server: Live, name: str) -> str:
    with server.client() as http:
        return str(http.post("/login", json={"username": name, "password": PASSWORD}).json()["token"])


def whoami(server: Live, text: str) -> int:
    with server.client(headers={"authorization": f"Bearer {text}"}) as http:
        return http.get("/whoami").status_code


def test_one_is_added_shown_disabled_and_enabled(server: Live, admin: httpx2.Client) -> None:
    added = admin.post(PLACE, json={"subject": "service:Shop"})
    assert (added.status_code, added.json()["subject"]) == (201, "service:shop")
    place = added.headers["location"]
    key = server.issue(Kind.API_KEY, "service:shop", scopes=["a"]).material["secret"]
    shown = admin.get(place)
    assert (shown.json()["state"], shown.json()["rights"], shown.json()["email"]) == ("enabled", [], None)
    tag = shown.headers["etag"]
    assert whoami(server, key) == 200
    disabled = admin.post(place + "/disable", headers={"if-match": tag})
    assert (disabled.json()["state"], disabled.headers["etag"] != tag) == ("disabled", True)
    assert whoami(server, key) == 401
    assert problem(admin.post(place + "/enable", headers={"if-match": tag})) == (412, "precondition_failed")
    assert admin.post(place + "/enable").json()["state"] == "enabled"
    assert whoami(server, key) == 200
    assert problem(admin.post(PLACE, json={"subject": "service:shop"})) == (409, "conflict")


def test_who_is_logged_out_everywhere_logs_in_again(server: Live, admin: httpx2.Client) -> None:
    before = token(server, "alice")
    assert whoami(server, before) == 200
    assert admin.post(f"{PLACE}/user:alice/log-out").status_code == 200
    assert whoami(server, before) == 401
    server.watchword.clock()
    with server.client() as http:
        assert http.post("/login", json={"username": "alice", "password": PASSWORD}).status_code == 200


def test_a_person_is_exported_and_deleted_a_service_is_not(server: Live, admin: httpx2.Client) -> None:
    server.user("leaver")
    found = admin.get(f"{PLACE}/user:leaver/export").json()
    assert found["subject"] == "user:leaver"
    assert [each["kind"] for each in found["credentials"]] == ["password"]
    assert admin.delete(f"{PLACE}/user:leaver").status_code == 204
    assert admin.get(f"{PLACE}/user:leaver").json()["state"] == "disabled"
    assert problem(admin.post(PLACE, json={"subject": "user:leaver"})) == (409, "conflict")
    server.service("stays")
    assert problem(admin.delete(f"{PLACE}/service:stays")) == (409, "conflict")


def test_the_server_itself_is_not_disabled(admin: httpx2.Client) -> None:
    assert problem(admin.post(f"{PLACE}/service:watchword/disable")) == (409, "conflict")


def names(admin: httpx2.Client, **query: str) -> list[str]:
    found: list[str] = []
    answer = admin.get(PLACE, params=query)
    for _ in range(100):
        assert answer.status_code == 200, answer.text
        found += [each["subject"] for each in answer.json()["subjects"]]
        if answer.json()["next"] is None:
            return found
        answer = admin.get(answer.headers["link"].split(">")[0].removeprefix("<"))
    raise AssertionError("the pages never end")


def test_lists_and_searches_come_in_pages(server: Live, admin: httpx2.Client) -> None:
    for name in ("quick", "quiet", "quill"):
        server.service(name)
    server.do(server.watchword.lifecycle.add_subject("user:quinn", by="test"))
    server.do(server.watchword.lifecycle.set_enabled("service:quiet", False, by="test"))
    all_four = ["service:quick", "service:quiet", "service:quill", "user:quinn"]
    for limit in ("1", "2", "3", "4", "100"):
        assert names(admin, q="qui", limit=limit) == all_four
    assert names(admin, q="qui", kind="user") == ["user:quinn"]
    assert names(admin, q="service:qui", limit="2") == all_four[:3]
    assert names(admin, q="service:qui", kind="user") == []
    assert names(admin, q="qui", state="disabled", limit="1") == ["service:quiet"]
    everybody = names(admin, limit="3")
    assert everybody == sorted(set(everybody))
    assert set(all_four) < set(everybody)
    assert set(names(admin, kind="service")) | set(names(admin, kind="user")) == set(everybody)


@pytest.mark.parametrize(
    ("query", "field"), [({"kind": "x"}, "kind"), ({"state": "x"}, "state"), ({"cursor": "x"}, "cursor")]
)
def test_a_list_that_cannot_be_is_refused(admin: httpx2.Client, query: dict[str, str], field: str) -> None:
    answer = admin.get(PLACE, params=query)
    assert problem(answer) == (422, "invalid_fields")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("body", [{}, {"subject": 1}, {"subject": "alice"}, {"subject": "user:a b"}], ids=str)
def test_a_name_has_its_form(admin: httpx2.Client, body: dict[str, Any]) -> None:
    assert problem(admin.post(PLACE, json=body)) == (422, "invalid_fields")


@pytest.mark.parametrize("name", ["user:j\u00f6rg", "service:\u65e5\u672c", "user:a@b"])
def test_where_somebody_new_is_can_be_asked(admin: httpx2.Client, name: str) -> None:
    added = admin.post(PLACE, json={"subject": name})
    assert added.headers["location"].isascii()
    assert admin.get(added.headers["location"]).json()["subject"] == name


@pytest.mark.parametrize("name", ["user:nobody", "nobody", "user:%00", "%ff", "user:" + "x" * 3000])
def test_who_is_not_there_is_404(admin: httpx2.Client, name: str) -> None:
    assert problem(admin.get(f"{PLACE}/{name}")) == (404, "not_found")
    assert problem(admin.post(f"{PLACE}/{name}/disable")) == (404, "not_found")


def test_reading_is_not_writing(server: Live) -> None:
    with asking(server, BOTH[0]) as reader:
        assert reader.get(PLACE).status_code == 200
        for method, place in (("POST", ""), ("POST", "/user:alice/disable"), ("DELETE", "/user:alice")):
            more = {"json": {"subject": "user:x"}} if not place else {}
            assert problem(reader.request(method, PLACE + place, **more)) == (403, "insufficient_scope")


def test_what_is_held_about_somebody_has_their_events_for_who_may_read_the_audit(server: Live) -> None:
    place = f"{PLACE}/user:alice/export"
    with asking(server, BOTH[0]) as reader:
        assert "events" not in reader.get(place).json()
        assert problem(reader.get(place, params={"events": "true"})) == (403, "insufficient_scope")
        assert problem(reader.get(place, params={"events": "yes"})) == (422, "invalid_fields")
    with asking(server, BOTH[0], "admin:audit:read") as reader:
        events = reader.get(place, params={"events": "true"}).json()["events"]
    assert "issue" in {each["action"] for each in events}
