"""``/admin/v1/usage``: what was counted, by time, route, network and verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.model.credential import Kind

PLACE = "/admin/v1/usage"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("usage"), '[admin]\nlimit = ""\n') as running:
        running.service("ops")
        running.service("billing")
        yield running


@pytest.fixture(scope="module")
def used(server: Live) -> str:
    """Return a key that called three times, and was refused once with another's."""
    key = server.issue(Kind.API_KEY, "service:billing")
    with server.client(headers={"authorization": f"Bearer {key.material['secret']}"}) as http:
        for _ in range(3):
            assert http.get("/whoami").status_code == 200
    server.do(server.watchword.lifecycle.revoke(key.credential.id, reason="x", by="test"))
    with server.client(headers={"authorization": f"Bearer {key.material['secret']}"}) as http:
        assert http.get("/whoami").status_code == 401
    deadline = time.monotonic() + 10
    while len(server.watchword.audit) and time.monotonic() < deadline:
        time.sleep(0.02)
    return key.credential.id


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, "admin:usage:read") as http:
        yield http


def test_what_went_on_with_one(admin: httpx2.Client, used: str) -> None:
    value = admin.get(PLACE, params={"credential": used, "since": "1h"}).json()
    assert (value["accepted"], value["refused"], value["by"]) == (3, 1, "minute")
    assert {each["verdict"] for each in value["points"]} == {"accepted", "refused"}
    assert value["reasons"] == [{"reason": "revoked", "verdict": "refused", "decisions": 1}]
    assert [each["network"] for each in value["origins"]] == ["127.0.0.0/24"]
    whose = admin.get(PLACE, params={"subject": "service:billing", "by": "hour"}).json()
    assert (whose["accepted"], whose["by"]) == (3, "hour")
    everybody = admin.get(PLACE).json()
    assert everybody["decisions"] >= 4


def test_each_count_by_itself(admin: httpx2.Client, used: str) -> None:
    value = admin.get(f"{PLACE}/rows", params={"credential": used}).json()
    assert value["whole"] is True
    assert sum(each["decisions"] for each in value["rows"]) == 4
    assert {each["verdict"] for each in value["rows"]} == {"accepted", "refused"}
    one = admin.get(f"{PLACE}/rows", params={"credential": used, "limit": "1"}).json()
    assert (len(one["rows"]), one["whole"]) == (1, False)


def test_where_it_was_used_from(admin: httpx2.Client, used: str) -> None:
    (origin,) = admin.get(f"{PLACE}/origins", params={"credential": used}).json()["origins"]
    assert (origin["credential"], origin["network"]) == (used, "127.0.0.0/24")
    assert admin.get(f"{PLACE}/origins", params={"credential": "key_x"}).json() == {"origins": []}


@pytest.mark.parametrize(
    ("place", "query", "field"),
    [
        ("", {"since": "soon"}, "since"),
        ("", {"since": "91d"}, "since"),
        ("", {"by": "week"}, "by"),
        ("", {"by": "minute", "since": "30d"}, "by"),
        ("", {"subject": "billing"}, "subject"),
        ("/rows", {"limit": "0"}, "limit"),
        ("/rows", {"limit": "1001"}, "limit"),
        ("/origins", {}, "credential"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_names_its_field(
    admin: httpx2.Client, place: str, query: dict[str, str], field: str
) -> None:
    answer = admin.get(PLACE + place, params=query)
    assert problem(answer) == (422, "invalid_fields")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_counts_are_for_who_may_read_them(server: Live) -> None:
    with asking(server, "admin:audit:read") as http:
        for place in ("", "/rows", "/origins"):
            assert problem(http.get(PLACE + place)) == (403, "insufficient_scope")
