"""The list of applications that may act for oneself, over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live
from tests.server.oauth.consenting import answered
from tests.server.oauth.flow import App, answer_of, login

TOML = '[limits]\naddress = "100000/min"\n[oauth.scopes]\n"orders:read" = "See your orders"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("apps"), TOML) as running:
        running.service("app")
        for name in ("alice", "bob"):
            running.user(name, scopes=("orders:read",))
        yield running


@pytest.fixture
def browser(server: Live) -> Iterator[httpx2.Client]:
    with server.client(headers={"accept": "text/html"}) as http:
        assert login(http).status_code == 303
        yield http


def allowed(http: httpx2.Client, app: App) -> dict[str, str]:
    answer = answer_of(answered(http, http.get(app.place())))
    return dict(app.redeem(http, answer["code"]).json())


def test_listed_and_taken_back(server: Live, browser: httpx2.Client) -> None:
    assert "None yet." in browser.get("/account/apps").text
    app = App(server, first_party=False)
    tokens = allowed(browser, app)
    page = browser.get("/account/apps")
    assert app.id in page.text
    assert "See your orders" in page.text
    assert "just now" in page.text
    assert "1 may act for you" in browser.get("/account").text
    token, id = (re.search(rf'name="{name}" value="([^"]+)"', page.text) for name in ("csrf_token", "withdraw"))
    assert token
    assert id
    origin = {"origin": server.url}
    gone = browser.post("/account/apps", data={"csrf_token": token[1], "withdraw": id[1]}, headers=origin)
    assert (gone.status_code, gone.headers["location"]) == (303, "/account/apps")
    assert "None yet." in browser.get("/account/apps").text
    with server.client() as program:
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        assert program.get("/whoami", headers=bearer).status_code == 401
        assert app.refresh(program, tokens["refresh_token"]).status_code == 400
    again = browser.post("/account/apps", data={"csrf_token": token[1], "withdraw": id[1]}, headers=origin)
    assert again.status_code == 303  # done already


def test_by_json(server: Live, browser: httpx2.Client) -> None:
    app = App(server, first_party=False)
    allowed(browser, app)
    with server.client() as program:
        login_token = program.post("/login", json={"username": "alice", "password": PASSWORD}).json()["token"]
        bearer = {"authorization": f"Bearer {login_token}"}
        (row,) = program.get("/account/apps", headers=bearer).json()["apps"]
        assert (row["client"], row["scopes"]) == (app.id, ["openid", "orders:read"])
        assert program.get("/account", headers=bearer).json()["apps"] == 1
        for wrong in ("", "cns_nothing", app.id):
            answer = program.post("/account/apps", json={"withdraw": wrong}, headers=bearer)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown")
        stranger = program.post("/login", json={"username": "bob", "password": PASSWORD}).json()["token"]
        of_bob = {"authorization": f"Bearer {stranger}"}
        assert program.post("/account/apps", json={"withdraw": row["id"]}, headers=of_bob).status_code == 422
        assert program.post("/account/apps", json={"withdraw": row["id"]}, headers=bearer).json() == {
            "status": "withdrawn"
        }
        assert program.get("/account/apps", headers=bearer).json() == {"apps": []}


def test_an_application_cannot_look_or_take_back(server: Live, browser: httpx2.Client) -> None:
    app = App(server, first_party=False)
    tokens = allowed(browser, app)
    with server.client() as program:
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        assert program.get("/account/apps", headers=bearer).status_code in (401, 403)
        assert program.get("/account/apps").status_code == 401
