"""``/admin/v1/tokens/revoke``: one token, or all that somebody was given before now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import PASSWORD, Live, live

from watchword.model.credential import Kind

PLACE = "/admin/v1/tokens/revoke"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("tokens"), 'issuer = "{url}"\n[admin]\nlimit = ""\n') as running:
        running.service("ops")
        running.service("shop")
        running.user("alice")
        running.user("root", scopes=("admin:keys:write",))
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, "admin:credentials:write") as http:
        yield http


def token(server: Live, name: str = "alice") -> str:
    with server.client() as http:
        return str(http.post("/login", json={"username": name, "password": PASSWORD}).json()["token"])


def whoami(server: Live, *texts: str) -> list[int]:
    with server.client() as http:
        return [http.get("/whoami", headers={"authorization": f"Bearer {each}"}).status_code for each in texts]


def test_one_token_is_void_and_its_neighbours_are_not(server: Live, admin: httpx2.Client) -> None:
    first, second = token(server), token(server)
    answer = admin.post(PLACE, json={"token": first, "reason": "found in a log"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["subject"], answer.json()["jti"][:4]) == ("user:alice", "jti_")
    assert first not in answer.text
    assert whoami(server, first, second) == [401, 200]
    claims = server.watchword.keys.claims_of(second.encode())
    assert claims is not None
    assert admin.post(PLACE, json={"token": claims["jti"], "reason": "by name"}).status_code == 200
    assert whoami(server, second) == [401]


def test_all_of_a_subject_and_of_a_client(server: Live, admin: httpx2.Client) -> None:
    texts = [token(server), token(server)]
    assert admin.post(PLACE, json={"subject": "user:alice", "reason": "x"}).json()["subject"] == "user:alice"
    assert whoami(server, *texts) == [401, 401]
    made = server.issue(Kind.OAUTH_CLIENT, "service:shop").material
    form = {"grant_type": "client_credentials", **made}
    with server.client() as http:
        text = http.post("/oauth/token", data=form).json()["access_token"]
    assert whoami(server, text) == [200]
    assert admin.post(PLACE, json={"client_id": made["client_id"], "reason": "x"}).status_code == 200
    assert whoami(server, text) == [401]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"reason": "x"}, 422),
        ({"token": "jti_x"}, 422),
        ({"token": "jti_x", "subject": "user:alice", "reason": "x"}, 422),
        ({"token": "key_x", "reason": "x"}, 409),
        ({"token": "eyJ.x.y", "reason": "x"}, 409),
        ({"token": "jti_\u00e4", "reason": "x"}, 409),
        ({"subject": "alice", "reason": "x"}, 422),
        ({"subject": "user:nobody", "reason": "x"}, 409),
        ({"client_id": "cli_nobody", "reason": "x"}, 404),
        ({"client_id": "cli_nobody", "reason": "x", "more": 1}, 422),
    ],
    ids=str,
)
def test_what_cannot_be_says_why(admin: httpx2.Client, body: dict[str, Any], status: int) -> None:
    assert problem(admin.post(PLACE, json=body))[0] == status


def test_whoever_has_more_rights_keeps_their_tokens(server: Live, admin: httpx2.Client) -> None:
    text = token(server, "root")
    for body in ({"token": text}, {"subject": "user:root"}):
        assert problem(admin.post(PLACE, json={**body, "reason": "x"})) == (403, "insufficient_scope")
    assert whoami(server, text) == [200]
