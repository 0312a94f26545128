"""Pushed authorization requests over real HTTP: RFC 9126."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from tests.hostile import URIS
from tests.server.live import Live, live
from tests.server.oauth.flow import CALLBACK, App, answer_of, login
from tests.server.oauth.keyed import edit

TOML = '[limits]\naddress = "100000/min"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("par"), TOML) as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture(scope="module")
def app(server: Live) -> App:
    return App(server)


@pytest.fixture
def browser(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as http:
        assert login(http).status_code == 303
        yield http


@pytest.fixture
def stranger(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as http:
        yield http


def push(http: httpx2.Client, app: App, **more: Any) -> httpx2.Response:
    fields: dict[str, Any] = {**app.request(), "client_secret": app.secret, **more}
    return http.post("/oauth/par", data={name: value for name, value in fields.items() if value is not None})


def pushed(http: httpx2.Client, app: App, **more: Any) -> str:
    answer = push(http, app, **more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["request_uri"])


def place(app: App, uri: str, **more: str) -> str:
    return "/oauth/authorize?" + urlencode({"client_id": app.id, "request_uri": uri, **more})


def test_rfc9126_2_2_pushed_and_answered(browser: httpx2.Client, app: App) -> None:
    given = push(browser, app)
    assert (given.status_code, given.headers["cache-control"]) == (201, "no-store")
    assert given.json().keys() == {"request_uri", "expires_in"}
    assert 5 <= given.json()["expires_in"] <= 600
    answer = answer_of(browser.get(place(app, given.json()["request_uri"])))
    assert answer["state"] == "af0ifjsldkj"
    assert app.redeem(browser, answer["code"]).status_code == 200


def test_what_is_pushed_counts_and_nothing_else(browser: httpx2.Client, app: App) -> None:
    uri = pushed(browser, app, scope="openid")
    answer = answer_of(
        browser.get(place(app, uri, scope="openid orders:read", state="evil", redirect_uri="https://evil"))
    )
    assert answer["state"] == "af0ifjsldkj"
    assert app.redeem(browser, answer["code"]).json()["scope"] == "openid"


def test_rfc6749_3_1_what_has_no_value_counts_as_absent(browser: httpx2.Client, app: App) -> None:
    uri = pushed(browser, app, request_uri="", request="")
    assert "code" in answer_of(browser.get(place(app, uri, request="")))


def test_rfc9126_4_one_use(browser: httpx2.Client, app: App) -> None:
    uri = pushed(browser, app)
    assert "code" in answer_of(browser.get(place(app, uri)))
    again = browser.get(place(app, uri))
    assert (again.status_code, again.headers.get("location")) == (400, None)
    assert "used already" in again.text


def test_100_people_with_one_request_uri_get_one_code(server: Live, browser: httpx2.Client, app: App) -> None:
    uri = pushed(browser, app)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: browser.get(place(app, uri)), range(100)))
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 99


def test_another_clients_request_uri_is_none(server: Live, browser: httpx2.Client, app: App) -> None:
    other, uri = App(server), pushed(browser, app)
    answer = browser.get(place(other, uri))
    assert (answer.status_code, answer.headers.get("location")) == (400, None)
    assert "code" in answer_of(browser.get(place(app, uri)))  # and that spent nothing


@pytest.mark.parametrize(
    "uri",
    ["https://evil.example/request", "urn:ietf:params:oauth:request_uri:", "urn:ietf:params:oauth:request_uri:x", "x"],
)
def test_no_request_is_fetched_from_anywhere(browser: httpx2.Client, app: App, uri: str) -> None:
    answer = browser.get(place(app, uri))
    assert (answer.status_code, answer.headers.get("location")) == (400, None)


def test_through_the_login_by_its_short_handle(stranger: httpx2.Client, app: App) -> None:
    uri = pushed(stranger, app, login_hint="x" * 4000)
    away = stranger.get(place(app, uri, more="y" * 1000))
    assert away.status_code == 303
    assert len(away.headers["location"]) < 600
    page = stranger.get(away.headers["location"])
    assert page.status_code == 200
    stranger.get(away.headers["location"])  # reloaded
    way = httpx2.URL(away.headers["location"]).params["next"]
    back = login(stranger, next=way)
    assert back.headers["location"] == way
    code = answer_of(stranger.get(way))["code"]
    assert app.redeem(stranger, code).status_code == 200
    assert stranger.get(way).status_code == 400


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "cli_nobody"}, 401, "invalid_client"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"redirect_uri": "https://evil.example/cb"}, 400, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"code_challenge": None}, 400, "invalid_request"),
        ({"code_challenge_method": "plain"}, 400, "invalid_request"),
        ({"scope": "admin"}, 400, "invalid_scope"),
        ({"resource": "https://other.example"}, 400, "invalid_target"),
        ({"resource": ["https://a.example", "https://b.example"]}, 400, "invalid_target"),
        ({"request": "eyJ"}, 400, "invalid_request_object"),
        ({"authorization_details": '[{"type": "x"}]'}, 400, "invalid_authorization_details"),
        ({"x": "y" * 17_000}, 400, "invalid_request"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_rfc9126_2_3_errors(browser: httpx2.Client, app: App, change: dict[str, Any], status: int, error: str) -> None:
    answer = push(browser, app, **change)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_must_23_duplicates_are_refused(browser: httpx2.Client, app: App) -> None:
    body = urlencode([*app.request().items(), ("client_secret", app.secret), ("scope", "openid")])
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/oauth/par", content=body, headers=form).json()["error"] == "invalid_request"


def test_cve_2026_7504_no_hostile_place_can_be_pushed(browser: httpx2.Client, app: App) -> None:
    for uri in URIS[::3]:  # all of them: tests/lifecycle/oauth/test_asking.py
        if uri.isprintable():
            answer = push(browser, app, redirect_uri=uri)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), uri


def test_get_is_no_way_to_push(browser: httpx2.Client) -> None:
    assert browser.get("/oauth/par").status_code == 405


def test_a_client_that_must_push(server: Live, browser: httpx2.Client, app: App) -> None:
    server.do(edit(server, app, require_par=True))
    try:
        answer = answer_of(browser.get(app.place()))
        assert (answer["error"], answer["error_description"]) == ("invalid_request", "the request must be pushed first")
        assert "code" in answer_of(browser.get(place(app, pushed(browser, app))))
    finally:
        server.do(edit(server, app, require_par=False))


def test_an_operator_who_wants_everything_pushed(tmp_path: Path) -> None:
    with live(tmp_path, TOML + "[oauth]\nrequire_par = true\n") as server:
        server.service("app")
        server.user("alice")
        app = App(server)
        with server.client() as http:
            login(http)
            assert answer_of(http.get(app.place()))["error"] == "invalid_request"
            assert "code" in answer_of(http.get(place(app, pushed(http, app))))


def test_callback_is_not_touched_by_errors_of_the_pushed(browser: httpx2.Client, app: App) -> None:
    uri = pushed(browser, app, prompt="none")
    with app.server.client() as nobody:
        answer = nobody.get(place(app, uri))
        assert answer.headers["location"].startswith(CALLBACK + "?error=login_required")
