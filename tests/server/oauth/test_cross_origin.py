"""Scripts of other sites: what they may ask, and that no cookie ever counts for them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import App, code_of, login

ORIGIN = {"origin": "https://app.example"}
ASKING = {**ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("cross"), 'issuer = "{url}"\n') as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def test_a_public_client_in_a_browser_redeems_and_asks_who_it_is(server: Live, http: httpx2.Client) -> None:
    app = App(server, public=True)
    login(http)
    code = code_of(http, app)
    with server.client(headers=ORIGIN) as script:
        answer = app.redeem(script, code)
        assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}
        info = script.get("/oauth/userinfo", headers=bearer)
        assert (info.status_code, info.headers["access-control-allow-origin"]) == (200, "*")
        again = app.refresh(script, answer.json()["refresh_token"])
        assert (again.status_code, again.headers["access-control-allow-origin"]) == (200, "*")


def test_refusals_can_be_read_too(http: httpx2.Client) -> None:
    answer = http.post("/oauth/token", data={"grant_type": "x", "client_id": "y"}, headers=ORIGIN)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "*")
    answer = http.get("/oauth/userinfo", headers=ORIGIN)
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/oauth/token", "POST"),
        ("/oauth/revoke", "POST"),
        ("/oauth/userinfo", "GET, POST"),
        ("/oauth/register", "POST"),
        ("/oauth/register/cli_1", "GET, PUT, DELETE"),
        ("/oauth/jwks", "GET, HEAD"),
        ("/.well-known/openid-configuration", "GET, HEAD"),
        ("/.well-known/oauth-authorization-server", "GET, HEAD"),
        ("/.well-known/oauth-protected-resource/mcp", "GET, HEAD"),
    ],
)
def test_preflights(http: httpx2.Client, path: str, methods: str) -> None:
    answer = http.options(path, headers=ASKING)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == methods
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type, dpop"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        *("/login", "/whoami", "/account", "/oauth/authorize", "/oauth/introspect", "/refresh", "/check", "/logout"),
        *("/oauth/token/", "/oauth//token", "/oauth/registered", "/.well-known"),
    ],
)
def test_what_looks_at_cookies_is_open_to_nobody_else(http: httpx2.Client, path: str) -> None:
    for answer in (http.options(path, headers=ASKING), http.get(path, headers=ORIGIN)):
        assert not [name for name in answer.headers if name.startswith("access-control-")], path


def test_a_cookie_proves_nothing_at_the_open_endpoints(server: Live, http: httpx2.Client) -> None:
    login(http)
    assert http.get("/whoami").json()["subject"] == "user:alice"
    assert http.get("/oauth/userinfo", headers=ORIGIN).status_code == 401
    app = App(server, public=True)
    refused = http.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": app.id}, headers=ORIGIN)
    assert refused.status_code == 400
    assert "set-cookie" not in refused.headers


def test_the_metadata_names_any_origin_once(http: httpx2.Client) -> None:
    for headers in ({}, ORIGIN):
        answer = http.get("/.well-known/openid-configuration", headers=headers)
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert not [name for name in http.post("/oauth/token").headers if name.startswith("access-control-")]
