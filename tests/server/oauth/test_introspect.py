"""The introspection endpoint over real HTTP (RFC 7662); what it decides is tested in tests/lifecycle/oauth."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.flow import App, code_of, login
from tests.server.oauth.test_token import Client, basic

from watchword.app import Watchword
from watchword.codec.secrets import new_secret
from watchword.model.request import Peer, Request
from watchword.model.verdict import Allow, Deny
from watchword.schemes.oauth2 import Introspection
from watchword.server.fetch import HttpFetch

TOML = 'issuer = "{url}"\n[limits]\naddress = "100000/min"\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("introspect"), TOML) as running:
        for name in ("billing", "app"):
            running.service(name)
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def known(server: Live) -> Client:
    return Client(server)


@pytest.fixture(scope="module")
def api(server: Live) -> Client:
    return Client(server, options={"introspects": [server.watchword.audience], "grants": []}, scopes=())


def given(http: httpx2.Client, server: Live, **options: object) -> tuple[App, dict[str, str]]:
    """Return an application, and what it got of a person who signed in."""
    app = App(server, **options)
    assert login(http).status_code == 303
    return app, app.redeem(http, code_of(http, app)).json()


def look(http: httpx2.Client, token: str, asker: App | Client, **more: str) -> dict[str, object]:
    answer = http.post("/oauth/introspect", data={"token": token, **more}, headers=basic(asker.id, asker.secret))
    assert answer.status_code == 200, answer.text
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert answer.headers["content-type"] == "application/json"
    value: dict[str, object] = answer.json()
    return value


@pytest.mark.parametrize("format", ["jwt", "opaque"])
def test_rfc7662_2_2_an_active_token(server: Live, http: httpx2.Client, api: Client, format: str) -> None:
    app, tokens = given(http, server, token_format=format)
    for asker in (app, api):
        said = look(http, tokens["access_token"], asker)
        assert (said["active"], said["sub"], said["username"]) == (True, "user:alice", "alice")
        assert (said["client_id"], said["token_type"], said["scope"]) == (app.id, "Bearer", "openid orders:read")
        assert (said["iss"], said["aud"]) == (server.url, server.url)
    assert look(http, tokens["refresh_token"], app)["token_type"] == "N_A"
    assert look(http, tokens["refresh_token"], api) == {"active": False}


def test_must_19_unknown_and_others_tokens_are_inactive(server: Live, http: httpx2.Client, known: Client) -> None:
    _, tokens = given(http, server)
    for token in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"], "x", "at_x", "rt_x", " "):
        assert look(http, token, known) == {"active": False}


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", ""])
def test_rfc7662_2_1_a_wrong_hint_changes_nothing(server: Live, http: httpx2.Client, hint: str) -> None:
    app, tokens = given(http, server)
    for name in ("access_token", "refresh_token"):
        assert look(http, tokens[name], app, token_type_hint=hint)["active"] is True


def test_rfc7662_2_1_who_asks_must_prove_who_they_are(server: Live, http: httpx2.Client, known: Client) -> None:
    app, tokens = given(http, server, public=True)
    token = {"token": tokens["access_token"]}
    for form, headers in (
        ({"client_id": app.id}, {}),
        ({"client_id": known.id}, {}),
        ({}, basic(known.id, "cs_live_wrong")),
        ({}, {"authorization": f"Bearer {tokens['access_token']}"}),
    ):
        answer = http.post("/oauth/introspect", data={**token, **form}, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
        assert "www-authenticate" in answer.headers


def test_must_23_malformed_requests(http: httpx2.Client, known: Client) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded", **basic(known.id, known.secret)}
    long = "token=" + "a" * 16_400
    for body in ("", "token=", "token=a&token=b", "token=%zz", "token_type_hint=access_token", long):
        answer = http.post("/oauth/introspect", content=body, headers=kind)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"}), body
    assert http.get("/oauth/introspect", params={"token": "x"}).status_code == 405
    query = http.post("/oauth/introspect?token=x", content="", headers=kind)
    assert query.status_code == 400


def test_cve_2020_15223_a_failing_store_is_503(tmp_path: Path) -> None:
    with live(tmp_path, TOML) as server:
        server.service("billing")
        known = Client(server, options={"token_format": "opaque"})
        with server.client() as http:
            token = http.post("/oauth/token", data=known.form).json()["access_token"]
            store = server.watchword.store
            real = store.get

            async def broken(place: str) -> bytes | None:
                raise sqlite3.OperationalError("disk I/O error")

            store.get = broken  # type: ignore[method-assign]
            for path in ("/oauth/introspect", "/oauth/revoke"):
                answer = http.post(path, data={"token": token}, headers=basic(known.id, known.secret))
                assert answer.status_code == 503
                assert "active" not in answer.text
            store.get = real  # type: ignore[method-assign]
            assert look(http, token, known)["active"] is True


def test_revoked_for_everybody_at_once(server: Live, http: httpx2.Client, api: Client) -> None:
    app, tokens = given(http, server)
    assert look(http, tokens["access_token"], api)["active"] is True
    server.do(server.watchword.lifecycle.set_enabled("user:alice", False, by="t"))
    assert look(http, tokens["access_token"], api) == {"active": False}
    assert look(http, tokens["refresh_token"], app) == {"active": False}
    server.do(server.watchword.lifecycle.set_enabled("user:alice", True, by="t"))
    assert look(http, tokens["access_token"], api) == {"active": False}


def test_a_second_watchword_accepts_our_tokens_by_asking_us(server: Live, http: httpx2.Client, api: Client) -> None:
    """The resource side of RFC 7662: another installation, with its own store and keys, asks here."""
    app, tokens = given(http, server, token_format="opaque")

    async def elsewhere() -> list[Allow | Deny]:
        fetch = HttpFetch()
        place, names = f"{server.url}/oauth/introspect", {"issuer": server.url, "audience": server.watchword.audience}
        asks = Introspection(place, api.id, api.secret, fetch, prefix="at_", subject="user:{username}", **names)
        there = Watchword(issuer="https://elsewhere.example", introspection=[asks], inline=True)
        await there.start()
        try:
            return [await decided(there, each) for each in (tokens["access_token"], new_secret("at_"))]
        finally:
            await there.stop()
            await fetch.close()

    access, unknown = asyncio.run(elsewhere())
    assert isinstance(access, Allow)
    assert access.principal is not None
    assert (access.principal.subject, access.principal.actor) == ("user:alice", app.id)
    assert access.principal.scopes == {"openid", "orders:read"}
    assert isinstance(unknown, Deny)
    assert unknown.rejection.reason.code == "inactive_token"


async def decided(there: Watchword, token: str) -> Allow | Deny:
    headers = [(b"host", b"x"), (b"authorization", b"Bearer " + token.encode())]
    request = Request("GET", b"/", b"", headers, Peer("192.0.2.1", tls=True))
    return await there.gate.decide(request, there.route("oauth2"))


def test_the_metadata_names_it(server: Live, http: httpx2.Client) -> None:
    metadata = http.get("/.well-known/oauth-authorization-server").json()
    assert metadata["introspection_endpoint"] == f"{server.url}/oauth/introspect"
    assert "none" not in metadata["introspection_endpoint_auth_methods_supported"]
