"""A passkey alone logs in: one click, no name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.login.people import TOML, Person, submit, whoami

from watchword.model.credential import Kind

_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("passkey"), TOML) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as made:
        yield made


@pytest.fixture
def person(server: Live) -> Person:
    return Person(server, f"holder{next(_numbers)}", app=False)


def asked(client: httpx2.Client) -> dict:
    answer = client.post("/login/passkey", json={})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_json_gives_tokens(client: httpx2.Client, person: Person) -> None:
    begun = asked(client)
    assert (begun["publicKey"]["allowCredentials"], begun["publicKey"]["userVerification"]) == ([], "required")
    answer = {"passkey": begun["passkey"], "response": person.device.get(begun["publicKey"])}
    given = client.post("/login/passkey", json=answer)
    assert given.status_code == 200, given.text
    who = whoami(client, given.json())
    assert (who["subject"], who["factors"], who["scopes"]) == (person.subject, ["webauthn", "mfa"], ["orders:read"])
    assert client.post("/login/passkey", json=answer).status_code == 401, "a challenge is good once"


def test_a_browser_gets_a_session(client: httpx2.Client, person: Person) -> None:
    page = client.get("/login?next=/orders/7")
    assert 'data-webauthn="get"' in page.text
    begun = asked(client)
    response = json.dumps(person.device.get(begun["publicKey"]))
    done = submit(client, page, "/login/passkey", passkey=begun["passkey"], response=response, next="/orders/7")
    assert (done.status_code, done.headers["location"]) == (303, "/orders/7")
    assert client.get("/whoami").json()["factors"] == ["webauthn", "mfa"]


def test_another_site_cannot_log_a_browser_in(client: httpx2.Client, person: Person) -> None:
    begun = asked(client)
    form = {"passkey": begun["passkey"], "response": json.dumps(person.device.get(begun["publicKey"]))}
    assert client.post("/login/passkey", data=form, headers={"origin": "https://evil.example"}).status_code == 403
    client.get("/login")
    assert client.post("/login/passkey", data=form, headers={"sec-fetch-site": "same-site"}).status_code == 403
    assert client.get("/whoami").status_code == 401


def test_an_authenticator_that_did_not_verify_its_user_is_one_factor_only(
    client: httpx2.Client, person: Person
) -> None:
    begun = asked(client)
    person.device.verifies = False
    answer = {"passkey": begun["passkey"], "response": person.device.get(begun["publicKey"])}
    assert client.post("/login/passkey", json=answer).status_code == 401


def test_a_disabled_account_has_no_passkey(server: Live, client: httpx2.Client, person: Person) -> None:
    server.do(server.watchword.lifecycle.set_enabled(person.subject, False, by="test"))
    begun = asked(client)
    answer = {"passkey": begun["passkey"], "response": person.device.get(begun["publicKey"])}
    assert client.post("/login/passkey", json=answer).status_code == 401


def test_where_the_password_may_not_be_used_the_passkey_may_not_either(server: Live, client: httpx2.Client) -> None:
    person = Person(server, f"holder{next(_numbers)}", app=False)
    lifecycle = server.watchword.lifecycle
    server.do(lifecycle.revoke(person.password, reason="bound", by="test"))
    server.issue(Kind.PASSWORD, person.subject, networks=["192.0.2.0/24"], options={"password": "x" * 20})
    begun = asked(client)
    answer = {"passkey": begun["passkey"], "response": person.device.get(begun["publicKey"])}
    assert client.post("/login/passkey", json=answer).status_code == 403


@pytest.mark.parametrize(
    "body", ['{"passkey": "wd_x"}', '{"passkey": 1, "response": {}}', "[]", "", '{"response": {}}']
)
def test_what_is_no_answer_is_refused(client: httpx2.Client, body: str) -> None:
    answer = client.post("/login/passkey", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_a_challenge_answered_a_hundred_times_at_once_is_worth_one_login(server: Live, person: Person) -> None:
    with server.client() as first:
        begun = asked(first)
    answer = {"passkey": begun["passkey"], "response": person.device.get(begun["publicKey"])}

    def one(_: int) -> int:
        with server.client(timeout=60) as each:
            return each.post("/login/passkey", json=answer).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(one, range(100)))
    assert statuses.count(200) == 1, statuses


def test_an_address_gets_only_so_many_challenges(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("many"), TOML) as server, server.client() as client:
        began, given = time.monotonic(), 0
        while client.post("/login/passkey", json={}).status_code == 200:
            given += 1
        assert 120 <= given <= 121 + 2 * (time.monotonic() - began)
        assert time.monotonic() - began < 60


def test_the_script_is_served(client: httpx2.Client) -> None:
    answer = client.get("/static/webauthn.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "navigator.credentials" in answer.text
