"""``/admin/v1/audit``: filtered, paged, proved, exported; never a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.model.credential import Kind
from watchword.model.records import Event

PLACE = "/admin/v1/audit"
READ, WRITE = "admin:audit:read", "admin:audit:write"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("audit"), '[admin]\nlimit = ""\n') as running:
        running.service("ops")
        running.service("billing")
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, READ) as http:
        yield http


def test_events_come_newest_first_and_filtered(server: Live, admin: httpx2.Client) -> None:
    made = [server.issue(Kind.API_KEY, "service:billing").credential.id for _ in range(3)]
    server.events()
    found = admin.get(PLACE, params={"action": "issue", "subject": "service:billing"}).json()["events"]
    assert [each["credential"] for each in found][:3] == made[::-1]
    assert [each["actor"] for each in found][:3] == ["test"] * 3
    one = admin.get(PLACE, params={"credential": made[0]}).json()
    assert [(each["action"], each["outcome"]) for each in one["events"]] == [("issue", "done")]
    assert admin.get(PLACE, params={"action": "nothing"}).json()["events"] == []


def test_a_refusal_is_found_by_its_reference(server: Live, admin: httpx2.Client) -> None:
    with server.client(headers={"authorization": "Bearer ak_live_nonsense"}) as http:
        reference = http.get("/whoami").json()["reference"]
    server.events()
    (event,) = admin.get(PLACE, params={"reference": reference}).json()["events"]
    assert (event["outcome"], event["path"]) == ("refused", "/whoami")
    assert "nonsense" not in json.dumps(event)


def test_pages_go_back_to_the_beginning(server: Live, admin: httpx2.Client) -> None:
    for _ in range(12):
        server.issue(Kind.API_KEY, "service:billing")
    server.events()
    seen: list[int] = []
    answer = admin.get(PLACE, params={"limit": "5"})
    for _ in range(200):
        seen += [each["position"] for each in answer.json()["events"]]
        if answer.json()["next"] is None:
            break
        answer = admin.get(answer.headers["link"].split(">")[0].removeprefix("<"))
    else:
        raise AssertionError("the pages never end")
    assert seen == sorted(set(seen), reverse=True)
    held = {position for position, _ in server.do(server.watchword.store.events(limit=10_000))}
    assert set(seen) <= held
    assert min(seen) == min(held)


def test_all_of_it_is_exported_as_lines(server: Live, admin: httpx2.Client) -> None:
    server.events()
    events = [Event(1.0, "note", "done", detail=str(number)) for number in range(1200)]
    server.do(server.watchword.store.append(events))
    found: list[dict[str, object]] = []
    answer = admin.get(f"{PLACE}/export")
    while True:
        assert answer.headers["content-type"] == "application/jsonl"
        found += [json.loads(line) for line in answer.text.splitlines()]
        if "link" not in answer.headers:
            break
        answer = admin.get(answer.headers["link"].split(">")[0].removeprefix("<"))
    positions = [each["position"] for each in found]
    assert len(positions) > 1200
    assert positions == sorted(set(positions))  # type: ignore[type-var]
    assert admin.get(f"{PLACE}/export", params={"after": str(positions[-1] + 10**9)}).text == ""  # type: ignore[operator]


def test_the_log_is_proved_and_signed(server: Live, admin: httpx2.Client) -> None:
    value = admin.get(f"{PLACE}/verify").json()
    assert (value["intact"], value["flaws"], value["found"]) == (True, [], 0)
    assert problem(admin.post(f"{PLACE}/checkpoint")) == (403, "insufficient_scope")
    with asking(server, READ, WRITE) as writer:
        signed = writer.post(f"{PLACE}/checkpoint").json()
    assert signed["number"] >= 1
    assert signed["statement"].count(".") == 2
    assert "d" not in signed["key"]
    assert admin.get(f"{PLACE}/checkpoint").json()["number"] >= signed["number"]
    assert admin.get(f"{PLACE}/verify").json()["signed_up_to"] > 0


def test_what_was_altered_is_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    from sqlalchemy import text

    def plan() -> Iterator[object]:
        yield text("UPDATE audit SET events = replace(events, 'done', 'dome')"), {}

    with live(tmp_path_factory.mktemp("altered"), "") as server:
        server.service("ops")
        server.events()
        server.do(server.watchword.store.carry_out(plan()))  # type: ignore[attr-defined]
        with asking(server, READ) as http:
            value = http.get(f"{PLACE}/verify").json()
    assert value["intact"] is False
    assert value["found"] == len(value["flaws"]) > 0


@pytest.mark.parametrize(
    ("place", "query", "field"),
    [
        ("", {"outcome": "x"}, "outcome"),
        ("", {"reason": "x"}, "reason"),
        ("", {"cursor": "x"}, "cursor"),
        ("", {"limit": "0"}, "limit"),
        ("/export", {"after": "-1"}, "after"),
        ("/export", {"after": "9" * 30}, "after"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_names_its_field(
    admin: httpx2.Client, place: str, query: dict[str, str], field: str
) -> None:
    answer = admin.get(PLACE + place, params=query)
    assert problem(answer) == (422, "invalid_fields")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_the_log_is_for_who_may_read_it(server: Live) -> None:
    with asking(server, "admin:usage:read") as http:
        for place in ("", "/verify", "/export", "/checkpoint"):
            assert problem(http.get(PLACE + place)) == (403, "insufficient_scope")


def test_events_of_lately_alone(server: Live, admin: httpx2.Client) -> None:
    now = server.watchword.clock()
    old, older = (Event(now - age, "issue", "done", credential=f"key_{age}") for age in (5_000, 90_000))
    for each in (older, old):
        assert server.do(server.watchword.store.write(each))
    found = {each["credential"] for each in admin.get(PLACE, params={"since": "2h"}).json()["events"]}
    assert "key_5000" in found
    assert "key_90000" not in found
    assert "key_90000" in {each["credential"] for each in admin.get(PLACE, params={"since": "2d"}).json()["events"]}
    assert problem(admin.get(PLACE, params={"since": "soon"})) == (422, "invalid_fields")


def test_a_checkpoint_that_was_kept_elsewhere_holds_or_does_not(server: Live, admin: httpx2.Client) -> None:
    with asking(server, READ, WRITE) as more:
        kept = more.post(f"{PLACE}/checkpoint").json()
    assert admin.post(f"{PLACE}/verify", json=kept).json()["intact"] is True
    found = admin.post(f"{PLACE}/verify", json={**kept, "number": kept["number"] + 1}).json()
    assert (found["intact"], len(found["flaws"])) == (False, 1)
    for body in ({}, {**kept, "number": "1"}, {**kept, "number": 1 << 60}, {**kept, "statement": 7}):
        assert problem(admin.post(f"{PLACE}/verify", json=body)) == (422, "invalid_fields")
