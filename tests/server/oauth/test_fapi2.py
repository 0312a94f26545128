"""``profile = "fapi2"`` over real HTTP: the requirements of the FAPI 2.0 Security Profile, one after another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import App, answer_of, login
from tests.server.oauth.keyed import KeyedApp, edit

from watchword.codec.jose import SigningKey

TOML = '[limits]\naddress = "100000/min"\n[oauth]\nprofile = "fapi2"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("fapi2"), TOML) as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture(scope="module")
def app(server: Live) -> KeyedApp:
    return KeyedApp(server)


@pytest.fixture
def browser(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as http:
        assert login(http).status_code == 303
        yield http


def code_of(http: httpx2.Client, app: KeyedApp) -> str:
    given = app.push(http)
    assert given.status_code == 201, given.text
    query = urlencode({"client_id": app.id, "request_uri": given.json()["request_uri"]})
    return answer_of(http.get(f"/oauth/authorize?{query}"))["code"]


def test_the_whole_flow(server: Live, browser: httpx2.Client, app: KeyedApp) -> None:
    given = app.code(browser, code_of(browser, app))
    assert given.status_code == 200, given.text
    tokens = given.json()
    assert tokens["token_type"] == "DPoP"
    with server.client() as program:
        text = tokens["access_token"]
        proof = app.proof("/whoami", "GET", text, htu=f"{server.url}/whoami")
        assert program.get("/whoami", headers={"authorization": f"DPoP {text}", **proof}).status_code == 200
        for scheme in ("Bearer", "DPoP"):  # MUST 17: as if it were bound to nothing
            assert program.get("/whoami", headers={"authorization": f"{scheme} {text}"}).status_code == 401


def test_5_3_2_2_requests_must_be_pushed(browser: httpx2.Client, app: KeyedApp) -> None:
    answer = answer_of(browser.get(app.place()))
    assert (answer["error"], answer["error_description"]) == ("invalid_request", "the request must be pushed first")
    signed = urlencode({"client_id": app.id, "request": app.signed_request()})
    assert answer_of(browser.get(f"/oauth/authorize?{signed}"))["error"] == "invalid_request"


def test_5_3_2_2_expires_in_less_than_ten_minutes(browser: httpx2.Client, app: KeyedApp) -> None:
    assert app.push(browser).json()["expires_in"] < 600


def test_5_3_2_2_redirect_uri_is_in_every_pushed_request(browser: httpx2.Client, app: KeyedApp) -> None:
    assert app.push(browser, redirect_uri=None).json()["error"] == "invalid_request"


def test_5_3_2_2_pkce_with_s256(browser: httpx2.Client, app: KeyedApp) -> None:
    for change in ({"code_challenge": None}, {"code_challenge_method": None}, {"code_challenge_method": "plain"}):
        assert app.push(browser, **change).json()["error"] == "invalid_request"


def test_5_3_2_2_iss_is_in_the_answer(server: Live, browser: httpx2.Client, app: KeyedApp) -> None:
    query = urlencode({"client_id": app.id, "request_uri": app.push(browser).json()["request_uri"]})
    assert answer_of(browser.get(f"/oauth/authorize?{query}"))["iss"] == server.watchword.issuer


def test_5_3_2_2_answers_by_303_and_no_script_of_another_site_can_ask(browser: httpx2.Client, app: KeyedApp) -> None:
    query = urlencode({"client_id": app.id, "request_uri": app.push(browser).json()["request_uri"]})
    origin = {"origin": "https://app.example"}
    asked = browser.options("/oauth/authorize", headers={**origin, "access-control-request-method": "GET"})
    answer = browser.get(f"/oauth/authorize?{query}", headers=origin)
    assert answer.status_code == 303
    assert not [name for each in (asked, answer) for name in each.headers if name.startswith("access-control")]


def test_5_3_2_1_codes_can_be_bound_to_a_key_by_the_pushed_request(browser: httpx2.Client, app: KeyedApp) -> None:
    query = urlencode(
        {
            "client_id": app.id,
            "request_uri": app.push(browser, headers=app.proof("/oauth/par"), dpop_jkt="").json()["request_uri"],
        }
    )
    code = answer_of(browser.get(f"/oauth/authorize?{query}"))["code"]
    app.dpop, before = SigningKey.generate("ES256"), app.dpop
    try:
        assert app.code(browser, code).json()["error"] == "invalid_grant"
    finally:
        app.dpop = before


def test_5_3_2_1_clocks_may_differ_by_ten_seconds_and_not_by_a_minute(server: Live, browser: httpx2.Client) -> None:
    app, now = KeyedApp(server, grants=["client_credentials", "authorization_code"]), int(time.time())
    assert app.token(browser, "client_credentials", **app.assertion(iat=now + 9, nbf=now + 9)).status_code == 200
    assert app.push(browser, request=app.signed_request(iat=now + 9, nbf=now + 9)).status_code == 201
    for late in ({"iat": now + 70}, {"nbf": now + 70}):
        assert app.token(browser, "client_credentials", **app.assertion(**late, exp=now + 90)).status_code == 401, late
        refused = app.push(browser, request=app.signed_request(**late, exp=now + 90))
        assert refused.json()["error"] == "invalid_request_object", late


def test_5_3_2_1_confidential_clients_with_keys_alone(server: Live, browser: httpx2.Client) -> None:
    by_secret = App(server, grants=["authorization_code", "client_credentials"])
    data = {**by_secret.request(), "client_secret": by_secret.secret}
    assert browser.post("/oauth/par", data=data).json()["error"] == "unauthorized_client"
    form = {"grant_type": "client_credentials", "client_id": by_secret.id, "client_secret": by_secret.secret}
    assert browser.post("/oauth/token", data=form).json()["error"] == "unauthorized_client"
    public = App(server, public=True)
    assert browser.post("/oauth/par", data=public.request()).json()["error"] == "unauthorized_client"


def test_5_3_2_1_tokens_are_bound_to_a_key(server: Live, browser: httpx2.Client) -> None:
    app = KeyedApp(server, grants=["client_credentials", "authorization_code"])
    assert app.token(browser, "client_credentials").json()["token_type"] == "DPoP"
    refused = app.token(browser, "client_credentials", proof={})
    assert (refused.status_code, "access_token" in refused.json()) == (400, False)
    code = code_of(browser, app)
    assert app.code(browser, code, proof={}).status_code == 400


def test_5_3_2_1_assertions_are_for_the_issuer_alone(server: Live, browser: httpx2.Client) -> None:
    app, issuer = KeyedApp(server, grants=["client_credentials"]), server.watchword.issuer
    for audience in (f"{issuer}/oauth/token", issuer + "/", [issuer, "https://other.example"], "https://other.example"):
        refused = app.token(browser, "client_credentials", **app.assertion(aud=audience))
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), audience


def test_5_4_1_rs256_signs_nothing(server: Live, browser: httpx2.Client) -> None:
    app = KeyedApp(server, algorithm="RS256", grants=["client_credentials"])
    assert app.token(browser, "client_credentials").json()["error"] == "invalid_client"
    for name in ("id_token_signed_response_alg", "userinfo_signed_response_alg"):
        other = KeyedApp(server)
        server.do(edit(server, other, **{name: "RS256"}))
        assert other.push(browser).json()["error"] == "unauthorized_client"


def test_5_3_2_1_codes_live_a_minute_and_once(server: Live, browser: httpx2.Client, app: KeyedApp) -> None:
    from watchword.lifecycle.oauth.codes import CODE_LIFE

    assert CODE_LIFE <= 60
    code = code_of(browser, app)
    assert app.code(browser, code).status_code == 200
    assert app.code(browser, code).json()["error"] == "invalid_grant"


def test_5_3_2_1_refresh_tokens_are_not_replaced(browser: httpx2.Client, app: KeyedApp) -> None:
    tokens = app.code(browser, code_of(browser, app)).json()
    for _ in range(3):
        again = app.token(browser, "refresh_token", refresh_token=tokens["refresh_token"])
        assert (again.status_code, again.json()["refresh_token"]) == (200, tokens["refresh_token"])


def test_metadata_say_so(server: Live) -> None:
    with server.client() as http:
        said = http.get("/.well-known/oauth-authorization-server").json()
    assert said["require_pushed_authorization_requests"] is True
    assert said["authorization_response_iss_parameter_supported"] is True
    assert set(said["token_endpoint_auth_methods_supported"]) <= {
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
    }
    assert not [name for name, value in said.items() if "_alg_values_" in name and "RS256" in value]
