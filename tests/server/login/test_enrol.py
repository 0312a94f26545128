"""Where a second factor is required, who has none sets one up on the way in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import count

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live
from tests.server.login.people import TOML, Person, hidden, submit

from watchword.codec.otp import Totp
from watchword.model.credential import Kind

_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("enrol"), TOML + 'required = "required"\n') as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as made:
        yield made


@pytest.fixture
def person(server: Live) -> Person:
    return Person(server, f"novice{next(_numbers)}", app=False, passkey=False)


def begun(client: httpx2.Client, person: Person) -> httpx2.Response:
    page = submit(client, client.get("/login"), "/login", username=person.name, password=PASSWORD, next="/orders")
    assert (page.status_code, page.headers["location"]) == (303, "/login/enrol")
    assert client.get("/whoami").status_code == 401
    return client.get("/login/enrol")


def code(page: httpx2.Response) -> str:
    secret = re.search(r"<code[^>]*>([A-Z2-7]{16,})</code>", page.text)
    assert secret is not None
    return Totp(secret[1]).code(int(time.time()) // 30)


def test_two_screens_and_the_person_is_in(client: httpx2.Client, person: Person, server: Live) -> None:
    page = begun(client, person)
    assert "<svg" in page.text
    done = submit(client, page, "/login/enrol", draft=hidden(page, "draft"), code=code(page))
    assert done.status_code == 200
    codes = re.findall(r"<code[^>]*>([0-9a-z-]{19})</code>", done.text)
    assert len(codes) == 10
    assert 'href="/orders"' in done.text
    assert client.get("/whoami").json()["factors"] == ["pwd", "otp", "mfa"]
    with server.client() as other:
        due = person.challenge(other)
        answer = other.post("/login/mfa", json={"challenge": due["challenge"], "code": codes[0]})
        assert answer.status_code == 200, "from now on it is asked for"


def test_a_wrong_code_shows_the_same_picture_again(client: httpx2.Client, person: Person) -> None:
    page = begun(client, person)
    again = submit(client, page, "/login/enrol", draft=hidden(page, "draft"), code="000000")
    assert again.status_code == 401
    assert hidden(again, "draft") == hidden(page, "draft")
    done = submit(client, again, "/login/enrol", draft=hidden(again, "draft"), code=code(again))
    assert done.status_code == 200


def test_the_way_there_gives_no_session_and_proves_no_second_factor(client: httpx2.Client, person: Person) -> None:
    page = begun(client, person)
    assert client.get("/login/mfa").headers["location"] == "/login"
    assert client.get("/").headers["location"] == "/login"
    skipped = client.post("/login/mfa", data={"csrf_token": hidden(page), "code": code(page)})
    assert skipped.headers["location"] == "/login"
    assert client.get("/whoami").status_code == 401


def test_a_ceremony_does_not_leave_its_browser(client: httpx2.Client, person: Person, server: Live) -> None:
    begun(client, person)
    with server.client() as other:
        other.cookies.set("ceremony", client.cookies["ceremony"])
        assert other.get("/login/enrol").headers["location"] == "/login"


def test_a_program_is_told_where_to_go(client: httpx2.Client, person: Person) -> None:
    answer = person.log_in(client)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:watchword:problem:enrolment_required"
    assert "challenge" not in answer.json()


def test_a_service_has_no_app_to_set_up(client: httpx2.Client, server: Live) -> None:
    server.issue(Kind.PASSWORD, server.service("batch"), options={"password": PASSWORD})
    answer = client.post("/login", json={"username": "batch", "password": PASSWORD})
    assert answer.status_code == 200


def test_who_has_a_factor_by_now_is_given_none_by_another(client: httpx2.Client, person: Person, server: Live) -> None:
    """Who knows the password keeps a ceremony from before, and waits until the owner has set up an app."""
    with server.client() as thief:
        stolen = begun(thief, person)
        page = begun(client, person)
        assert submit(client, page, "/login/enrol", draft=hidden(page, "draft"), code=code(page)).status_code == 200
        (own,) = server.do(server.watchword.store.credentials(kind=Kind.TOTP, subject=person.subject))
        answer = submit(thief, stolen, "/login/enrol", draft=hidden(stolen, "draft"), code=code(stolen))
        assert (answer.status_code, answer.headers.get("location")) == (303, "/login")
        assert thief.get("/login/enrol").headers["location"] == "/login"
        assert thief.get("/whoami").status_code == 401
    assert server.do(server.watchword.store.credentials(kind=Kind.TOTP, subject=person.subject)) == [own]


@pytest.mark.parametrize("how", ["password", "account"])
def test_a_password_that_ended_enrols_nothing(client: httpx2.Client, person: Person, server: Live, how: str) -> None:
    page = begun(client, person)
    if how == "password":
        server.do(server.watchword.lifecycle.revoke(person.password, reason="test", by="test"))
    else:
        server.do(server.watchword.lifecycle.set_enabled(person.subject, False, by="test"))
    answer = submit(client, page, "/login/enrol", draft=hidden(page, "draft"), code=code(page))
    assert (answer.status_code, answer.headers.get("location")) == (303, "/login")
    assert client.get("/login/enrol").headers["location"] == "/login"
    assert not server.do(server.watchword.store.credentials(kind=Kind.TOTP, subject=person.subject))


def test_one_way_in_is_worth_one_app(client: httpx2.Client, person: Person, server: Live) -> None:
    first = begun(client, person)
    second = client.get("/login/enrol")
    answers = []
    for page in (first, second):
        again = {"draft": hidden(page, "draft"), "code": code(page)}
        answers.append(submit(client, page, "/login/enrol", **again).status_code)
    assert answers == [200, 303]
    assert len(server.do(server.watchword.store.credentials(kind=Kind.TOTP, subject=person.subject))) == 1


def test_only_so_many_drafts_are_kept(client: httpx2.Client, person: Person) -> None:
    begun(client, person)
    assert 429 in (client.get("/login/enrol").status_code for _ in range(1000))
