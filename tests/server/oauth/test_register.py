"""Registration by clients themselves, over HTTP (RFC 7591, RFC 7592)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from tests.hostile import URIS
from tests.server.live import Live, live
from tests.server.oauth.consenting import answered
from tests.server.oauth.flow import App, login

from watchword.lifecycle.clients.book import Bounds, ClientBook
from watchword.lifecycle.oauth.described.permits import REGISTERED
from watchword.lifecycle.oauth.described.registration import REGISTER_SCOPE
from watchword.model.credential import Kind

CALLBACK = "https://app.example/cb"
OPEN = """
issuer = "{url}"
[oauth]
registration = "open"
registration_limit = "10000/min"
[oauth.scopes]
"orders:read" = "Read your orders"
[[resource]]
uri = "https://orders.example"
scopes = ["orders:read", "orders:write"]
"""
APP = {
    "redirect_uris": [CALLBACK],
    "client_name": "Reports",
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "openid orders:read admin",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("register"), OPEN, address_limit=None) as running:
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def register(http: httpx2.Client, **more: Any) -> dict[str, Any]:
    answer = http.post("/oauth/register", json={**APP, **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    value: dict[str, Any] = answer.json()
    return value


def bearing(value: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {value['registration_access_token']}"}


def own(value: dict[str, Any]) -> str:
    """Return where the client manages itself, as this test reaches it."""
    return "/oauth/register/" + str(value["registration_client_uri"]).rpartition("/")[2]


def test_rfc_7591_a_public_client(http: httpx2.Client, server: Live) -> None:
    value = register(http)
    assert re.fullmatch(r"cli_[0-9A-Za-z]{20}", value["client_id"])
    assert value["scope"] == "openid orders:read"
    assert value["registration_client_uri"] == f"{server.url}/oauth/register/{value['client_id']}"
    assert value["grant_types"] == ["authorization_code", "refresh_token"]
    assert value["response_types"] == ["code"]
    assert value["application_type"] == "web"
    assert "client_secret" not in value
    record = server.do(server.watchword.store.credential(value["client_id"]))
    assert record is not None
    assert (record.subject, record.detail["source"], record.detail["first_party"]) == (REGISTERED, "registered", False)
    assert value["registration_access_token"] not in json.dumps(dict(record.detail))
    event = next(each for each in server.events() if each.credential == value["client_id"])
    assert (event.action, event.actor) == ("issue", "anybody at 127.0.0.1")


def test_rfc_7591_a_client_with_a_secret_uses_it(http: httpx2.Client) -> None:
    value = register(http, token_endpoint_auth_method="client_secret_basic")
    assert value["client_secret"].startswith("cs_live_")
    assert value["client_secret_expires_at"] == 0
    form = {"grant_type": "refresh_token", "refresh_token": "rt_x"}
    right = http.post("/oauth/token", data=form, auth=(value["client_id"], value["client_secret"]))
    assert (right.status_code, right.json()["error"]) == (400, "invalid_grant")
    wrong = http.post("/oauth/token", data=form, auth=(value["client_id"], "cs_live_x"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")


def test_cve_2025_61928_who_registers_is_nobody_in_particular(http: httpx2.Client, server: Live) -> None:
    mine = {"subject": "service:ops", "userId": "user:alice", "client_id": "cli_mine", "client_secret": "cs_live_mine"}
    more = {"source": "operator", "held": True, "registration_token": "x", "introspects": ["https://orders.example"]}
    value = register(http, **mine, **more, exchange={"impersonate": True}, tokens_void_up_to=0, disabled_at=0)
    assert value["client_id"] != "cli_mine"
    assert "client_secret" not in value
    record = server.do(server.watchword.store.credential(value["client_id"]))
    assert record is not None
    assert (record.subject, record.lookup, record.detail["source"]) == (REGISTERED, None, "registered")
    unasked = {"userId", "subject", "held", "introspects", "exchange", "tokens_void_up_to", "disabled_at"}
    assert not unasked & set(record.detail)
    assert http.get(own(value), headers=bearing(value)).status_code == 200, "its token is the one that was given"


def test_metadata_says_so(http: httpx2.Client, server: Live) -> None:
    metadata = http.get("/.well-known/oauth-authorization-server").json()
    assert metadata["registration_endpoint"] == f"{server.url}/oauth/register"
    assert metadata["client_id_metadata_document_supported"] is True


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://app.example/cb"]}, "invalid_redirect_uri"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"client_name": "x" * 129}, "invalid_client_metadata"),
        ({"software_statement": "eyJ"}, "unapproved_software_statement"),
    ],
)
def test_rfc_7591_errors(http: httpx2.Client, server: Live, more: dict[str, Any], error: str) -> None:
    answer = http.post("/oauth/register", json={**APP, **more})
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]
    assert error in server.last().detail


def test_cve_2026_7504_3872_28512_nothing_else_is_gone_to(http: httpx2.Client) -> None:
    for uri in URIS:
        _gone_nowhere(http, uri)


def _gone_nowhere(http: httpx2.Client, uri: str) -> None:
    answer = http.post("/oauth/register", json={**APP, "redirect_uris": [uri, CALLBACK]})
    assert answer.status_code in (201, 400), uri
    if answer.status_code == 400:
        assert answer.json()["error"] == "invalid_redirect_uri", uri
        return
    client_id = answer.json()["client_id"]
    for other in (uri + "/", uri + "?x", uri.upper(), f"https://evil.example/?{uri}"):
        query = {"client_id": client_id, "redirect_uri": other, "response_type": "code", "scope": "nonsense"}
        gone = http.get("/oauth/authorize", params=query)
        if other not in (uri, CALLBACK):
            assert gone.status_code == 400, (uri, other)
            assert "location" not in gone.headers, (uri, other)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"a":1,"a":2}', b'"x"', b"\xff", b"{}", b'{"client_name":"\\ud800"}']
)
def test_must_23_what_is_no_metadata(http: httpx2.Client, body: bytes) -> None:
    answer = http.post("/oauth/register", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize(
    "url", ["https://[::1", "https://]", "https://[x]/", "https://a.example:99999/", "https://a:0"]
)
@pytest.mark.parametrize("name", ["client_uri", "jwks_uri", "sector_identifier_uri", "backchannel_logout_uri"])
def test_brackets_that_hold_no_address_break_nothing(http: httpx2.Client, name: str, url: str) -> None:
    answer = http.post("/oauth/register", json={**APP, name: url})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


def test_other_media_types_and_sizes(http: httpx2.Client) -> None:
    text = json.dumps(APP)
    assert http.post("/oauth/register", content=text, headers={"content-type": "text/plain"}).status_code == 415
    large = json.dumps({**APP, "x": "x" * 8_192})
    assert http.post("/oauth/register", content=large, headers={"content-type": "application/json"}).status_code == 413
    assert http.get("/oauth/register").status_code == 405


class TestOwn:
    def test_rfc_7592_read(self, http: httpx2.Client) -> None:
        value = register(http)
        read = http.get(own(value), headers=bearing(value))
        assert read.status_code == 200
        assert read.json() == value

    def test_rfc_7592_change(self, http: httpx2.Client) -> None:
        value = register(http)
        wanted = {**APP, "client_id": value["client_id"], "redirect_uris": ["https://app.example/new"]}
        del wanted["client_name"]
        changed = http.put(own(value), json=wanted, headers=bearing(value))
        assert changed.status_code == 200, changed.text
        assert changed.json()["redirect_uris"] == ["https://app.example/new"]
        assert "client_name" not in changed.json()
        assert changed.json()["registration_access_token"] == value["registration_access_token"]
        assert http.get(own(value), headers=bearing(value)).json() == changed.json()

    def test_cve_2026_15572_a_change_gets_no_more_than_a_registration(self, http: httpx2.Client, server: Live) -> None:
        value = register(http)
        same = {**APP, "client_id": value["client_id"]}
        for more, error in (
            ({"redirect_uris": ["https://*.example/"]}, "invalid_redirect_uri"),
            ({"redirect_uris": ["com.example.app:/cb"], "application_type": "web"}, "invalid_redirect_uri"),
            ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
            ({"jwks_uri": "http://169.254.169.254/"}, "invalid_client_metadata"),
            ({"software_statement": "eyJ"}, "unapproved_software_statement"),
        ):
            refused = http.put(own(value), json={**same, **more}, headers=bearing(value))
            assert (refused.status_code, refused.json()["error"]) == (400, error)
        more = {"scope": "admin orders:read", "first_party": True, "audiences": ["x"], "access_lifetime": 10**9}
        asked = {**same, **more, "grant_types": ["authorization_code", "client_credentials"]}
        changed = http.put(own(value), json=asked, headers=bearing(value))
        assert changed.json()["scope"] == "orders:read"
        assert changed.json()["grant_types"] == ["authorization_code"]
        record = server.do(server.watchword.store.credential(value["client_id"]))
        assert record is not None
        assert record.detail["first_party"] is False
        assert not {"audiences", "access_lifetime"} & set(record.detail)

    def test_a_client_that_gets_a_secret_and_loses_it(self, http: httpx2.Client) -> None:
        value = register(http)
        wanted = {**APP, "client_id": value["client_id"], "token_endpoint_auth_method": "client_secret_post"}
        changed = http.put(own(value), json=wanted, headers=bearing(value)).json()
        form = {"grant_type": "refresh_token", "refresh_token": "rt_x", "client_id": value["client_id"]}
        assert http.post("/oauth/token", data=form).status_code == 401
        with_secret = {**form, "client_secret": changed["client_secret"]}
        assert http.post("/oauth/token", data=with_secret).json()["error"] == "invalid_grant"
        again = http.put(own(value), json={**wanted, "client_secret": changed["client_secret"]}, headers=bearing(value))
        assert again.status_code == 200
        assert "client_secret" not in again.json()
        assert http.post("/oauth/token", data=with_secret).json()["error"] == "invalid_grant"
        http.put(own(value), json={**APP, "client_id": value["client_id"]}, headers=bearing(value))
        assert http.post("/oauth/token", data=with_secret).status_code == 401
        assert http.post("/oauth/token", data=form).json()["error"] == "invalid_grant"

    @pytest.mark.parametrize("more", [{"client_id": None}, {"client_id": "cli_x"}, {"client_secret": "cs_live_x"}])
    def test_rfc_7592_who_it_is_cannot_be_changed(self, http: httpx2.Client, more: dict[str, Any]) -> None:
        value = register(http)
        answer = http.put(own(value), json={**APP, "client_id": value["client_id"], **more}, headers=bearing(value))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")

    def test_rfc_7592_delete(self, http: httpx2.Client, server: Live) -> None:
        value = register(http)
        gone = http.delete(own(value), headers=bearing(value))
        assert (gone.status_code, gone.content) == (204, b"")
        assert http.get(own(value), headers=bearing(value)).status_code == 401
        assert server.do(server.watchword.oauth.clients.find(value["client_id"])) is None

    def test_a_wrong_token_an_unknown_client_and_another_clients_token_look_alike(
        self, http: httpx2.Client, server: Live
    ) -> None:
        value, other = register(http), register(http)
        operators = server.issue(Kind.OAUTH_CLIENT, REGISTERED, options={"redirect_uris": [CALLBACK]})
        wrong = {"authorization": "Bearer rat_" + "0" * 36}
        faces = set()
        for place, headers in (
            (own(value), wrong),
            (own(value), bearing(other)),
            (own(value), {}),
            (own(value), {"authorization": "Basic eDp5"}),
            (own(value), {"authorization": "Bearer x"}),
            ("/oauth/register/cli_unknown", bearing(value)),
            (f"/oauth/register/{operators.credential.id}", bearing(value)),
        ):
            for method in ("GET", "PUT", "DELETE"):
                answer = http.request(method, place, headers=headers, **({"json": APP} if method == "PUT" else {}))
                body = {name: text for name, text in answer.json().items() if name != "reference"}
                faces.add((answer.status_code, answer.headers["www-authenticate"], json.dumps(body)))
        assert len(faces) == 1
        assert next(iter(faces))[0] == 401
        assert 'error="invalid_token"' in next(iter(faces))[1]
        assert http.get(own(value), headers=bearing(value)).status_code == 200

    def test_a_client_that_was_disabled_manages_nothing(self, http: httpx2.Client, server: Live) -> None:
        value = register(http)
        server.do(server.watchword.lifecycle.revoke(value["client_id"], reason="rogue", by="operator"))
        wanted = {**APP, "client_id": value["client_id"]}
        assert http.put(own(value), json=wanted, headers=bearing(value)).status_code == 401


def test_a_page_of_any_origin_may_register(http: httpx2.Client) -> None:
    answer = http.post("/oauth/register", json=APP, headers={"origin": "https://inspector.example"})
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_off_is_the_default(tmp_path: Any) -> None:
    with live(tmp_path) as server, server.client() as http:
        assert http.post("/oauth/register", json=APP).status_code == 404
        metadata = http.get("/.well-known/openid-configuration").json()
        assert "registration_endpoint" not in metadata
        assert metadata["client_id_metadata_document_supported"] is True


def test_initial_access_tokens(tmp_path: Any) -> None:
    toml = '[oauth]\nregistration = "token"\nregistration_limit = "2/h"'
    with live(tmp_path, toml) as server, server.client() as http:
        issued = server.do(server.watchword.oauth.registration.initial_token(by="operator"))
        assert issued.credential.scopes == {REGISTER_SCOPE}
        headers = {"authorization": f"Bearer {issued.material['secret']}"}
        nobody = http.post("/oauth/register", json=APP)
        assert nobody.status_code == 401
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        server.service("other")
        other = server.issue(Kind.API_KEY, "service:other", scopes=["orders:read"]).material["secret"]
        unfit = http.post("/oauth/register", json=APP, headers={"authorization": f"Bearer {other}"})
        assert unfit.status_code == 403
        value = http.post("/oauth/register", json=APP, headers=headers)
        assert value.status_code == 201
        event = next(each for each in server.events() if each.credential == value.json()["client_id"])
        assert event.actor == issued.credential.id
        assert http.post("/oauth/register", json=APP, headers=headers).status_code == 201
        limited = http.post("/oauth/register", json=APP, headers=headers)
        assert limited.status_code == 429
        assert int(limited.headers["retry-after"]) > 1
        server.do(server.watchword.lifecycle.revoke(issued.credential.id, reason="done", by="operator"))
        assert http.post("/oauth/register", json=APP, headers=headers).status_code == 401


def test_guesses_of_registration_tokens_are_counted(tmp_path: Any) -> None:
    toml = OPEN + '[limits]\naddress = "3/min"\n'
    with live(tmp_path, toml) as server, server.client() as http:
        value = register(http)
        guesses = [{"authorization": f"Bearer rat_{number}"} for number in range(5)]
        statuses = [http.get(own(value), headers=guess).status_code for guess in guesses]
        assert (statuses[0], statuses[-1]) == (401, 429)
        assert http.get(own(value), headers=bearing(value)).status_code == 429


def test_changes_are_limited_as_registrations_are(tmp_path: Any) -> None:
    toml = OPEN.replace("10000/min", "3/h")
    with live(tmp_path, toml) as server, server.client() as http:
        value = register(http)
        wanted = {**APP, "client_id": value["client_id"]}
        place, mine = own(value), bearing(value)
        answers = [http.put(place, json=wanted, headers=mine) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) > 1
        assert http.get(place, headers=mine).status_code == 200


def test_what_an_operator_changed_a_client_cannot_change_back(http: httpx2.Client, server: Live) -> None:
    value = register(http)
    book = ClientBook(server.watchword.store, server.watchword.lifecycle)
    server.do(book.change(value["client_id"], {}, Bounds(scopes=()), by="operator"))
    wanted = {**APP, "client_id": value["client_id"]}
    answer = http.put(own(value), json=wanted, headers=bearing(value))
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    assert http.get(own(value), headers=bearing(value)).json()["scope"] == ""
    assert http.delete(own(value), headers=bearing(value)).status_code == 204


def test_disabling_all_of_them_closes_registration_and_shuts_them_out(tmp_path: Any) -> None:
    with live(tmp_path, OPEN) as server, server.client() as http:
        value = register(http)
        server.do(server.watchword.lifecycle.set_enabled(REGISTERED, False, by="operator"))
        answer = http.post("/oauth/register", json=APP)
        assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
        assert server.do(server.watchword.oauth.clients.find(value["client_id"])) is None
        for method in ("GET", "PUT", "DELETE"):
            body = {**APP, "client_id": value["client_id"]}
            assert http.request(method, own(value), json=body, headers=bearing(value)).status_code == 401


NATIVE = "http://127.0.0.1/callback"


class Registering(App):
    """An application that registered itself."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.id, self.secret, self.verifier = value["client_id"], value.get("client_secret", ""), "v" * 43


