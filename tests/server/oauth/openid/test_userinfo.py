"""Userinfo over real HTTP: OpenID Connect Core 1.0 section 5.3."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live
from tests.server.oauth.flow import App, code_of, login

from watchword.codec.secrets import digest
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Swap


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("userinfo"), '[limits]\naddress = "100000/min"\n') as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        store = running.watchword.store
        alice = running.do(store.subject("user:alice"))
        assert alice is not None
        running.do(store.write(Swap(alice.changed(detail={"display": "Alice A.", "locale": "de"}))))
        for id, address, gone in (("eml_a", "old@example.com", 5), ("eml_b", "alice@example.com", None)):
            detail = {"address": address, "confirmed_at": 1}
            lookup = digest(f"email:{address}")
            record = Credential(id, Kind.EMAIL, "user:alice", 1, lookup=lookup, detail=detail, revoked_at=gone)
            running.do(store.write(Add(record)))
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        login(client)
        yield client


def bearer(http: httpx2.Client, server: Live, scope: str) -> dict[str, str]:
    app = App(server)
    token = app.redeem(http, code_of(http, app, scope=scope)).json()["access_token"]
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid", {"sub": "user:alice"}),
        (
            "openid profile",
            {"sub": "user:alice", "name": "Alice A.", "preferred_username": "alice", "locale": "de"},
        ),
        ("openid email", {"sub": "user:alice", "email": "alice@example.com", "email_verified": True}),
    ],
)
def test_claims_are_those_of_the_scopes(
    http: httpx2.Client, server: Live, scope: str, claims: dict[str, object]
) -> None:
    head = bearer(http, server, scope)
    assert http.get("/oauth/userinfo", headers=head).json() == claims
    assert http.post("/oauth/userinfo", headers=head).json() == claims


def test_without_the_scope_openid_there_is_nothing(http: httpx2.Client, server: Live) -> None:
    answer = http.get("/oauth/userinfo", headers=bearer(http, server, "orders:read"))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_only_an_access_token_of_an_application_will_do(http: httpx2.Client, server: Live) -> None:
    own = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
    for head in ({}, {"authorization": f"Bearer {own}"}, {"authorization": "Bearer x"}):
        answer = http.get("/oauth/userinfo", headers=head)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
