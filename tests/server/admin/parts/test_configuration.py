"""``configuration``, ``routes``, ``lint``, ``explain``: what the server is set to, and never a secret of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.lint import RULES
from watchword.model.credential import Kind
from watchword.server.admin.parts.configuration import shown_settings
from watchword.server.config.load import load

SETTINGS = """
[admin]
limit = ""
[[route]]
path = "/orders/{id}"
methods = ["GET"]
accept = "api-key | hmac"
scopes = ["orders:read"]
within = "5m"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("configuration"), SETTINGS) as running:
        running.service("ops")
        running.service("billing")
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, "admin:configuration:read") as http:
        yield http


def test_settings_are_shown_with_their_defaults(admin: httpx2.Client) -> None:
    value = admin.get("/admin/v1/configuration").json()
    assert (value["admin"]["within"], value["tokens"]["access"]) == (600, 600)
    assert value["route"][0]["path"] == "/orders/{id}"


def test_no_secret_of_the_settings_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "watchword.toml"
    file.write_text(
        '[store]\nurl = "postgresql://watchword:canary-password@127.0.0.1/w"\n'
        '[root_key]\ncommand = ["vault", "--token=canary", "read"]\n'
        '[mail]\nserver = "127.0.0.1:25"\nsender = "a@example.com"\npassword = { command = ["get", "canary"] }\n'
        '[alerts]\nwebhook = "https://hooks.example/in?token=canary"\nwebhook_key = "hk_live_x"\n'
    )
    shown = shown_settings(load(file))
    assert "canary" not in str(shown)
    assert shown["root_key"]["command"][0] == "vault"
    assert "hooks.example/in" in shown["alerts"]["webhook"]
    assert shown["server"]["listen"] == "127.0.0.1:8000"


def test_routes_are_those_of_the_file_and_the_servers_own(admin: httpx2.Client) -> None:
    routes = admin.get("/admin/v1/routes").json()["routes"]
    assert routes[0] == {
        "path": "/orders/{id}", "accept": "api-key | hmac", "methods": ["GET"], "scopes": ["orders:read"], "limit": "",
        "networks": [], "factors": [], "within": 300.0, "body": "", "resource": "",
    }  # fmt: skip
    assert "/whoami" in {each["path"] for each in routes}


def test_findings_name_their_line(server: Live, admin: httpx2.Client) -> None:
    value = admin.get("/admin/v1/lint").json()
    found = [each for each in value["findings"] if each["key"].startswith("route.1")]
    assert found, value
    assert all(each["line"] for each in found)
    server.issue(Kind.API_KEY, "service:billing")
    more = admin.get("/admin/v1/lint", params={"store": "true"}).json()
    assert len(more["findings"]) > len(value["findings"])
    assert problem(admin.get("/admin/v1/lint", params={"store": "yes"})) == (422, "invalid_fields")


def test_a_decision_is_explained_and_nothing_kept(server: Live, admin: httpx2.Client) -> None:
    key = server.issue(Kind.API_KEY, "service:billing")
    question: dict[str, Any] = {
        "method": "GET",
        "url": f"{server.url}/orders/7",
        "headers": [["Authorization", f"Bearer {key.material['secret']}"]],
    }
    answer = admin.post("/admin/v1/explain", json=question)
    assert answer.status_code == 200, answer.text
    value = answer.json()
    assert (value["decision"], value["reason"]) == ("refused", "insufficient_scope")
    assert value["route"]["path"] == "/orders/{id}"
    assert key.material["secret"] not in answer.text
    assert not [each for each in server.events() if each.path == "/orders/7"]
    record = server.do(server.watchword.store.credential(key.credential.id))
    assert record is not None
    assert record.last_used_at is None


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({}, "url"),
        ({"url": "x"}, "url"),
        ({"url": "http://a/", "method": "G T"}, "method"),
        ({"url": "http://a/", "headers": {"a": "b"}}, "headers"),
        ({"url": "http://a/", "address": "x"}, "address"),
        ({"url": "http://a/", "nothing": 1}, "nothing"),
        ({"url": "http://a/", "certificate": "x"}, "certificate"),
    ],
    ids=str,
)
def test_a_question_that_cannot_be_names_its_field(admin: httpx2.Client, question: dict[str, Any], field: str) -> None:
    answer = admin.post("/admin/v1/explain", json=question)
    assert problem(answer) == (422, "invalid_fields")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_a_long_content_is_part_of_a_question(admin: httpx2.Client) -> None:
    question = {"url": "http://a/orders/7", "method": "POST", "body": "x" * 40_000}
    assert admin.post("/admin/v1/explain", json=question).status_code == 200
    assert problem(admin.post("/admin/v1/explain", json={**question, "body": "x" * 70_000}))[0] == 413


def test_it_is_for_who_may_read_it(server: Live) -> None:
    with asking(server, "admin:audit:read") as http:
        for place in ("configuration", "routes", "lint"):
            assert problem(http.get(f"/admin/v1/{place}")) == (403, "insufficient_scope")
        assert problem(http.post("/admin/v1/explain", json={"url": "http://a/"})) == (403, "insufficient_scope")


def test_rules_of_lint_are_shown(admin: httpx2.Client) -> None:
    rules = admin.get("/admin/v1/lint/rules").json()["rules"]
    assert [each["rule"] for each in rules] == list(RULES)
    assert all(each["why"] and each["fix"] for each in rules)
