"""What OpenID Connect asks of a login, by the numbers of the list of MUSTs, over real HTTP."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import App, answer_of, code_of, login


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("musts"), 'issuer = "{url}"\n[limits]\naddress = "100000/min"\n') as running:
        running.service("app")
        running.user("alice")
        running.user("bob")
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        login(client)
        yield client


def claims(http: httpx2.Client, app: App, **more: str) -> dict[str, Any]:
    token = app.redeem(http, code_of(http, app, **more)).json()["id_token"]
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return value


def id_token(http: httpx2.Client, app: App) -> str:
    return str(app.redeem(http, code_of(http, app)).json()["id_token"])


def error(http: httpx2.Client, app: App, **more: str | None) -> str | None:
    return answer_of(http.get(app.place(**more))).get("error")


def test_must_8_iss_is_advertised_and_in_every_answer(server: Live, http: httpx2.Client) -> None:
    said = http.get("/.well-known/oauth-authorization-server").json()
    assert said["authorization_response_iss_parameter_supported"] is True
    app = App(server)
    assert answer_of(http.get(app.place()))["iss"] == said["issuer"] == server.url
    assert answer_of(http.get(app.place(scope="unheard:of")))["iss"] == said["issuer"]
    with server.client() as nobody:
        assert answer_of(nobody.get(app.place(prompt="none")))["iss"] == said["issuer"]
    assert claims(http, app)["iss"] == said["issuer"]


def test_must_16_prompt_none_never_shows_a_page(server: Live, http: httpx2.Client) -> None:
    app, third = App(server), App(server, first_party=False)
    with server.client() as nobody:
        answer = nobody.get(app.place(prompt="none"))
        assert (answer.status_code, answer_of(answer)["error"]) == (303, "login_required")
    answer = http.get(third.place(prompt="none"))
    assert (answer.status_code, answer_of(answer)["error"]) == (303, "consent_required")
    answer = http.get(app.place(prompt="none", acr_values="aal2"))
    assert (answer.status_code, answer_of(answer)["error"]) == (303, "unmet_authentication_requirements")
    assert "code" in answer_of(http.get(app.place(prompt="none")))


def test_must_16_max_age_asks_again_and_auth_time_tells(server: Live, http: httpx2.Client) -> None:
    app, before = App(server), int(time.time())
    said = claims(http, app, max_age="300")
    assert before - 60 <= said["auth_time"] <= time.time()
    assert http.get(app.place(max_age="0")).headers["location"].startswith("/login")
    assert error(http, app, max_age="0", prompt="none") == "login_required"
    assert error(http, app, max_age="soon") == "invalid_request"


def test_must_16_the_nonce_comes_back_as_it_was(server: Live, http: httpx2.Client) -> None:
    app = App(server)
    for nonce in ("n-0S6_WzA2Mj", "x" * 512, "&=%+ '\""):
        assert claims(http, app, nonce=nonce)["nonce"] == nonce
    assert "nonce" not in claims(http, app, nonce="")


@pytest.mark.parametrize("kind", ["public", "pairwise"])
def test_core_3_1_2_1_a_hint_of_somebody_else(server: Live, http: httpx2.Client, kind: str) -> None:
    app = App(server, subject_type=kind)
    mine = id_token(http, app)
    assert error(http, app, id_token_hint=mine) is None
    assert error(http, app, id_token_hint=mine, prompt="none") is None
    with server.client() as other:
        login(other, "bob")
        assert error(other, app, id_token_hint=mine, prompt="none") == "login_required"
        assert other.get(app.place(id_token_hint=mine)).headers["location"].startswith("/login")
    assert error(http, App(server), id_token_hint=mine) == "invalid_request"  # it is for another client
    assert error(http, app, id_token_hint="x") == "invalid_request"


@pytest.mark.parametrize("kind", ["public", "pairwise"])
def test_core_3_1_2_2_sub_by_value(server: Live, http: httpx2.Client, kind: str) -> None:
    app = App(server, subject_type=kind)
    name = claims(http, app)["sub"]

    def asked(value: str) -> str:
        return json.dumps({"id_token": {"sub": {"value": value}}})

    assert error(http, app, claims=asked(name)) is None
    assert error(http, app, claims=asked("user:bob"), prompt="none") == "login_required"
    if kind == "pairwise":
        assert error(http, app, claims=asked("user:alice"), prompt="none") == "login_required"
