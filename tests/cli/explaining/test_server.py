"""A running server is asked, by an operator who may, what it would decide: it tells what it remembers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Said, run_in
from tests.server.live import Live, live
from watchword.model.credential import Kind

ROUTES = """
[[route]]
path = "/orders/{id}"
accept = "api-key"
scopes = ["orders:read"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("asked"), ROUTES) as found:
        found.service("billing")
        found.service("ops")
        yield found


@pytest.fixture
def asking(server: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the profile "ops" be an operator's, and return a caller's key."""
    operator = server.issue(Kind.API_KEY, "service:ops", scopes=("admin:configuration:read",))
    monkeypatch.setenv("WATCHWORD_PROFILE_OPS__SCHEME", "api-key")
    monkeypatch.setenv("WATCHWORD_PROFILE_OPS__SECRET", operator.material["secret"])
    key: str = server.issue(Kind.API_KEY, "service:billing", scopes=("orders:read",)).material["secret"]
    return key


def _explained(server: Live, folder: Path, *words: str, profile: str = "ops") -> Said:
    url = f"{server.url}/whoami"
    return run_in(
        folder, "explain", "GET", url, *words, "--server", server.url, *(("--as", profile) if profile else ())
    )


def test_it_tells_what_it_remembers_and_keeps_nothing(server: Live, asking: str, tmp_path: Path) -> None:
    header = ("-H", f"Authorization: Bearer {asking}")
    said = _explained(server, tmp_path, *header)
    assert "accepted: service:billing, proved by api-key" in said.out
    assert "nothing remembered answered" in said.out
    with server.client() as client:
        assert client.get("/whoami", headers={"Authorization": f"Bearer {asking}"}).status_code == 200
    said = _explained(server, tmp_path, *header, "--json")
    assert (said.code, said.json["remembered"]) == (0, True)
    assert asking not in said.out
    decided = [event for event in server.events() if event.action == "decide" and event.path == "/whoami"]
    assert len(decided) == 1


def test_who_may_not_ask_is_told_what_it_takes(
    server: Live, asking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHWORD_PROFILE_OPS__SECRET", asking)
    said = _explained(server, tmp_path)
    assert (said.code, said.out) == (1, "")
    assert "admin:configuration:read" in said.err
    assert _explained(server, tmp_path, profile="").code == 1


def test_what_it_says_is_what_the_command_line_says(server: Live, asking: str, tmp_path: Path) -> None:
    there = _explained(server, tmp_path, "-H", "Authorization: Bearer ak_live_nope", "--json").json
    assert (there["reason"], there["decision"]) == ("malformed_credential", "refused")
    assert json.loads(there["response"]["body"])["status"] == 401
