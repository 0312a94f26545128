"""``/admin/v1/clients``: who may, one version at a time, secrets once, nothing that the command line would not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.codec.jose import SigningKey
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add

PLACE = "/admin/v1/clients"
CALLBACK = "https://shop.example/cb"
BOTH = ("admin:clients:read", "admin:clients:write")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("admin"), 'issuer = "{url}"\n') as running:
        running.service("ops")
        running.service("billing")
        yield running


def _http(server: Live, *scopes: str) -> httpx2.Client:
    key = server.issue(Kind.API_KEY, "service:ops", scopes=scopes)
    return server.client(headers={"authorization": f"Bearer {key.material['secret']}"}, verify=False)


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with _http(server, *BOTH) as http:
        yield http


def _added(admin: httpx2.Client, **fields: Any) -> Any:
    answer = admin.post(PLACE, json={"subject": "service:shop", "redirect_uris": [CALLBACK], **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{PLACE}/{answer.json()['client_id']}"
    return answer.json()


def _token(server: Live, value: Any) -> httpx2.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": value["client_id"],
        "client_secret": value["client_secret"],
    }
    with server.client() as http:
        return http.post("/oauth/token", data=form)


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_cve_2025_61928_nobody_in_particular_administers(server: Live, method: str) -> None:
    with server.client() as http:
        place = PLACE if method in ("GET", "POST") else PLACE + "/cli_x"
        body = {"subject": "service:billing", "userId": "service:billing"}
        answer = http.request(method, place, json=body)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert "www-authenticate" in answer.headers
    listed = server.do(server.watchword.lifecycle.page(kind=Kind.OAUTH_CLIENT, subject="service:billing"))
    assert listed == []


def test_reading_is_not_writing(server: Live) -> None:
    with _http(server, "admin:clients:read") as reader, _http(server, "orders:read") as stranger:
        assert reader.get(PLACE).status_code == 200
        refused = reader.post(PLACE, json={"subject": "service:shop"})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:watchword:problem:insufficient_scope")
        assert stranger.get(PLACE).status_code == 403
    with _http(server, "admin:clients:write") as writer:
        assert writer.get(PLACE).status_code == 403


def test_a_session_of_a_person_is_not_accepted_unless_the_operator_says_so(server: Live) -> None:
    session = server.issue(Kind.SESSION, "service:ops", scopes=BOTH)
    with server.client(headers={"cookie": f"session={session.material['cookie']}"}) as http:
        assert http.get(PLACE).status_code == 401


def test_nobody_gives_away_or_takes_over_a_right_to_administer_that_they_lack(
    server: Live, admin: httpx2.Client
) -> None:
    answer = admin.post(PLACE, json={"subject": "service:shop", "scopes": ["admin:users:write"]})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:watchword:problem:insufficient_scope")
    id = _added(admin, scopes=["orders:read", BOTH[0]])["client_id"]
    assert admin.patch(f"{PLACE}/{id}", json={"scopes": ["admin:users:write"]}).status_code == 403
    other = server.issue(Kind.OAUTH_CLIENT, "service:ops", scopes=["admin:users:write"]).material["client_id"]
    for method, place in (("POST", "/rotate"), ("POST", "/disable"), ("DELETE", ""), ("PATCH", "")):
        body = {"json": {}} if method == "PATCH" or place == "/rotate" else {}
        assert admin.request(method, f"{PLACE}/{other}{place}", **body).status_code == 403, place


# --- what is done -----------------------------------------------------------------------------------------------------


def test_a_client_is_added_and_shown_without_its_secret(server: Live, admin: httpx2.Client) -> None:
    value = _added(admin, client_name="Shop", grants=["client_credentials"], scopes=["a"], limit="5/min")
    assert value["client_secret"].startswith("cs_live_")
    assert _token(server, value).status_code == 200
    shown = admin.get(f"{PLACE}/{value['client_id']}")
    assert "client_secret" not in shown.json()
    assert shown.headers["etag"] == f'"{shown.json()["version"]}"'
    assert shown.headers["cache-control"] == "no-store"
    assert (shown.json()["client_name"], shown.json()["limit"]) == ("Shop", "5/min")
    event = next(each for each in reversed(server.events()) if each.action == "issue" and each.scheme == "oauth-client")
    assert (event.credential, event.actor) == (value["client_id"], "service:ops")


def test_a_list_comes_in_pages(admin: httpx2.Client) -> None:
    mine = {_added(admin)["client_id"] for _ in range(5)}
    seen: list[str] = []
    cursor = ""
    while True:
        page = admin.get(PLACE, params={"limit": "2", "cursor": cursor}).json()
        seen += [each["client_id"] for each in page["clients"]]
        assert len(page["clients"]) <= 2
        if page["next"] is None:
            break
        cursor = page["next"]
    assert mine <= set(seen)
    assert seen == sorted(set(seen))
    for limit in ("0", "101", "x", "-1", "²"):
        assert admin.get(PLACE, params={"limit": limit}).status_code == 422


@pytest.mark.parametrize("limit", ["", "0", "101", "-1", "x", "1.0", "\u0664", "9" * 5_000])
def test_a_page_has_a_size(admin: httpx2.Client, limit: str) -> None:
    answer = admin.get(PLACE, params={"limit": limit})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["limit"]


@pytest.mark.parametrize(
    ("place", "methods"),
    [
        ("", "GET, HEAD, POST"),
        ("/cli_x", "DELETE, GET, HEAD, PATCH"),
        ("/cli_x/rotate", "POST"),
        ("/https%3A%2F%2Fapp.example%2Fc", "DELETE, GET, HEAD, PATCH"),
    ],
)
def test_other_methods_are_told_which_there_are(admin: httpx2.Client, place: str, methods: str) -> None:
    answer = admin.request("TRACE", PLACE + place)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


def test_a_change_is_of_the_version_that_was_read(admin: httpx2.Client) -> None:
    id = _added(admin)["client_id"]
    tag = admin.get(f"{PLACE}/{id}").headers["etag"]
    first = admin.patch(f"{PLACE}/{id}", json={"client_name": "One"}, headers={"if-match": tag})
    assert (first.status_code, first.json()["client_name"]) == (200, "One")
    assert first.headers["etag"] != tag
    second = admin.patch(f"{PLACE}/{id}", json={"client_name": "Two"}, headers={"if-match": tag})
    assert (second.status_code, second.json()["type"]) == (412, "urn:watchword:problem:precondition_failed")
    either = {"if-match": f'"another", {first.headers["etag"]}'}  # RFC 9110 section 13.1.1
    assert admin.patch(f"{PLACE}/{id}", json={"client_name": "Three"}, headers=either).status_code == 200
    for act in ("rotate", "disable"):
        body = {"json": {}} if act == "rotate" else {}
        assert admin.post(f"{PLACE}/{id}/{act}", headers={"if-match": tag}, **body).status_code == 412
    assert admin.delete(f"{PLACE}/{id}", headers={"if-match": tag}).status_code == 412
    assert admin.patch(f"{PLACE}/{id}", json={"client_name": "Three"}, headers={"if-match": "*"}).status_code == 200


def test_null_takes_away_and_what_is_not_named_stays(admin: httpx2.Client) -> None:
    value = _added(admin, client_name="Shop", token_format="opaque", limit="5/min", scopes=["a"], expires_at=2**31)
    patch = {"client_name": None, "limit": None, "expires_at": None}
    headers = {"content-type": "application/merge-patch+json"}
    import json

    after = admin.patch(f"{PLACE}/{value['client_id']}", content=json.dumps(patch), headers=headers).json()
    assert ("client_name" in after, after["limit"], after["expires_at"]) == (False, None, None)
    assert (after["token_format"], after["scopes"], after["redirect_uris"]) == ("opaque", ["a"], [CALLBACK])


def test_both_secrets_get_tokens_and_a_disabled_client_none(server: Live, admin: httpx2.Client) -> None:
    first = _added(admin, grants=["client_credentials"])
    place = f"{PLACE}/{first['client_id']}"
    second = admin.post(place + "/rotate", json={"overlap": "1h"}).json()
    assert [_token(server, each).status_code for each in (first, second)] == [200, 200]
    text = _token(server, second).json()["access_token"]
    with server.client(headers={"authorization": f"Bearer {text}"}) as caller:
        assert caller.get("/whoami").status_code == 200
        disabled = admin.post(place + "/disable")
        assert (disabled.status_code, disabled.json()["state"]) == (200, "disabled")
        assert caller.get("/whoami").status_code == 401
    assert [_token(server, each).json() for each in (first, second)] == [{"error": "invalid_client"}] * 2
    assert admin.post(place + "/rotate", json={}).status_code == 409
    assert admin.post(place + "/enable").json()["state"] == "active"
    assert [_token(server, each).status_code for each in (first, second)] == [200, 200]


def test_removed_is_gone_for_good(server: Live, admin: httpx2.Client) -> None:
    value = _added(admin, grants=["client_credentials"])
    place = f"{PLACE}/{value['client_id']}"
    assert admin.delete(place).status_code == 204
    assert _token(server, value).status_code == 401
    assert admin.get(place).json()["state"] == "revoked"
    assert admin.post(place + "/enable").status_code == 409
    assert admin.patch(place, json={"client_name": "x"}).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "subject"),
        ({"subject": 7}, "subject"),
        ({"subject": "user:alice"}, "subject"),
        ({"subject": "service:\u0000"}, "subject"),
        ({"subject": "shop"}, "subject"),
        ({"subject": "service:shop", "jwks_uri": "https://shop.example:99999/"}, "jwks_uri"),
        ({"subject": "service:shop", "grants": ["password"]}, "grants"),
        ({"subject": "service:shop", "redirect_uris": ["javascript:alert(1)"]}, "redirect_uris"),
        ({"subject": "service:shop", "scopes": "a"}, "scopes"),
        ({"subject": "service:shop", "scopes": ['a"b']}, "scopes"),
        ({"subject": "service:shop", "networks": ["10.0.0.1/8"]}, "networks"),
        ({"subject": "service:shop", "limit": 5}, "limit"),
        ({"subject": "service:shop", "expires_at": 1}, "expires_at"),
        ({"subject": "service:shop", "expires_at": "soon"}, "expires_at"),
        ({"subject": "service:shop", "client_id": "cli_mine"}, "client_id"),
        ({"subject": "service:shop", "tokens_void_up_to": 0}, "tokens_void_up_to"),
        ({"subject": "service:shop", "public": True}, "grants"),
    ],
    ids=str,
)
def test_what_cannot_be_accepted_names_its_field(admin: httpx2.Client, body: dict[str, Any], field: str) -> None:
    answer = admin.post(PLACE, json=body)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:watchword:problem:invalid_fields"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"a":1,"a":2}', "application/json", 400),
        (b'{"jwks":{"keys":[{"n":1e999}]}}', "application/json", 400),
        (b'{"client_name":"\\ud800"}', "application/json", 400),
        (b'{"subject":"service:shop"}', "text/plain", 415),
        (b"subject=service:shop", "application/x-www-form-urlencoded", 415),
        (b'{"x":"' + b"y" * 20_000 + b'"}', "application/json", 413),
        (b'{"x":"' + b"y" * 200_000 + b'"}', "application/json", 413),
    ],
    ids=["torn", "list", "twice", "infinite", "half", "text", "form", "long", "longer"],
)
def test_cve_2021_32677_only_json_of_reasonable_size(
    admin: httpx2.Client, content: bytes, kind: str, status: int
) -> None:
    assert admin.post(PLACE, content=content, headers={"content-type": kind}).status_code == status


def test_unknown_clients_and_secrets_ids_are_404(server: Live, admin: httpx2.Client) -> None:
    value = _added(admin, grants=["client_credentials"])
    record = server.do(server.watchword.lifecycle.rotate(value["client_id"], overlap=60, by="test")).credential
    for id in (record.id, "cli_nobody", "key_x", "..", "%2e%2e"):
        assert admin.get(f"{PLACE}/{id}").status_code == 404, id
    assert admin.get(f"{PLACE}/{value['client_id']}").status_code == 200


def test_a_private_key_is_refused_and_not_repeated(admin: httpx2.Client) -> None:
    key = {**SigningKey.generate().public_jwk(), "d": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}
    body = {"subject": "service:shop", "auth_method": "private_key_jwt", "jwks": {"keys": [key]}}
    answer = admin.post(PLACE, json=body)
    assert answer.status_code == 422
    assert key["d"] not in answer.text


def test_a_client_that_is_a_url_is_disabled_like_any(server: Live, admin: httpx2.Client) -> None:
    url = "https://agent.example/client.json"
    detail = {"client_id": url, "source": "document", "grants": ["authorization_code"], "redirect_uris": [CALLBACK]}
    record = Credential(url, Kind.OAUTH_CLIENT, "service:billing", 1, detail={**detail, "public": True})
    assert server.do(server.watchword.store.write(Add(record)))
    place = f"{PLACE}/{quote(url, safe='')}"
    assert admin.get(place).json()["source"] == "document"
    assert admin.post(place + "/disable").json()["state"] == "disabled"
    assert server.do(server.watchword.store.credential(url)).refusal(server.watchword.clock()) is not None  # type: ignore[union-attr]
    assert admin.post(place + "/enable").json()["state"] == "active"


def test_an_overlap_is_a_duration(admin: httpx2.Client) -> None:
    place = f"{PLACE}/{_added(admin, grants=['client_credentials'])['client_id']}/rotate"
    for body in ({"overlap": 5}, {"overlap": "soon"}, {"overlap": None}, {"ovrelap": "1h"}):
        assert admin.post(place, json=body).status_code == 422
    assert admin.post(place, json={"overlap": "0s"}).status_code == 200


def test_clients_are_found_by_their_state(server: Live) -> None:
    with asking(server, "admin:clients:read", "admin:clients:write") as admin:
        made = admin.post(PLACE, json={"subject": "service:stated"}).json()["client_id"]
        admin.post(f"{PLACE}/{made}/disable")
        disabled = [each["client_id"] for each in admin.get(PLACE, params={"state": "disabled"}).json()["clients"]]
        active = [each["client_id"] for each in admin.get(PLACE, params={"state": "active"}).json()["clients"]]
        assert (made in disabled, made in active) == (True, False)
        assert problem(admin.get(PLACE, params={"state": "x"})) == (422, "invalid_fields")


def test_a_token_lets_clients_register_and_nothing_else(server: Live) -> None:
    with asking(server, "admin:clients:write") as admin:
        made = admin.post(f"{PLACE}/registration-token", json={"expires": "7d", "limit": "5/h", "name": "partners"})
        assert made.status_code == 201, made.text
        value = made.json()
        assert (value["name"], value["limit"], len(value["scopes"])) == ("partners", "5/h", 1)
        assert value["expires_at"] - value["created_at"] == 7 * 86_400
        for body in ({"expires": "soon"}, {"limit": "often"}, {"scopes": []}):
            assert problem(admin.post(f"{PLACE}/registration-token", json=body)) == (422, "invalid_fields")
    with server.client(headers={"authorization": f"Bearer {value['secret']}"}) as http:
        assert problem(http.get(PLACE)) == (403, "insufficient_scope")
