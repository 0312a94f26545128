"""``/admin/v1/alerts``: what waits, and who has looked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.model.alerts import Alert
from watchword.server.account.mail import Letter

PLACE = "/admin/v1/alerts"
READ, WRITE = "admin:alerts:read", "admin:alerts:write"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("alerts"), '[admin]\nlimit = ""\n') as running:
        running.service("ops")
        for number in range(5):
            alert = Alert(f"alr_{number}", 100 + number, "many-refusals", "high", f"key-{number}", credential="key_x")
            assert running.do(running.watchword.store.alerts.add(alert))
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, READ, WRITE) as http:
        yield http


def walked(admin: httpx2.Client, **query: str) -> list[str]:
    found: list[str] = []
    answer = admin.get(PLACE, params=query)
    for _ in range(20):
        found += [each["id"] for each in answer.json()["alerts"]]
        if answer.json()["next"] is None:
            return found
        answer = admin.get(answer.headers["link"].split(">")[0].removeprefix("<"))
    raise AssertionError("the pages never end")


def test_alerts_are_listed_shown_and_acknowledged_once(server: Live, admin: httpx2.Client) -> None:
    ids = [f"alr_{number}" for number in (4, 3, 2, 1, 0)]
    assert [each for each in walked(admin, limit="2") if each in ids] == ids
    shown = admin.get(f"{PLACE}/alr_2").json()
    assert (shown["rule"], shown["acknowledged_at"]) == ("many-refusals", None)
    first = admin.post(f"{PLACE}/alr_2/acknowledge").json()
    assert (first["acknowledged_by"], first["acknowledged_at"] is not None) == ("service:ops", True)
    assert admin.post(f"{PLACE}/alr_2/acknowledge").json() == first
    assert "alr_2" not in walked(admin, open="true")
    assert "alr_2" in walked(admin, open="false", limit="3")
    events = [each for each in server.events() if each.action == "acknowledge"]
    assert len(events) == 1


def test_what_is_not_there_and_what_cannot_be(admin: httpx2.Client) -> None:
    for id in ("alr_x", "%00", "x" * 3000):
        assert problem(admin.get(f"{PLACE}/{id}")) == (404, "not_found")
        assert problem(admin.post(f"{PLACE}/{id}/acknowledge")) == (404, "not_found")
    for query in ({"open": "yes"}, {"cursor": "x"}):
        assert problem(admin.get(PLACE, params=query)) == (422, "invalid_fields")


def test_looking_is_not_acknowledging(server: Live) -> None:
    with asking(server, READ) as reader, asking(server, "admin:audit:read") as other:
        assert problem(reader.post(f"{PLACE}/alr_0/acknowledge")) == (403, "insufficient_scope")
        assert problem(other.get(PLACE)) == (403, "insufficient_scope")


def test_rules_are_shown_as_the_settings_have_them(admin: httpx2.Client) -> None:
    rules = {each["id"]: each for each in admin.get(f"{PLACE}/rules").json()["rules"]}
    assert "test" not in rules
    assert (rules["leaked"]["severity"], rules["leaked"]["on"]) == ("high", True)


def test_a_test_reaches_who_is_told(tmp_path: Path, admin: httpx2.Client) -> None:
    assert problem(admin.post(f"{PLACE}/test")) == (409, "conflict")
    letters: list[str] = []

    async def send(letter: Letter) -> None:
        letters.append(letter.to)

    with live(tmp_path, '[alerts]\nemail = ["ops@example.com"]\n', send_mail=send) as server:
        server.service("ops")
        with asking(server, READ) as reader:
            assert problem(reader.post(f"{PLACE}/test")) == (403, "insufficient_scope")
        with asking(server, WRITE) as writer:
            said = {each["receiver"]: each["told"] for each in writer.post(f"{PLACE}/test").json()["receivers"]}
        assert said["email"] is True
        assert "ops@example.com" in letters
