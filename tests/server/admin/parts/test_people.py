"""Passwords, links, addresses, factors and sessions of people: what the command line does, and for whom one may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import PASSWORD, Live, live

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add
from watchword.server.account.mail import Undeliverable

PLACE = "/admin/v1/subjects"
BOTH = ("admin:subjects:read", "admin:subjects:write")
OTHER = "gray lamps on a quiet hill"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = '[admin]\nlimit = ""\n[accounts]\nsign_up = "invitation"\n'
    with live(tmp_path_factory.mktemp("people"), settings) as running:
        running.service("ops")
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, *BOTH) as http:
        yield http


def login(server: Live, name: str, password: str) -> httpx2.Response:
    with server.client() as http:
        return http.post("/login", json={"username": name, "password": password})


def test_another_password_ends_what_the_old_one_began(server: Live, admin: httpx2.Client) -> None:
    server.user("anna", scopes=("orders:read",))
    token = login(server, "anna", PASSWORD).json()["token"]
    weak = admin.post(f"{PLACE}/user:anna/password", json={"password": "anna1234"})
    assert problem(weak) == (422, "invalid_fields")
    assert admin.post(f"{PLACE}/user:anna/password", json={"password": OTHER}).status_code == 204
    assert [login(server, "anna", each).status_code for each in (PASSWORD, OTHER)] == [401, 200]
    with server.client(headers={"authorization": f"Bearer {token}"}) as http:
        assert http.get("/whoami").status_code == 401
    held = server.do(server.watchword.lifecycle.page(kind=Kind.PASSWORD, subject="user:anna"))
    assert {each.scopes for each in held} == {frozenset({"orders:read"})}


def test_a_link_lets_them_choose_one_once(server: Live, admin: httpx2.Client) -> None:
    server.user("bert")
    made = admin.post(f"{PLACE}/user:bert/reset-link")
    assert made.status_code == 201
    token = made.json()["link"].partition("?token=")[2]
    with server.client() as http:
        body = {"token": token, "password": OTHER}
        assert [http.post("/reset/new", json=body).status_code for _ in range(2)] == [200, 400]
    assert login(server, "bert", OTHER).status_code == 200


def test_who_is_invited_gets_what_the_invitation_says(server: Live, admin: httpx2.Client) -> None:
    made = admin.post("/admin/v1/invitations", json={"address": "carl@example.com", "scopes": ["orders:read"]})
    assert made.status_code == 201, made.text
    token = made.json()["link"].partition("?token=")[2]
    with server.client() as http:
        body = {"token": token, "username": "carl", "password": OTHER}
        assert http.post("/invitation", json=body).status_code == 201
    assert admin.get(f"{PLACE}/user:carl").json()["email"] == "carl@example.com"
    again = admin.post("/admin/v1/invitations", json={"address": "carl@example.com"})
    assert problem(again) == (409, "conflict")
    assert problem(admin.post("/admin/v1/invitations", json={"address": "nothing"})) == (409, "conflict")
    administers = {"address": "dora@example.com", "scopes": ["admin:keys:write"]}
    assert problem(admin.post("/admin/v1/invitations", json=administers)) == (403, "insufficient_scope")


def test_an_address_is_vouched_for(server: Live, admin: httpx2.Client) -> None:
    server.user("emil")
    assert admin.post(f"{PLACE}/user:emil/address", json={"address": "emil@example.com"}).status_code == 204
    assert admin.get(f"{PLACE}/user:emil").json()["email"] == "emil@example.com"
    assert problem(admin.post(f"{PLACE}/user:emil/address", json={"address": "no"})) == (409, "conflict")
    assert problem(admin.post(f"{PLACE}/user:emil/address", json={})) == (422, "invalid_fields")


def test_factors_are_listed_removed_and_reset(server: Live, admin: httpx2.Client) -> None:
    server.user("frida")
    for id, kind in (("otp_f", Kind.TOTP), ("psk_f", Kind.PASSKEY)):
        record = Credential(id, kind, "user:frida", 1, detail={"name": f"the {kind}"})
        assert server.do(server.watchword.store.write(Add(record)))
    place = f"{PLACE}/user:frida/factors"
    assert [each["name"] for each in admin.get(place).json()["factors"]] == ["the totp", "the passkey"]
    for id in ("otp_x", "otp_f%2F"):
        assert admin.post(f"{place}/{id}/remove", json={"reason": "lost"}).status_code == 404
    assert problem(admin.post(f"{place}/otp_f/remove", json={})) == (422, "invalid_fields")
    left = admin.post(f"{place}/otp_f/remove", json={"reason": "lost"}).json()
    assert [each["id"] for each in left["factors"]] == ["psk_f"]
    assert admin.post(f"{place}/reset", json={"reason": "phone lost; seen in person"}).json() == {"factors": []}
    event = next(each for each in reversed(server.events()) if each.action == "reset-factors")
    assert (event.subject, event.actor, event.detail) == ("user:frida", "service:ops", "phone lost; seen in person")


def test_sessions_are_listed_and_ended(server: Live, admin: httpx2.Client) -> None:
    server.user("gerd")
    token = login(server, "gerd", PASSWORD).json()["token"]
    (session,) = admin.get(f"{PLACE}/user:gerd/sessions").json()["sessions"]
    assert (session["kind"], session["address"]) == ("refresh", "127.0.0.1")
    assert problem(admin.post(f"{PLACE}/user:frida/sessions/{session['id']}/end")) == (404, "not_found")
    assert admin.post(f"{PLACE}/user:gerd/sessions/{session['id']}/end").json() == {"sessions": []}
    with server.client(headers={"authorization": f"Bearer {token}"}) as http:
        assert http.get("/whoami").status_code == 401


def test_a_service_is_no_person(admin: httpx2.Client) -> None:
    body = {"password": OTHER}
    assert problem(admin.post(f"{PLACE}/service:ops/password", json=body)) == (404, "not_found")
    assert problem(admin.post(f"{PLACE}/service:ops/reset-link")) == (404, "not_found")


def test_where_nobody_signs_up_nobody_is_invited(tmp_path: Any) -> None:
    with live(tmp_path, '[accounts]\nsign_up = "off"\n') as server:
        server.service("ops")
        with asking(server, *BOTH) as admin:
            answer = admin.post("/admin/v1/invitations", json={"address": "a@example.com"})
            assert problem(answer) == (409, "conflict")


def test_a_link_that_goes_by_mail_is_seen_by_the_mailbox_alone(tmp_path: Any) -> None:
    letters: list[Any] = []

    async def send(letter: Any) -> None:
        if letter.to == "broken@example.com":
            raise Undeliverable("it was not taken")
        letters.append(letter)

    mail = '[mail]\nserver = "127.0.0.1:25"\nencryption = "none"\nsender = "watchword@example.com"\n'
    with live(tmp_path, mail + '[accounts]\nsign_up = "invitation"\n', send_mail=send) as server:
        server.service("ops")
        server.user("hans")
        with asking(server, *BOTH) as admin:
            place, sent = f"{PLACE}/user:hans/reset-link", {"mail": True}
            assert problem(admin.post(place, json=sent)) == (409, "conflict")
            admin.post(f"{PLACE}/user:hans/address", json={"address": "hans@example.com"})
            assert admin.post(place, json=sent).json() == {"sent_to": "hans@example.com"}
            invited = admin.post("/admin/v1/invitations", json={"address": "new@example.com", **sent})
            assert (invited.status_code, invited.json()) == (201, {"sent_to": "new@example.com"})
            broken = admin.post("/admin/v1/invitations", json={"address": "broken@example.com", **sent})
            assert problem(broken) == (409, "conflict")
        token = letters[0].text.partition("?token=")[2].split()[0]
        with server.client() as http:
            assert http.post("/reset/new", json={"token": token, "password": OTHER}).status_code == 200
    assert [each.to for each in letters[:2]] == ["hans@example.com", "new@example.com"]


def test_where_no_mail_can_be_sent_none_is_promised(server: Live, admin: httpx2.Client) -> None:
    answer = admin.post("/admin/v1/invitations", json={"address": "ida@example.com", "mail": True})
    assert problem(answer) == (422, "invalid_fields")
