"""Prove more: a session gets another id, a token family stronger tokens (RFC 9470)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx2
import pytest
from tests.server.live import PASSWORD, Live, live
from tests.server.login.people import TOML, Person, hidden, submit, whoami

from watchword.model.credential import Kind
from watchword.schemes.session import PLAIN_COOKIE

ROUTES = """
[[route]]
path = "/transfer"
accept = "session | jwt"
factors = ["otp"]
within = "5m"
[[route]]
path = "/keys"
accept = "session | jwt"
factors = ["webauthn"]
within = "5m"
[[route]]
path = "/free"
accept = "session | jwt"
"""
_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("step-up"), TOML + ROUTES) as running:
        yield running


@pytest.fixture
def client(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as made:
        yield made


@pytest.fixture
def person(server: Live) -> Person:
    return Person(server, f"climber{next(_numbers)}")


def check(client: httpx2.Client, path: str, **headers: str) -> httpx2.Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get("/check" + path, headers=headers)


def bearer(given: dict) -> dict[str, str]:
    return {"authorization": f"Bearer {given['token']}"}


# --- programs ---------------------------------------------------------------------------------------------------------


def test_a_token_is_told_what_is_wanted_steps_up_and_is_let_in(client: httpx2.Client, person: Person) -> None:
    due = person.challenge(client)
    answer = {"passkey": due["passkey"], "response": person.device.get(due["publicKey"])}
    given = client.post("/login/mfa", json={"challenge": due["challenge"], **answer}).json()
    assert check(client, "/keys", **bearer(given)).status_code == 200
    refused = check(client, "/transfer", **bearer(given))
    assert refused.status_code == 401
    challenge = refused.headers["www-authenticate"]
    for part in ('error="insufficient_user_authentication"', 'acr_values="aal2"', 'max_age="300"', 'factors="otp"'):
        assert part in challenge
    asked = client.post("/login/step-up", json={"factors": ["otp"]}, headers=bearer(given))
    assert (asked.status_code, asked.json()["factors"]) == (403, ["otp"])
    raised = client.post("/login/mfa", json={"challenge": asked.json()["challenge"], "code": person.code()})
    assert raised.json().keys() == {"token", "token_type", "expires_in"}
    assert check(client, "/transfer", **bearer(raised.json())).status_code == 200
    who = whoami(client, raised.json())
    assert (who["credential"], who["factors"]) == (
        whoami(client, given)["credential"],
        ["pwd", "webauthn", "otp", "mfa"],
    )
    refreshed = client.post("/refresh", json={"refresh_token": given["refresh_token"]})
    assert check(client, "/transfer", **bearer(refreshed.json())).status_code == 200


def test_a_password_may_be_what_is_proved_anew(client: httpx2.Client, server: Live) -> None:
    person = Person(server, f"climber{next(_numbers)}", app=False, passkey=False)
    given = person.log_in(client).json()
    asked = client.post("/login/step-up", json={}, headers=bearer(given)).json()
    assert asked["factors"] == ["pwd"]
    wrong = client.post("/login/mfa", json={"challenge": asked["challenge"], "password": "wrong wrong wrong"})
    assert wrong.status_code == 401
    raised = client.post("/login/mfa", json={"challenge": asked["challenge"], "password": PASSWORD})
    assert raised.status_code == 200
    assert client.post("/login/step-up", json={"factors": ["otp"]}, headers=bearer(given)).status_code == 401


def test_only_a_login_of_ours_steps_up(client: httpx2.Client, person: Person, server: Live) -> None:
    assert client.post("/login/step-up", json={}).status_code == 401
    key = server.issue(Kind.API_KEY, person.subject).material["secret"]
    assert client.post("/login/step-up", json={}, headers={"authorization": f"Bearer {key}"}).status_code == 401


@pytest.mark.parametrize("factors", ["hwk", ["hwk"], [1], {"otp": 1}, 7, ["otp"] * 1 + ["<b>"]])
def test_what_is_no_factor_of_ours_is_malformed(client: httpx2.Client, person: Person, factors: object) -> None:
    given = person.tokens(client)
    answer = client.post("/login/step-up", json={"factors": factors}, headers=bearer(given))
    assert answer.status_code == 400


# --- browsers ---------------------------------------------------------------------------------------------------------


def test_a_person_is_led_to_prove_more_and_back(client: httpx2.Client, person: Person) -> None:
    person.session(client)
    assert check(client, "/free").status_code == 200
    refused = check(client, "/transfer", accept="text/html")
    assert refused.status_code == 401
    assert refused.headers["location"] == "/login/step-up?factors=otp&next=/transfer"
    page = client.get(refused.headers["location"])
    done = submit(client, page, "/login/step-up", **fields(page), code=person.code())
    assert (done.status_code, done.headers["location"]) == (303, "/transfer")
    assert check(client, "/transfer", accept="text/html").status_code == 200
    assert client.get("/whoami").json()["factors"] == ["pwd", "recovery", "otp", "mfa"]


def fields(page: httpx2.Response) -> dict[str, str]:
    return {name: hidden(page, name) for name in ("challenge", "factors", "next")}


def test_cve_2022_25896_the_session_has_another_id_afterwards(
    client: httpx2.Client, person: Person, server: Live
) -> None:
    old = person.session(client)
    cookie = client.cookies[PLAIN_COOKIE]
    page = client.get("/login/step-up?next=/")
    submit(client, page, "/login/step-up", **fields(page), code=person.code())
    new = client.get("/whoami").json()["credential"]
    assert new != old
    with server.client() as thief:
        thief.cookies.set(PLAIN_COOKIE, cookie)
        assert thief.get("/whoami").status_code == 401, "who had fixed or stolen the old one has nothing"
    records = {each: server.do(server.watchword.store.credential(each)) for each in (old, new)}
    assert records[old].replaced_by == new
    assert records[new].expires_at == records[old].expires_at, "it is no new login"


def test_a_session_fixed_before_the_login_is_worth_nothing(client: httpx2.Client, person: Person, server: Live) -> None:
    attacker = Person(server, f"climber{next(_numbers)}")
    with server.client() as other:
        attacker.session(other)
        client.cookies.set(PLAIN_COOKIE, other.cookies[PLAIN_COOKIE], domain="127.0.0.1")
        mine = person.session(client)
        assert client.get("/whoami").json()["subject"] == person.subject
        assert server.do(server.watchword.store.credential(mine)).subject == person.subject
        assert other.get("/whoami").status_code == 401, "the planted session ended with the login"


def test_a_step_up_of_one_session_is_none_of_another(client: httpx2.Client, person: Person, server: Live) -> None:
    person.session(client)
    page = client.get("/login/step-up?next=/")
    with server.client() as other:
        person.session(other)
        mine = other.get("/login/step-up?next=/")
        stolen = {**fields(mine), "challenge": hidden(page, "challenge")}
        assert submit(other, mine, "/login/step-up", **stolen, code=person.code()).status_code == 401


def test_another_site_cannot_step_a_browser_up(client: httpx2.Client, person: Person) -> None:
    person.session(client)
    page = client.get("/login/step-up?next=/")
    form = {**fields(page), "code": person.code()}
    assert client.post("/login/step-up", data=form).status_code == 403
    form["csrf_token"] = hidden(page)
    assert client.post("/login/step-up", data=form, headers={"origin": "https://evil.example"}).status_code == 403


def test_wrong_proofs_show_the_page_again(client: httpx2.Client, person: Person) -> None:
    person.session(client)
    page = client.get("/login/step-up?factors=otp&next=/transfer")
    again = submit(client, page, "/login/step-up", **fields(page), code="000000")
    assert again.status_code == 401
    assert fields(again)["next"] == "/transfer"
    assert submit(client, again, "/login/step-up", **fields(again), code=person.code()).status_code == 303


def test_a_password_is_a_proof_too(client: httpx2.Client, person: Person) -> None:
    old = person.session(client)
    page = client.get("/login/step-up?next=/")
    wrong = submit(client, page, "/login/step-up", **fields(page), password="wrong wrong wrong")
    assert wrong.status_code == 401
    assert submit(client, wrong, "/login/step-up", **fields(wrong), password=PASSWORD).status_code == 303
    assert client.get("/whoami").json()["credential"] != old


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_the_way_back_stays_here(client: httpx2.Client, person: Person, next: str) -> None:
    person.session(client)
    page = client.get("/login/step-up", params={"next": next})
    assert hidden(page, "next") == "/"
    done = submit(client, page, "/login/step-up", **{**fields(page), "next": next}, code=person.code())
    assert done.headers["location"] == "/"


def test_who_is_not_signed_in_signs_in(client: httpx2.Client) -> None:
    assert client.get("/login/step-up").headers["location"] == "/login"
    assert client.get("/login/step-up?next=/orders%3Fa").headers["location"] == "/login?next=%2Forders%3Fa"
    assert client.get("/login/step-up?next=//evil.example").headers["location"] == "/login"
    late = client.post("/login/step-up", data={"next": "/orders", "code": "123456"})
    assert (late.status_code, late.headers["location"]) == (303, "/login?next=%2Forders")


def test_what_is_not_enrolled_is_said_so(client: httpx2.Client, server: Live) -> None:
    person = Person(server, f"climber{next(_numbers)}", app=False, passkey=False)
    person.session(client)
    assert "not set up" in client.get("/login/step-up?factors=webauthn").text


def test_a_hundred_proofs_at_once_make_one_session(client: httpx2.Client, person: Person, server: Live) -> None:
    person.session(client)
    page = client.get("/login/step-up?next=/")
    form = {"csrf_token": hidden(page), **fields(page), "password": PASSWORD}
    cookies = "; ".join(f"{name}={value}" for name, value in dict(client.cookies).items())

    def one(_: int) -> bool:
        with server.client(timeout=60) as each:
            answer = each.post("/login/step-up", data=form, headers={"cookie": cookies})
            return f"{PLAIN_COOKIE}=ws_" in answer.headers.get("set-cookie", "")

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(one, range(100))) == 1
    sessions = server.do(server.watchword.store.credentials(kind=Kind.SESSION, subject=person.subject))
    assert len([each for each in sessions if each.revoked_at is None]) == 1
    assert len(sessions) == 2


def test_who_is_logged_in_begins_only_so_many_step_ups(server: Live, client: httpx2.Client, person: Person) -> None:
    """Each is kept for ten minutes: anybody with an account could fill the store. A busy machine asks more slowly."""
    person.session(client)
    assert 429 in (client.get("/login/step-up").status_code for _ in range(1000))
    headers = {"authorization": f"Bearer {person.tokens(client)['token']}"}
    with server.client() as program:
        asked = (program.post("/login/step-up", json={}, headers=headers).status_code for _ in range(1000))
        assert 429 in asked
