"""The revocation endpoint over real HTTP (RFC 7009); what it decides is tested in tests/lifecycle/oauth."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import App
from tests.server.oauth.test_introspect import TOML, given, look
from tests.server.oauth.test_token import Client, basic


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("revoke"), TOML) as running:
        for name in ("billing", "app"):
            running.service(name)
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def take_back(http: httpx2.Client, token: str, asker: App | Client, **more: str) -> httpx2.Response:
    secret = {"client_secret": asker.secret} if asker.secret else {}
    return http.post("/oauth/revoke", data={"token": token, "client_id": asker.id, **secret, **more})


def whoami(http: httpx2.Client, token: str) -> int:
    return http.get("/whoami", headers={"authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize("format", ["jwt", "opaque"])
@pytest.mark.parametrize("public", [False, True], ids=["confidential", "public"])
def test_rfc7009_2_1_an_access_token_goes_at_once_and_alone(
    server: Live, http: httpx2.Client, format: str, public: bool
) -> None:
    app, tokens = given(http, server, token_format=format, public=public)
    assert whoami(http, tokens["access_token"]) == 200
    answer = take_back(http, tokens["access_token"], app)
    assert (answer.status_code, answer.json()) == (200, {})
    assert whoami(http, tokens["access_token"]) == 401
    again = app.refresh(http, tokens["refresh_token"]).json()
    assert whoami(http, again["access_token"]) == 200


@pytest.mark.parametrize("format", ["jwt", "opaque"])
@pytest.mark.parametrize("hint", ["refresh_token", "access_token", "nonsense"])
def test_rfc7009_2_1_with_a_refresh_token_goes_everything(
    server: Live, http: httpx2.Client, format: str, hint: str
) -> None:
    app, tokens = given(http, server, token_format=format)
    second = app.refresh(http, tokens["refresh_token"]).json()
    assert take_back(http, second["refresh_token"], app, token_type_hint=hint).status_code == 200
    for each in (tokens, second):
        assert whoami(http, each["access_token"]) == 401
        assert app.refresh(http, each["refresh_token"]).json() == {"error": "invalid_grant"}


def test_must_19_rfc7009_2_2_an_unknown_token_is_200(http: httpx2.Client, server: Live) -> None:
    app, tokens = given(http, server)
    for token in ("x", "at_x", "rt_x.y.0.z", "a.b.c", tokens["id_token"], tokens["access_token"][:-4]):
        answer = take_back(http, token, app)
        assert (answer.status_code, answer.json()) == (200, {}), token
    for _ in range(2):
        assert take_back(http, tokens["refresh_token"], app).status_code == 200


def test_must_19_rfc7009_2_1_another_clients_token_is_refused_and_stays(http: httpx2.Client, server: Live) -> None:
    app, tokens = given(http, server)
    other = Client(server)
    for name in ("access_token", "refresh_token"):
        answer = take_back(http, tokens[name], other)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})
        assert look(http, tokens[name], app)["active"] is True


def test_who_takes_back_must_prove_who_they_are(http: httpx2.Client, server: Live) -> None:
    app, tokens = given(http, server)
    for form, headers in (
        ({"client_id": app.id}, {}),
        ({"client_id": app.id, "client_secret": "cs_live_wrong"}, {}),
        ({}, basic(app.id, "cs_live_wrong")),
    ):
        answer = http.post("/oauth/revoke", data={"token": tokens["access_token"], **form}, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert whoami(http, tokens["access_token"]) == 200


def test_must_23_malformed_requests(http: httpx2.Client, server: Live) -> None:
    client = Client(server)
    kind = {"content-type": "application/x-www-form-urlencoded", **basic(client.id, client.secret)}
    for body in ("", "token=", "token=a&token=b", "token=%zz"):
        answer = http.post("/oauth/revoke", content=body, headers=kind)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"}), body
    assert http.get("/oauth/revoke").status_code == 405


def test_the_audit_says_who_took_what_back(http: httpx2.Client, server: Live) -> None:
    app, tokens = given(http, server)
    take_back(http, tokens["access_token"], app)
    take_back(http, tokens["refresh_token"], app)
    done = [event for event in server.events() if event.action == "revoke"][-2:]
    assert [(event.actor, event.subject) for event in done] == [("service:app", "user:alice")] * 2
    secrets = (tokens["access_token"], tokens["refresh_token"], tokens["access_token"].rpartition(".")[2])
    assert not any(secret in repr(server.events()) for secret in secrets)


def test_the_metadata_names_it(server: Live, http: httpx2.Client) -> None:
    metadata = http.get("/.well-known/oauth-authorization-server").json()
    assert metadata["revocation_endpoint"] == f"{server.url}/oauth/revoke"
    assert "none" in metadata["revocation_endpoint_auth_methods_supported"]
