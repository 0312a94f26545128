"""Every member of the metadata is true, and what there is stands in it (RFC 8414, OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import ast
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import App, answer_of, code_of, login

import watchword.server.oauth
from watchword.codec.oauth.claims_request import CLAIM_SCOPES
from watchword.lifecycle.oauth.authorization.profile import FAPI2
from watchword.server.oauth.openid.metadata import ENDPOINTS

WELL_KNOWN = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
# Pages that people are led to by others, and what is at a place of its own for each client.
NOT_FOR_CLIENTS = {"/oauth/consent", "/oauth/register", "/oauth/device"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    toml = 'issuer = "{url}"\n[limits]\naddress = "100000/min"\n'
    with live(tmp_path_factory.mktemp("metadata"), toml) as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        accounts = running.watchword.accounts
        running.do(accounts.add_address("user:alice", "alice@example.com", by="test"))
        running.do(accounts.set_profile("user:alice", display="Alice A.", locale="de"))
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        login(client)
        yield client


@pytest.fixture
def said(http: httpx2.Client) -> dict[str, Any]:
    found: dict[str, Any] = http.get(WELL_KNOWN[0]).json()
    return found


def error_of(http: httpx2.Client, app: App, **more: str | None) -> str | None:
    return answer_of(http.get(app.place(**more))).get("error")


def part(token: str, number: int) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[number] + "=="))
    return value


def test_both_places_say_the_same_to_anybody(http: httpx2.Client, said: dict[str, Any], server: Live) -> None:
    for place in WELL_KNOWN:
        answer = http.get(place, headers={"origin": "https://elsewhere.example"})
        assert answer.json() == said
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "max-age=300" in answer.headers["cache-control"]
    assert said["issuer"] == server.url == server.watchword.issuer


def test_every_endpoint_is_there_and_none_is_missing(http: httpx2.Client, said: dict[str, Any], server: Live) -> None:
    places = {value.removeprefix(server.url) for name, value in said.items() if name.endswith(("_endpoint", "_uri"))}
    for place in places:
        assert http.get(place).status_code != 404, place
    folder = Path(watchword.server.oauth.__file__).parent
    spelled = {
        node.value
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.startswith("/oauth/") and node.value.count("/") == 2 and "{" not in node.value
    }
    there = {place for place in spelled - {"/oauth/"} if http.get(place).status_code != 404}
    assert there - NOT_FOR_CLIENTS <= places
    assert set(ENDPOINTS.values()) <= places


def test_every_grant_works_and_no_other(http: httpx2.Client, said: dict[str, Any], server: Live) -> None:
    grants = said["grant_types_supported"]
    app = App(server, grants=[*grants, "password"])
    for grant in [*grants, "password", "implicit"]:
        form = {"grant_type": grant, "client_id": app.id, "client_secret": app.secret}
        refused = http.post("/oauth/token", data=form).json().get("error") == "unsupported_grant_type"
        assert refused is (grant not in grants), grant


def test_every_response_type_mode_and_method_works_and_no_other(
    http: httpx2.Client, said: dict[str, Any], server: Live
) -> None:
    app = App(server)
    for name, member, others in (
        ("response_type", "response_types_supported", ("token", "id_token", "code id_token", "none")),
        ("response_mode", "response_modes_supported", ("fragment", "form_post", "jwt")),
        ("code_challenge_method", "code_challenge_methods_supported", ("plain",)),
    ):
        for value in said[member]:
            assert error_of(http, app, **{name: value}) is None, value
        for value in others:
            assert error_of(http, app, **{name: value}) is not None, value


def test_every_prompt_scope_and_level_is_known(http: httpx2.Client, said: dict[str, Any], server: Live) -> None:
    app = App(server)
    for prompt in said["prompt_values_supported"]:
        answer = http.get(app.place(prompt=prompt))
        assert "error" not in answer.headers.get("location", ""), prompt
    assert error_of(http, app, prompt="create") == "invalid_request"
    for scope in said["scopes_supported"]:
        assert error_of(http, app, scope=f"openid {scope}") is None, scope
    assert error_of(http, app, scope="openid phone") == "invalid_scope"
    assert error_of(http, app, acr_values=said["acr_values_supported"][0]) is None
    assert said["authorization_response_iss_parameter_supported"] is True
    assert answer_of(http.get(app.place()))["iss"] == said["issuer"]


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_every_algorithm_of_id_tokens(http: httpx2.Client, said: dict[str, Any], server: Live, algorithm: str) -> None:
    assert algorithm in said["id_token_signing_alg_values_supported"]
    assert len(said["id_token_signing_alg_values_supported"]) == 3
    app = App(server, id_token_signed_response_alg=algorithm)
    tokens = app.redeem(http, code_of(http, app)).json()
    head = part(tokens["id_token"], 0)
    assert (head["alg"], head["typ"]) == (algorithm, "JWT")
    published = {key["kid"]: key["alg"] for key in http.get("/oauth/jwks").json()["keys"]}
    assert published[head["kid"]] == algorithm
    assert part(tokens["access_token"], 0)["alg"] == "EdDSA"


def test_every_claim_is_told_somewhere(http: httpx2.Client, said: dict[str, Any], server: Live) -> None:
    app = App(server)
    tokens = app.redeem(http, code_of(http, app, scope="openid profile email")).json()
    info = http.get("/oauth/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"}).json()
    told = part(tokens["id_token"], 1).keys() | info.keys()
    assert set(said["claims_supported"]) == told
    assert set(CLAIM_SCOPES) <= info.keys()
    assert isinstance(info["updated_at"], int)


def test_every_subject_type(said: dict[str, Any], http: httpx2.Client, server: Live) -> None:
    names = set()
    for kind in said["subject_types_supported"]:
        app = App(server, subject_type=kind)
        names.add(part(app.redeem(http, code_of(http, app)).json()["id_token"], 1)["sub"])
    assert len(names) == len(said["subject_types_supported"]) == 2


def test_the_claims_parameter(said: dict[str, Any], http: httpx2.Client, server: Live) -> None:
    assert said["claims_parameter_supported"] is True
    app = App(server)
    for claims, error in (
        ('{"id_token": {"email": null}}', None),
        ("{", "invalid_request"),
        ('{"id_token": {"acr": {"essential": true, "value": "urn:x"}}}', "unmet_authentication_requirements"),
        ('{"id_token": {"sub": {"value": "user:alice"}}}', None),
    ):
        assert error_of(http, app, claims=claims) == error
    other = {"claims": '{"id_token": {"sub": {"value": "user:bob"}}}', "prompt": "none"}
    assert error_of(http, app, **other) == "login_required"


def test_languages_of_pages(said: dict[str, Any], http: httpx2.Client) -> None:
    for language in said["ui_locales_supported"]:
        assert http.get("/oauth/logout", params={"ui_locales": language}).headers["content-language"] == language


def test_who_is_told_of_a_logout_needs_a_way_to_be(said: dict[str, Any], server: Live, http: httpx2.Client) -> None:
    assert said["backchannel_logout_supported"] is said["backchannel_logout_session_supported"] is True
    assert server.watchword.oauth.fetch is not None


def test_an_issuer_with_a_path_has_its_metadata_where_rfc8414_3_1_looks(tmp_path: Path) -> None:
    with live(tmp_path, 'issuer = "https://example.com/tenant"\n') as running, running.client() as http:
        for place in (
            "/.well-known/oauth-authorization-server/tenant",
            "/.well-known/openid-configuration/tenant",
            "/tenant/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
        ):
            assert http.get(place).json()["issuer"] == "https://example.com/tenant"
        assert http.get("/.well-known/oauth-authorization-server/other").status_code == 404


def test_the_profile_forbids_what_the_metadata_then_leave_out(tmp_path: Path) -> None:
    toml = f'issuer = "{{url}}"\n[oauth]\nprofile = "{FAPI2}"\n'
    with live(tmp_path, toml) as running, running.client() as http:
        said = http.get(WELL_KNOWN[0]).json()
    assert said["require_pushed_authorization_requests"] is True
    assert "client_secret_basic" not in said["token_endpoint_auth_methods_supported"]
    assert "none" not in said["token_endpoint_auth_methods_supported"]
