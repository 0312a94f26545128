"""The second step of a login: asked for by page and by JSON, bound to its browser, worth one login."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live
from tests.server.login.people import TOML, Person, hidden, options, submit, whoami

from watchword.model.credential import Kind

_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("mfa"), TOML) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as made:
        yield made


@pytest.fixture
def person(server: Live) -> Person:
    return Person(server, f"person{next(_numbers)}")


# --- programs ---------------------------------------------------------------------------------------------------------


def test_json_asks_for_a_second_factor_and_gives_tokens_for_it(client: httpx2.Client, person: Person) -> None:
    due = person.challenge(client)
    assert due["type"] == "urn:watchword:problem:mfa_required"
    assert due["factors"] == ["otp", "webauthn", "recovery"]
    answer = client.post("/login/mfa", json={"challenge": due["challenge"], "code": person.code()})
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"token", "token_type", "expires_in", "refresh_token"}
    who = whoami(client, answer.json())
    assert (who["factors"], who["scopes"]) == (["pwd", "otp", "mfa"], ["orders:read"])
    again = client.post("/login/mfa", json={"challenge": due["challenge"], "code": person.recovery[0]})
    assert again.status_code == 401, "a challenge is worth one login"


def test_json_takes_a_passkey(client: httpx2.Client, person: Person) -> None:
    due = person.challenge(client)
    answer = {"challenge": due["challenge"], "passkey": due["passkey"], "response": person.device.get(due["publicKey"])}
    given = client.post("/login/mfa", json=answer)
    assert given.status_code == 200, given.text
    assert whoami(client, given.json())["factors"] == ["pwd", "webauthn", "mfa"]


def test_json_takes_a_recovery_code_once(client: httpx2.Client, person: Person) -> None:
    code = person.recovery[0]
    first = client.post("/login/mfa", json={"challenge": person.challenge(client)["challenge"], "code": code})
    assert whoami(client, first.json())["factors"] == ["pwd", "recovery", "mfa"]
    second = client.post("/login/mfa", json={"challenge": person.challenge(client)["challenge"], "code": code})
    assert second.status_code == 401


def test_a_wrong_answer_may_be_followed_by_a_right_one(client: httpx2.Client, person: Person) -> None:
    due = person.challenge(client)
    wrong = client.post("/login/mfa", json={"challenge": due["challenge"], "code": "000000"})
    assert (wrong.status_code, wrong.json()["type"]) == (401, "urn:watchword:problem:unauthenticated")
    # A passkey's challenge is spent by a wrong answer: there is another for the asking.
    asked = client.post("/login/mfa", json={"challenge": due["challenge"]}).json()
    assert asked["passkey"] != due["passkey"]
    answer = {"passkey": asked["passkey"], "response": person.device.get(asked["publicKey"])}
    assert client.post("/login/mfa", json={"challenge": due["challenge"], **answer}).status_code == 200


def test_a_challenge_may_be_guessed_at_ten_times(client: httpx2.Client, person: Person) -> None:
    due = person.challenge(client)
    statuses = [
        client.post("/login/mfa", json={"challenge": due["challenge"], "passkey": "x", "response": {"id": "x"}})
        for _ in range(11)
    ]
    assert [each.status_code for each in statuses] == [401] * 10 + [429]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"challenge": 7, "code": "123456"},
        {"challenge": "wd_" + "0" * 36, "code": "123456"},
        {"challenge": "", "code": "123456"},
        {"challenge": "wd_x", "response": 1},
        {"challenge": "wd_x", "response": {"id": "x"}, "passkey": 1},
    ],
)
def test_what_is_no_answer_is_refused(client: httpx2.Client, body: dict) -> None:
    assert client.post("/login/mfa", json=body).status_code in (400, 401)


def test_who_does_not_know_the_password_is_not_told_that_a_factor_is_due(client: httpx2.Client, person: Person) -> None:
    wrong = person.log_in(client, "wrong wrong wrong")
    unknown = client.post("/login", json={"username": "nobody at all", "password": "wrong wrong wrong"})
    assert wrong.status_code == unknown.status_code == 401
    same = [{**answer.json(), "reference": ""} for answer in (wrong, unknown)]
    assert same[0] == same[1]


def test_a_challenge_ends_with_the_password(server: Live, client: httpx2.Client, person: Person) -> None:
    due = person.challenge(client)
    lifecycle = server.watchword.lifecycle
    server.do(lifecycle.revoke(person.password, reason="changed", by="test"))
    answer = client.post("/login/mfa", json={"challenge": due["challenge"], "code": person.code()})
    assert answer.status_code == 401


def test_a_challenge_ends_with_the_account(server: Live, client: httpx2.Client, person: Person) -> None:
    due = person.challenge(client)
    server.do(server.watchword.lifecycle.set_enabled(person.subject, False, by="test"))
    answer = client.post("/login/mfa", json={"challenge": due["challenge"], "code": person.code()})
    assert answer.status_code == 401


def test_a_hundred_answers_at_once_are_worth_one_login(server: Live, person: Person) -> None:
    with server.client() as first:
        due = person.challenge(first)
    code = person.code()

    def one(_: int) -> int:
        with server.client(timeout=60) as each:
            return each.post("/login/mfa", json={"challenge": due["challenge"], "code": code}).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(one, range(100)))
    assert statuses.count(200) == 1, statuses
    families = server.do(server.watchword.store.credentials(kind=Kind.REFRESH, subject=person.subject))
    assert len(families) == 1


# --- browsers ---------------------------------------------------------------------------------------------------------


def begun(client: httpx2.Client, person: Person, next: str = "") -> httpx2.Response:
    page = submit(client, client.get("/login"), "/login", username=person.name, password=PASSWORD, next=next)
    assert (page.status_code, page.headers["location"]) == (303, "/login/mfa")
    assert client.get("/whoami").status_code == 401, "no session before the second step"
    return client.get("/login/mfa")


def test_a_browser_is_led_to_the_second_step(client: httpx2.Client, person: Person) -> None:
    page = begun(client, person, "/orders/7")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    done = submit(client, page, "/login/mfa", code=person.code())
    assert (done.status_code, done.headers["location"]) == (303, "/orders/7")
    assert client.get("/whoami").json()["factors"] == ["pwd", "otp", "mfa"]
    assert "ceremony" not in dict(client.cookies)


def test_a_browser_may_use_a_passkey(client: httpx2.Client, person: Person) -> None:
    page = begun(client, person)
    response = person.device.get(options(page))
    done = submit(client, page, "/login/mfa", passkey=hidden(page, "passkey"), response=json.dumps(response))
    assert done.status_code == 303
    assert client.get("/whoami").json()["factors"] == ["pwd", "webauthn", "mfa"]


def test_a_wrong_code_shows_the_page_again(client: httpx2.Client, person: Person) -> None:
    page = begun(client, person)
    again = submit(client, page, "/login/mfa", code="000000")
    assert again.status_code == 401
    assert "Try again" in again.text
    assert submit(client, again, "/login/mfa", code=person.code()).status_code == 303


def test_a_ceremony_does_not_leave_its_browser(server: Live, client: httpx2.Client, person: Person) -> None:
    begun(client, person)
    handle = client.cookies["ceremony"]
    with server.client() as other:
        page = other.get("/login")
        other.cookies.set("ceremony", handle)
        assert other.get("/login/mfa").headers["location"] == "/login"
        stolen = submit(other, page, "/login/mfa", code=person.code())
        assert stolen.headers["location"] == "/login"
        assert other.get("/whoami").status_code == 401
        program = other.post("/login/mfa", json={"challenge": handle, "code": person.code()})
        assert program.status_code == 401, "nor is it a program's"


def test_another_site_cannot_send_the_form(client: httpx2.Client, person: Person) -> None:
    page = begun(client, person)
    form = {"csrf_token": hidden(page), "code": person.code()}
    foreign = client.post("/login/mfa", data=form, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    without = client.post("/login/mfa", data={"code": person.code()}, headers={"origin": str(client.base_url)})
    assert without.status_code == 403


def test_who_comes_without_a_ceremony_begins_again(client: httpx2.Client) -> None:
    assert client.get("/login/mfa").headers["location"] == "/login"


def test_nobody_is_asked_where_the_settings_say_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("off"), TOML + 'required = "off"\n') as server, server.client() as client:
        person = Person(server, "alice")
        given = person.log_in(client)
        assert given.status_code == 200
        assert whoami(client, given.json())["factors"] == ["pwd"]


def test_a_step_up_of_a_token_is_no_way_to_a_session(server: Live, client: httpx2.Client, person: Person) -> None:
    """A stolen access token and a password, or one code, would be worth a whole session with all its factors."""
    given = person.tokens(client)
    due = client.post("/login/step-up", json={}, headers={"authorization": f"Bearer {given['token']}"}).json()
    assert due["challenge"]
    with server.client() as thief:
        for proof in ({"password": PASSWORD}, {"code": person.recovery[0]}):
            cookie = {"cookie": f"ceremony={due['challenge']}"}
            answer = thief.post("/login/mfa", data=proof, headers=cookie)
            assert (answer.status_code, answer.headers.get("location")) == (303, "/login")
            assert "set-cookie" not in answer.headers
    answer = client.post("/login/mfa", json={"challenge": due["challenge"], "code": person.recovery[0]})
    assert answer.status_code == 200, "nothing is spent"
