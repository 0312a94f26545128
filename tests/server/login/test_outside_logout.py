"""A logout at a provider ends the sessions here: over real HTTP, at one that is played and at a second Watchword."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.providers import FakeProvider
from tests.server.live import Live, live
from tests.server.login.test_outside import back, go, honest  # noqa: F401
from tests.server.oauth.flow import login

from watchword.codec.oauth.logout_token import LOGOUT_EVENT
from watchword.model.credential import Kind
from watchword.model.records import Swap

PLACE = "/login/outside/open/logout"


@pytest.fixture(scope="module")
def fakes() -> Iterator[dict[str, FakeProvider]]:
    fake = FakeProvider()
    with fake.running():
        yield {"open": fake}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fakes: dict[str, FakeProvider]) -> Iterator[Live]:
    fake, patch = fakes["open"], pytest.MonkeyPatch()
    patch.setenv("FAKE_SECRET", fake.client_secret)
    toml = f'issuer = "{{url}}"\n[[provider]]\nname = "open"\nissuer = "{fake.issuer}"\nsign_up = true\n'
    toml += f'client_id = "{fake.client_id}"\nclient_secret_env = "FAKE_SECRET"\n'
    with live(tmp_path_factory.mktemp("told"), toml) as running:
        yield running
    patch.undo()


@pytest.fixture
def fake(fakes: dict[str, FakeProvider]) -> FakeProvider:
    return fakes["open"]


def token(fake: FakeProvider, **change: object) -> str:
    now = int(time.time())
    claims = {"iss": fake.issuer, "aud": fake.client_id, "iat": now, "exp": now + 120, "events": {LOGOUT_EVENT: {}}}
    return fake.key.sign({**claims, "jti": f"{now}-{id(change)}", "sub": "248289761001", **change}, "logout+jwt")


def come(server: Live, fake: FakeProvider, sid: str) -> httpx2.Client:
    """Return the browser of somebody who has come from a session at the provider."""
    http = server.client()
    fake.claims = {"sid": sid}
    answer = back(http, go(http, fake, "open"), "open")
    if answer.headers["location"] == "/login/outside":
        page = http.get("/login/outside").text
        found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
        assert found is not None
        form = {"do": "create", "csrf_token": found[1]}
        http.post("/login/outside", data=form, headers={"origin": server.url})
    assert signed_in(http)
    return http


def signed_in(http: httpx2.Client) -> bool:
    return http.get("/account").status_code == 200


def test_the_sessions_that_came_from_there_end(server: Live, fake: FakeProvider) -> None:
    one, two = come(server, fake, "s1"), come(server, fake, "s2")
    with server.client() as provider:
        answer = provider.post(PLACE, data={"logout_token": token(fake, sid="s1", jti="a")})
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert (signed_in(one), signed_in(two)) == (False, True)
        assert provider.post(PLACE, data={"logout_token": token(fake, jti="b")}).status_code == 200
        assert not signed_in(two)


def test_what_is_refused(server: Live, fake: FakeProvider) -> None:
    one = come(server, fake, "s1")
    spent = token(fake, jti="c", sid="s9")
    with server.client() as provider:
        assert provider.post(PLACE, data={"logout_token": spent}).status_code == 200
        for data in (
            {},
            {"logout_token": ""},
            {"logout_token": "x"},
            {"logout_token": spent},
            {"logout_token": token(fake, nonce="n")},
        ):
            answer = provider.post(PLACE, data=data)
            assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
        assert provider.post(PLACE, json={"logout_token": token(fake)}).status_code == 400
        doubled = f"logout_token={token(fake)}&logout_token={token(fake)}"
        head = {"content-type": "application/x-www-form-urlencoded"}
        assert provider.post(PLACE, content=doubled, headers=head).status_code == 400
        assert provider.post(PLACE, content="x=" + "y" * 17_000, headers=head).status_code == 413
        assert provider.get(PLACE).status_code == 405
        assert provider.post("/login/outside/none/logout", data={"logout_token": "x"}).status_code == 404
    assert signed_in(one)
    assert {event.reason for event in server.events() if event.scheme == "login"} >= {"replayed", "bad_claims"}


@pytest.mark.processes
def test_two_watchwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing out at one, however, signs out at the other, which has not asked for it."""
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    there = Live(tmp_path / "there", 'issuer = "{url}"\n[oauth]\nprivate_hosts = ["127.0.0.1"]\n').start()
    monkeypatch.setenv("WW_SECRET", "unset")
    try:
        there.service("app")
        there.user("alice")
        here = _relying(there, tmp_path / "here", monkeypatch)
        try:
            for way in ("logout page", "account", "operator"):
                _signs_out(there, here, way)
        finally:
            here.stop()
    finally:
        there.stop()


def _relying(there: Live, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    toml = f"""issuer = "{{url}}"
[[provider]]
name = "ww"
issuer = "{there.url}"
client_id = "CLIENT"
client_secret_env = "WW_SECRET"
sign_up = true
"""
    options = {
        "grants": ["authorization_code"],
        "redirect_uris": ["http://127.0.0.1/login/outside/ww/callback"],
        "first_party": True,
    }
    issued = there.issue(Kind.OAUTH_CLIENT, "service:app", options=options)
    monkeypatch.setenv("WW_SECRET", issued.material["client_secret"])
    here = Live(folder, toml.replace("CLIENT", issued.material["client_id"])).start()
    detail = {**issued.credential.detail, "backchannel_logout_uri": f"{here.url}/login/outside/ww/logout"}
    assert there.do(there.watchword.store.write(Swap(issued.credential.changed(detail=detail))))
    return here


def _signs_out(there: Live, here: Live, way: str) -> None:
    at, browser = there.client(), here.client()
    login(at)
    place = browser.get("/login/outside/ww").headers["location"]
    answer = at.get(place.removeprefix(there.url))
    where = urlsplit(html.unescape(answer.headers["location"]))
    arrived = browser.get(f"{where.path}?{where.query}")
    if arrived.headers["location"] == "/login/outside":
        found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', browser.get("/login/outside").text)
        assert found is not None
        form = {"do": "create", "csrf_token": found[1]}
        browser.post("/login/outside", data=form, headers={"origin": here.url})
    assert signed_in(browser)
    if way == "logout page":
        page = at.get("/oauth/logout").text
        found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
        assert found is not None
        at.post("/oauth/logout", data={"csrf_token": found[1]}, headers={"origin": there.url})
    elif way == "account":
        head = {"x-csrf-token": at.cookies["csrf"], "origin": there.url}
        assert at.post("/account/sessions", json={"end": "everywhere"}, headers=head).status_code == 200
    else:
        there.do(there.watchword.lifecycle.set_enabled("user:alice", False, by="user:root"))
        there.do(there.watchword.lifecycle.set_enabled("user:alice", True, by="user:root"))
    deadline = time.monotonic() + 8
    while signed_in(browser) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not signed_in(browser), way
