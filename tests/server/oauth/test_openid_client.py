"""npm's openid-client, run for real, logs people in here: what metadata promise is what it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.node import line_of, talking
from tests.server.live import Live, live
from tests.server.oauth.flow import CALLBACK, App, login

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("client"), 'issuer = "{url}"\n') as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


def logged_in(server: Live, app: App, change: Any = lambda place: place) -> dict[str, Any]:
    """Let the client log alice in; return what it says at the end."""
    arguments = (server.url, app.id, app.secret, CALLBACK, "openid profile orders:read")
    with talking("client.js", *arguments) as process, server.client() as browser:
        assert process.stdin is not None
        login(browser)
        answer = browser.get(json.loads(line_of(process))["place"].removeprefix(server.url))
        process.stdin.write(change(answer.headers["location"]) + "\n")
        process.stdin.flush()
        said: dict[str, Any] = json.loads(line_of(process))
        return said


@pytest.mark.parametrize("public", [False, True])
def test_login_userinfo_and_refresh(server: Live, public: bool) -> None:
    said = logged_in(server, App(server, public=public))
    assert "error" not in said, said
    assert (said["claims"]["sub"], said["refreshed"]) == ("user:alice", "user:alice")
    assert said["info"] == {"sub": "user:alice", "preferred_username": "alice"}
    assert said["scope"] == "openid orders:read profile"
    with server.client() as http:
        who = http.get("/whoami", headers={"authorization": f"Bearer {said['access']}"}).json()
    assert (who["subject"], who["scopes"]) == ("user:alice", ["openid", "orders:read", "profile"])


@pytest.mark.parametrize(
    "options", [{"id_token_signed_response_alg": "RS256"}, {"id_token_signed_response_alg": "ES256"}]
)
def test_id_tokens_by_other_algorithms(server: Live, options: dict[str, str]) -> None:
    said = logged_in(server, App(server, **options))
    assert said.get("claims", said).get("sub") == "user:alice"


def test_a_pairwise_client_knows_one_name_for_a_person(server: Live) -> None:
    said = logged_in(server, App(server, subject_type="pairwise"))
    assert said["claims"]["sub"] == said["info"]["sub"] == said["refreshed"] != "user:alice"
    assert said["access"].startswith("at_")


@pytest.mark.parametrize(
    "change",
    [
        lambda place: place.partition("&iss=")[0],
        lambda place: place.replace("iss=http", "iss=https"),
        lambda place: place.replace("state=", "state=x"),
        lambda place: place.replace("code=ac_", "code=ac_x"),
    ],
    ids=["without iss", "another iss", "another state", "another code"],
)
def test_what_was_altered_on_the_way_is_refused(server: Live, change: Any) -> None:
    assert "error" in logged_in(server, App(server), change)
