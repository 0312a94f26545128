"""Signed requests (RFC 9101) and codes for one key (RFC 9449 section 10) over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx2
import pytest
from tests.hostile import URIS
from tests.server.live import Live, live
from tests.server.oauth.flow import answer_of, login
from tests.server.oauth.keyed import KeyedApp

from watchword.codec.jose import SigningKey

TOML = '[limits]\naddress = "100000/min"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("signed"), TOML) as running:
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


def place(app: KeyedApp, **fields: str) -> str:
    return "/oauth/authorize?" + urlencode({"client_id": app.id, **fields})


# --- request objects --------------------------------------------------------------------------------------------------


def test_rfc9101_5_a_signed_request(browser: httpx2.Client, app: KeyedApp) -> None:
    outside = {"scope": "openid orders:read", "state": "outside", "response_type": "code"}
    answer = answer_of(browser.get(place(app, request=app.signed_request(scope="openid"), **outside)))
    assert answer["state"] == "af0ifjsldkj"
    assert app.code(browser, answer["code"]).json()["scope"] == "openid"


def test_through_the_login_and_back(server: Live, app: KeyedApp) -> None:
    with server.client() as http:
        away = http.get(place(app, request=app.signed_request()))
        way = httpx2.URL(away.headers["location"]).params["next"]
        login(http, next=way)
        assert "code" in answer_of(http.get(way))


def test_what_does_not_hold_leads_nowhere(browser: httpx2.Client, app: KeyedApp) -> None:
    other = SigningKey.generate("ES256", "k1")
    for text in (
        "x",
        app.signed_request(key=other),
        app.signed_request(typ="JWT"),
        app.signed_request(iss="cli_other"),
        app.signed_request(aud="https://other.example"),
        app.signed_request(exp=1),
        app.signed_request() + "x",
        app.assertion()["client_assertion"],
    ):
        answer = browser.get(place(app, request=text, redirect_uri="https://app.example/cb", response_type="code"))
        assert (answer.status_code, answer.headers.get("location"), "http-equiv" in answer.text) == (400, None, False)


def test_cve_2026_7504_redirect_corpus_in_signed_requests(browser: httpx2.Client, app: KeyedApp) -> None:
    for uri in URIS[::7]:
        answer = browser.get(place(app, request=app.signed_request(redirect_uri=uri)))
        assert (answer.status_code, answer.headers.get("location"), "http-equiv" in answer.text) == (400, None, False)


def test_a_client_that_must_sign(server: Live, browser: httpx2.Client) -> None:
    app = KeyedApp(server, require_signed_request_object=True)
    assert answer_of(browser.get(app.place()))["error_description"] == "the request must be a signed request object"
    assert app.push(browser).json()["error"] == "invalid_request"
    assert "code" in answer_of(browser.get(place(app, request=app.signed_request())))
    pushed = app.push(browser, **dict.fromkeys(app.request()), request=app.signed_request())
    assert pushed.status_code == 201, pushed.text
    assert "code" in answer_of(browser.get(place(app, request_uri=pushed.json()["request_uri"])))


# --- codes for one key ------------------------------------------------------------------------------------------------


def test_rfc9449_10_dpop_jkt_binds_the_code(browser: httpx2.Client, app: KeyedApp) -> None:
    """MUST 4: a code is bound to the key that the request names."""
    for proof, status in (
        (app.proof("/oauth/token"), 200),
        ({}, 400),
        (KeyedApp(app.server).proof("/oauth/token"), 400),
    ):
        code = answer_of(browser.get(app.place(dpop_jkt=app.jkt)))["code"]
        given = app.code(browser, code, proof=proof)
        assert given.status_code == status, given.text
    assert answer_of(browser.get(app.place(dpop_jkt="short")))["error"] == "invalid_request"


def test_rfc9449_10_1_a_proof_with_the_pushed_request_does_the_same(browser: httpx2.Client, app: KeyedApp) -> None:
    pushed = app.push(browser, headers=app.proof("/oauth/par"))
    assert pushed.status_code == 201, pushed.text
    code = answer_of(browser.get(place(app, request_uri=pushed.json()["request_uri"])))["code"]
    assert app.code(browser, code, proof={}).json()["error"] == "invalid_grant"
    again = app.push(browser, headers=app.proof("/oauth/par"), dpop_jkt="x" * 43)
    assert again.json()["error"] == "invalid_request"


# --- whom a request means ---------------------------------------------------------------------------------------------


def test_id_token_hint_through_the_login(server: Live, app: KeyedApp, browser: httpx2.Client) -> None:
    """OpenID Connect Core 1.0 section 3.1.2.1: only our own id_tokens, and another person is sent to log in."""
    hint = app.code(browser, answer_of(browser.get(app.place()))["code"]).json()["id_token"]
    assert "code" in answer_of(browser.get(app.place(id_token_hint=hint)))
    other = KeyedApp(server)
    others = other.code(browser, answer_of(browser.get(other.place()))["code"]).json()["id_token"]
    for wrong in ("x", hint[:-4], other.key.sign({"sub": "user:alice"}), others):
        assert answer_of(browser.get(app.place(id_token_hint=wrong)))["error"] == "invalid_request"
    server.user("zoe", scopes=("orders:read",))
    with server.client() as http:
        login(http, "zoe")
        assert answer_of(http.get(app.place(id_token_hint=hint, prompt="none")))["error"] == "login_required"
        away = http.get(app.place(id_token_hint=hint))
        way = httpx2.URL(away.headers["location"]).params["next"]
        login(http, "zoe", next=way)
        assert answer_of(http.get(way))["error"] == "login_required"  # still another: they are told, not asked for ever
    with server.client() as http:
        way = httpx2.URL(http.get(app.place(id_token_hint=hint)).headers["location"]).params["next"]
        login(http, next=way)
        assert "code" in answer_of(http.get(way))
