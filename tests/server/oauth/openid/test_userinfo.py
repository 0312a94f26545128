"""Userinfo over real HTTP: OpenID Connect Core 1.0 section 5.3."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live
from tests.server.oauth.flow import App, code_of, login

from watchword.codec.jose import Header, key_set, peek, verify
from watchword.codec.secrets import digest
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Swap

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


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


def tokens(http: httpx2.Client, app: App, **more: str) -> dict[str, str]:
    given: dict[str, str] = app.redeem(http, code_of(http, app, **more)).json()
    return given


def said(token: str) -> dict[str, object]:
    value: dict[str, object] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return value


def test_oidc_core_5_3_2_one_sub_in_both(http: httpx2.Client, server: Live) -> None:
    for options in ({}, {"subject_type": "pairwise"}):
        given = tokens(http, App(server, **options))
        head = {"authorization": f"Bearer {given['access_token']}"}
        assert http.get("/oauth/userinfo", headers=head).json()["sub"] == said(given["id_token"])["sub"]


def test_core_8_a_pairwise_client_never_sees_the_real_name(http: httpx2.Client, server: Live) -> None:
    pairwise = {"subject_type": "pairwise"}
    app = App(server, **pairwise)
    given = tokens(http, app)
    refreshed = app.refresh(http, given["refresh_token"]).json()
    assert given["access_token"].startswith("at_")
    assert "user:alice" not in json.dumps([given, refreshed, said(given["id_token"]), said(refreshed["id_token"])])
    name = said(given["id_token"])["sub"]
    assert said(refreshed["id_token"])["sub"] == name
    assert said(tokens(http, App(server, **pairwise))["id_token"])["sub"] == name  # the same sector
    other = App(server, sector_identifier_uri="https://other.example/", **pairwise)
    assert said(tokens(http, other)["id_token"])["sub"] != name
    asked = {"token": given["access_token"], "client_id": app.id, "client_secret": app.secret}
    answer = http.post("/oauth/introspect", data=asked).json()
    assert (answer["active"], answer["sub"]) == (True, name)


def test_core_8_a_pairwise_client_that_asks_as_an_api_would_learns_no_real_name_either(
    http: httpx2.Client, server: Live
) -> None:
    grants = ["authorization_code", "refresh_token", EXCHANGE]
    app = App(server, subject_type="pairwise", grants=grants)
    given = tokens(http, app, scope="openid")
    name = said(given["id_token"])["sub"]
    head = {"authorization": f"Bearer {given['access_token']}"}
    who = http.get("/whoami", headers=head).json()
    assert (who["subject"], who["actor"]) == (name, app.id)
    proved = {"client_id": app.id, "client_secret": app.secret}
    access = "urn:ietf:params:oauth:token-type:access_token"
    form = {"grant_type": EXCHANGE, "subject_token": given["access_token"], "subject_token_type": access}
    acting = {"actor_token": given["access_token"], "actor_token_type": access}
    got = http.post("/oauth/token", data={**form, **acting, **proved})
    assert got.status_code == 200, got.text
    token = got.json()["access_token"]
    answer = http.post("/oauth/introspect", data={"token": token, **proved}).json()
    assert (answer["sub"], answer["act"]) == (name, {"sub": name, "client_id": app.id})
    who = http.get("/whoami", headers={"authorization": f"Bearer {token}"}).json()
    assert "user:alice" not in json.dumps([answer, who, got.json()])


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_core_5_3_2_signed_where_the_client_wants_that(http: httpx2.Client, server: Live, algorithm: str) -> None:
    app = App(server, userinfo_signed_response_alg=algorithm)
    head = {"authorization": f"Bearer {tokens(http, app)['access_token']}"}
    answer = http.get("/oauth/userinfo", headers=head)
    assert answer.headers["content-type"] == "application/jwt"
    keys = key_set(http.get("/oauth/jwks").content)
    header = peek(answer.content)
    assert keys is not None
    assert isinstance(header, Header)
    claims = verify(answer.content, keys[header.kid or ""])
    assert claims == {"sub": "user:alice", "iss": server.watchword.issuer, "aud": app.id}
    answer = http.get("/whoami", headers={"authorization": f"Bearer {answer.text}"})
    assert answer.status_code == 401


def test_claims_by_name_are_told_where_they_were_asked_for(http: httpx2.Client, server: Live) -> None:
    """OpenID Connect Core 1.0 section 5.5."""
    claims = {"userinfo": {"email": {"essential": True}}, "id_token": {"name": None, "picture": None}}
    given = tokens(http, App(server), claims=json.dumps(claims), scope="openid")
    assert set(given["scope"].split()) == {"openid", "email", "profile"}
    assert said(given["id_token"])["name"] == "Alice A."
    assert "email" not in said(given["id_token"])
    info = http.get("/oauth/userinfo", headers={"authorization": f"Bearer {given['access_token']}"}).json()
    assert info["email"] == "alice@example.com"


def test_must_10_an_id_token_is_never_an_access_token(http: httpx2.Client, server: Live) -> None:
    given = tokens(http, App(server))
    for place in ("/oauth/userinfo", "/whoami"):
        for scheme in ("Bearer", "DPoP"):
            assert http.get(place, headers={"authorization": f"{scheme} {given['id_token']}"}).status_code == 401
    asked = {"token": given["id_token"]}
    app = App(server)
    answer = http.post("/oauth/introspect", data={**asked, "client_id": app.id, "client_secret": app.secret})
    assert answer.json() == {"active": False}


def test_an_access_token_in_the_form_is_not_looked_at(http: httpx2.Client, server: Live) -> None:
    """RFC 9700 section 4.3.2: a token belongs into the header."""
    given = tokens(http, App(server))
    assert http.post("/oauth/userinfo", data={"access_token": given["access_token"]}).status_code == 401