def test_must_2_from_registration_to_a_refresh(server: Live, http: httpx2.Client) -> None:
    server.user("alice", scopes=("orders:read",))
    value = register(http, redirect_uris=[NATIVE, "http://localhost/callback"], application_type="native")
    app = Registering(value)
    assert login(http).status_code == 303
    for other in ("http://127.0.0.2:51004/callback", "http://localhost:51004/callback", "http://127.0.0.1:51004/x"):
        assert http.get(app.place(redirect_uri=other)).status_code == 400
    mine = "http://127.0.0.1:51004/callback"
    page = answered(http, http.get(app.place(redirect_uri=mine)))
    place = page.headers.get("location") or html.unescape(re.search(r'url=([^"]+)"', page.text)[1])  # type: ignore[index]
    assert place.startswith(mine + "?")
    code = dict(parse_qsl(urlsplit(place).query))["code"]
    tokens = app.redeem(http, code, redirect_uri=mine).json()
    assert tokens["scope"] == "openid orders:read"
    again = app.refresh(http, tokens["refresh_token"])
    assert again.status_code == 200
    http.cookies.clear()
    bearer = {"authorization": f"Bearer {again.json()['access_token']}"}
    assert http.get("/whoami", headers=bearer).json()["actor"] == app.id
    assert http.delete(own(value), headers=bearing(value)).status_code == 204
    assert http.get("/whoami", headers=bearer).status_code == 401
    assert app.refresh(http, again.json()["refresh_token"]).status_code == 401
