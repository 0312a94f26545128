"""Metadata of each API at this host, where RFC 9728 section 3.1 looks for it, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.hostile import URIS
from tests.server.live import Live, live

from watchword.model.credential import Kind

PLACE = "/.well-known/oauth-protected-resource"
TOML = """
issuer = "{url}"
[[resource]]
uri = "{url}/mcp"
name = "Tools"
scopes = ["tools:call", "tools:list"]
documentation = "https://docs.example/tools"
[[resource]]
uri = "{url}/tenant?id=1"
[[resource]]
uri = "https://elsewhere.example/api"
[[route]]
path = "/mcp"
accept = "oauth2"
scopes = ["tools:call"]
resource = "{url}/mcp"
[[route]]
path = "/plain"
accept = "oauth2"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("resources"), TOML) as running:
        running.service("app")
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def test_rfc_9728_section_5_1_our_own_api_is_found_from_its_challenge(http: httpx2.Client, server: Live) -> None:
    for path, scope in (("/whoami", ""), ("/oauth/userinfo", "openid")):
        refused = http.get(path)
        told = next(each for each in refused.headers.get_list("www-authenticate") if each.startswith("Bearer "))
        place = f"{server.url}/.well-known/oauth-protected-resource"
        assert f'resource_metadata="{place}"' in told
        assert (f'scope="{scope}"' in told) is bool(scope)
        assert http.get(place).json()["authorization_servers"] == [server.url]


def test_each_api_at_this_host_has_its_metadata(server: Live, http: httpx2.Client) -> None:
    answer = http.get(f"{PLACE}/mcp")
    said = answer.json()
    assert (said["resource"], said["authorization_servers"]) == (f"{server.url}/mcp", [server.url])
    assert said["scopes_supported"] == ["tools:call", "tools:list"]
    assert (said["resource_name"], said["resource_documentation"]) == ("Tools", "https://docs.example/tools")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert http.get(PLACE).json()["resource"] == server.url
    assert http.get(f"{PLACE}/tenant?id=1").json()["resource"] == f"{server.url}/tenant?id=1"
    assert [http.get(place).status_code for place in (f"{PLACE}/tenant", f"{PLACE}/api", f"{PLACE}/mcp/x")] == [404] * 3


def test_no_hostile_place_is_answered_with_anything_but_404(http: httpx2.Client) -> None:
    for uri in URIS[::5]:
        try:
            answer = http.get(f"{PLACE}/{uri}")
        except (httpx2.InvalidURL, UnicodeError):
            continue
        assert answer.status_code in (404, 400) or answer.json()["resource"] == http.get(PLACE).json()["resource"], uri


def test_cve_2025_69196_a_token_for_one_api_does_not_open_another(server: Live, http: httpx2.Client) -> None:
    scopes = ["tools:call", "orders:read"]
    app = server.issue(Kind.OAUTH_CLIENT, "service:app", scopes=scopes).material
    form = {"grant_type": "client_credentials", **app}
    place = f"{server.url}/mcp"
    given = http.post("/oauth/token", data={**form, "resource": place}).json()
    assert given["scope"] == "tools:call", "a scope of another API does not travel with it"
    for path, token, status in (
        ("/mcp", given["access_token"], 200),
        ("/plain", given["access_token"], 401),
        ("/mcp", http.post("/oauth/token", data=form).json()["access_token"], 401),
    ):
        asked = {"authorization": f"Bearer {token}", "x-forwarded-method": "GET", "x-forwarded-uri": path}
        answer = http.get("/check", headers={**asked, "x-forwarded-host": "api.example"})
        assert answer.status_code == status, (path, answer.text)
    challenge = http.get("/check", headers={"x-forwarded-method": "GET", "x-forwarded-uri": "/mcp"})
    assert f'resource_metadata="{server.url}{PLACE}/mcp"' in challenge.headers["www-authenticate"]


def test_errors_name_no_api_that_is_not_known(http: httpx2.Client, server: Live) -> None:
    app = server.issue(Kind.OAUTH_CLIENT, "service:app", scopes=[], options={"audiences": [server.url]}).material
    form = {"grant_type": "client_credentials", **app}
    for uri in (f"{server.url}/mcp", "https://evil.example", f"{server.url}/MCP", f"{server.url}/#"):
        answer = http.post("/oauth/token", data={**form, "resource": uri})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target"), uri
    assert http.post("/oauth/token", data={**form, "resource": ""}).status_code == 200, "as if it were not there"
    twice = [("resource", server.url), ("resource", server.url), *form.items()]
    content = "&".join(f"{name}={value}" for name, value in twice)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert http.post("/oauth/token", content=content, headers=kind).status_code == 200, "only this one may repeat"
