"""What each grant of the token endpoint refuses: RFC 6749 section 5.2."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import CALLBACK, App, code_of, login

from watchword.model.credential import Kind, State


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("grants"), '[limits]\naddress = "100000/min"\n') as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        login(client)
        yield client


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"code": None}, "invalid_request"),
        ({"code": "ac_nothing"}, "invalid_grant"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "rt_x.y.0.z"}, "invalid_grant"),
    ],
    ids=str,
)
def test_rfc6749_5_2(http: httpx2.Client, server: Live, change: dict[str, str | None], error: str) -> None:
    app = App(server)
    answer = app.redeem(http, code_of(http, app), **change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["cache-control"] == "no-store"


def test_no_refresh_token_without_its_grant(http: httpx2.Client, server: Live) -> None:
    app = App(server, grants=["authorization_code"])
    assert "refresh_token" not in app.redeem(http, code_of(http, app)).json()


def test_a_public_client_has_no_client_credentials(http: httpx2.Client, server: Live) -> None:
    app = App(server, public=True)
    form = {"grant_type": "client_credentials", "client_id": app.id}
    assert http.post("/oauth/token", data=form).json()["error"] == "unauthorized_client"


def test_rfc6749_4_4_nobody_is_a_public_client_by_its_id_alone(http: httpx2.Client, server: Live) -> None:
    """Whoever knows the id, which stands in every browser, would get tokens for the client's service."""
    options = {"public": True, "redirect_uris": [CALLBACK]}  # where no grants are named, there is this one
    client = server.issue(Kind.OAUTH_CLIENT, "service:app", scopes=("orders:read",), options=options)
    assert "client_credentials" in client.credential.detail["grants"]
    form = {"grant_type": "client_credentials", "client_id": client.material["client_id"]}
    answer = http.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("rotations", [0, 1], ids=["its own record", "a rotation's"])
def test_with_a_client_end_the_tokens_that_it_holds_for_people(
    http: httpx2.Client, server: Live, rotations: int
) -> None:
    app = App(server)
    id = app.id
    for _ in range(rotations):
        id = server.do(server.watchword.lifecycle.rotate(id, overlap=600, by="test")).credential.id
    bearer = {"authorization": "Bearer " + app.redeem(http, code_of(http, app)).json()["access_token"]}
    assert http.get("/whoami", headers=bearer).status_code == 200
    server.do(server.watchword.lifecycle.revoke(id, reason="broken into", by="test"))
    server.watchword.watch.due = 0.0
    assert http.get("/whoami", headers=bearer).status_code == 401
    assert server.do(server.watchword.lifecycle.show(id)).state(time.time()) is State.REVOKED


def test_a_client_whose_rights_shrank_refreshes_less(http: httpx2.Client, server: Live) -> None:
    from watchword.model.records import Publish, Swap, Topic

    app = App(server)
    tokens = app.redeem(http, code_of(http, app)).json()
    record, now = server.do(server.watchword.lifecycle.show(app.id)), int(time.time())
    told = Publish(Topic.CHANGED, app.id, now, now + 600)
    assert server.do(server.watchword.store.write(Swap(record.changed(scopes=frozenset())), told))
    server.watchword.watch.due = 0.0
    assert app.refresh(http, tokens["refresh_token"]).json()["scope"] == "openid"


def test_a_token_of_elsewhere_is_not_spent(http: httpx2.Client, server: Live) -> None:
    from watchword.model.records import Swap

    app = App(server)
    tokens = app.redeem(http, code_of(http, app)).json()
    id = "fam_" + tokens["refresh_token"].partition(".")[0].removeprefix("rt_")
    family = server.do(server.watchword.lifecycle.show(id))
    elsewhere = family.changed(networks=("192.0.2.0/24",))
    assert server.do(server.watchword.store.write(Swap(elsewhere)))
    assert app.refresh(http, tokens["refresh_token"]).json() == {"error": "invalid_grant"}
    assert server.do(server.watchword.store.write(Swap(elsewhere.changed(networks=()))))
    assert app.refresh(http, tokens["refresh_token"]).status_code == 200
