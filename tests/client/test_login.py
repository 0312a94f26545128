"""Judge the login client: one login for all, refreshed in time, never to another origin."""

import time
from collections.abc import Callable, Sequence

import pytest

from tests.client.callers import Caller
from tests.client.server import PASSWORD, USER, Server
from watchword.client import AuthenticationFailed, LoginAuth


def login(server: Server, password: str = PASSWORD) -> LoginAuth:
    return LoginAuth(server.url, USER, password)


def test_one_login_serves_many_requests(caller: Caller, server: Server) -> None:
    asks = [("GET", f"{server.url}/whoami", {})] * 3
    assert [response.json() for response in caller.send_all(login(server), asks)] == [{"who": "t1"}] * 3
    assert server.api.asked["POST /login"] == 1


def test_fifty_concurrent_requests_log_in_once(caller: Caller, server: Server) -> None:
    server.api.delay = 0.1
    responses = caller.at_once(login(server), f"{server.url}/whoami", 50)
    assert [response.status_code for response in responses] == [200] * 50
    assert server.api.asked["POST /login"] == 1


def test_fifty_concurrent_requests_refresh_once(caller: Caller, server: Server) -> None:
    auth = login(server)
    caller.send(auth, "GET", f"{server.url}/whoami")
    server.api.tokens.clear()
    server.api.delay = 0.1
    responses = caller.at_once(auth, f"{server.url}/whoami", 50)
    assert [response.status_code for response in responses] == [200] * 50
    assert (server.api.asked["POST /login"], server.api.asked["POST /refresh"]) == (1, 1)


def test_fifty_concurrent_requests_try_a_wrong_password_once(caller: Caller, server: Server) -> None:
    auth = login(server, "wrong")
    server.api.waits_for = lambda: len(auth._turn._queue) == 49  # who comes after the refusal may well try again
    outcomes = caller.at_once(auth, f"{server.url}/whoami", 50)
    assert {type(outcome) for outcome in outcomes} == {AuthenticationFailed}
    assert {outcome.status for outcome in outcomes} == {401}
    assert server.api.asked["POST /login"] == 1
    assert server.api.asked["GET /whoami"] == 0


def test_the_token_is_refreshed_before_it_ends(caller: Caller, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = login(server)
    server.api.expires_in = 100
    caller.send(auth, "GET", f"{server.url}/whoami")
    start = time.monotonic()
    monkeypatch.setattr("watchword.client.login.time.monotonic", lambda: start + 89)
    assert caller.send(auth, "GET", f"{server.url}/whoami").json() == {"who": "t1"}
    monkeypatch.setattr("watchword.client.login.time.monotonic", lambda: start + 91)
    assert caller.send(auth, "GET", f"{server.url}/whoami").json() == {"who": "t2"}
    assert (server.api.asked["POST /login"], server.api.asked["POST /refresh"]) == (1, 1)
    assert server.api.asked["GET /whoami"] == 3, "no request had to be refused first"


def test_a_refused_unsafe_request_is_sent_once_more_with_its_body(caller: Caller, server: Server) -> None:
    auth = login(server)
    caller.send(auth, "GET", f"{server.url}/whoami")
    server.api.tokens.clear()
    response = caller.send(auth, "POST", f"{server.url}/orders", content=b'{"n":1}')
    assert response.status_code == 200
    assert [request.body for request in server.api.seen if request.path == b"/orders"] == [b'{"n":1}'] * 2


def test_a_second_401_is_final(caller: Caller, server: Server) -> None:
    auth = login(server)
    caller.send(auth, "GET", f"{server.url}/whoami")
    server.api.refuse_all = True
    assert caller.send(auth, "GET", f"{server.url}/whoami").status_code == 401
    assert server.api.asked["GET /whoami"] == 3


def test_a_refused_refresh_is_followed_by_a_login(caller: Caller, server: Server) -> None:
    auth = login(server)
    caller.send(auth, "GET", f"{server.url}/whoami")
    server.api.tokens.clear()
    server.api.refresh.clear()
    assert caller.send(auth, "GET", f"{server.url}/whoami").status_code == 200
    assert (server.api.asked["POST /refresh"], server.api.asked["POST /login"]) == (1, 2)


def test_a_busy_refresh_does_not_cost_a_token_that_still_holds(
    caller: Caller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = login(server)
    server.api.expires_in = 100
    caller.send(auth, "GET", f"{server.url}/whoami")
    start = time.monotonic()
    monkeypatch.setattr("watchword.client.login.time.monotonic", lambda: start + 92)
    server.api.refuse_refresh = 503
    assert caller.send(auth, "GET", f"{server.url}/whoami").json() == {"who": "t1"}
    server.api.refuse_refresh = 0
    monkeypatch.setattr("watchword.client.login.time.monotonic", lambda: start + 98)
    assert caller.send(auth, "GET", f"{server.url}/whoami").status_code == 200
    assert (server.api.asked["POST /refresh"], server.api.asked["POST /login"]) == (2, 1)


def test_a_due_second_factor_is_told(caller: Caller, server: Server) -> None:
    server.api.refuse_login = 403
    with pytest.raises(AuthenticationFailed) as caught:
        caller.send(login(server), "GET", f"{server.url}/whoami")
    assert (caught.value.status, caught.value.type) == (403, "mfa_required")


def test_no_secret_is_in_a_failure_or_a_repr(caller: Caller, server: Server) -> None:
    auth = login(server, "wr0ng-password")
    with pytest.raises(AuthenticationFailed) as caught:
        caller.send(auth, "GET", f"{server.url}/whoami")
    assert "wr0ng-password" not in repr(caught.value) + str(caught.value) + repr(auth)


def test_another_origin_gets_neither_token_nor_login(caller: Caller, server: Server, other: Server) -> None:
    auth = login(server)
    host = other.url.removeprefix("http://")
    urls = (f"{server.url}/whoami", f"{other.url}/whoami", f"http://user@{host}/whoami")
    caller.send_all(auth, [("GET", url, {}) for url in urls])
    assert [b"authorization" in request.fields for request in other.api.seen] == [False, False]
    assert other.api.asked["POST /login"] == 0


def test_a_request_behind_a_redirect_is_not_sent_twice(caller: Caller, server: Server) -> None:
    auth = login(server)
    caller.send(auth, "GET", f"{server.url}/whoami")
    server.api.tokens.clear()
    (response,) = caller.send_all(auth, [("POST", f"{server.url}/moved", {"content": b"x"})], follow_redirects=True)
    assert response.status_code == 401
    assert server.api.asked["POST /moved"] == 1, "the POST was answered, so it must not be repeated"


@pytest.mark.parametrize("url", ["", "/login", "ftp://x", "file:///etc/passwd", "http://"])
def test_a_base_url_is_absolute(url: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        LoginAuth(url, USER, PASSWORD)


def test_a_second_factor_is_asked_of_whoever_can_give_it(caller: Caller, server: Server) -> None:
    server.api.second_factor = "123456"
    asked: list[list[str]] = []

    def code(factors: Sequence[str]) -> str:
        asked.append(list(factors))
        return "123456"

    auth = LoginAuth(server.url, USER, PASSWORD, second_factor=code)
    assert caller.send(auth, "GET", f"{server.url}/whoami").json() == {"who": "t1"}
    assert asked == [["otp", "recovery"]]


@pytest.mark.parametrize(
    ("answer", "status"), [(None, 403), (lambda factors: None, 403), (lambda factors: "000000", 401)]
)
def test_without_a_right_answer_there_is_no_login(
    caller: Caller, server: Server, answer: Callable[[Sequence[str]], str | None] | None, status: int
) -> None:
    server.api.second_factor = "123456"
    auth = LoginAuth(server.url, USER, PASSWORD, second_factor=answer)
    with pytest.raises(AuthenticationFailed) as failed:
        caller.send(auth, "GET", f"{server.url}/whoami")
    assert failed.value.status == status


def test_a_device_that_logged_in_says_so_at_the_next_login(caller: Caller, server: Server) -> None:
    server.api.second_factor = "123456"
    auth = LoginAuth(server.url, USER, PASSWORD, second_factor=lambda factors: "123456")
    for _ in range(2):
        caller.send(auth, "GET", f"{server.url}/whoami")
        server.api.tokens.clear()
        server.api.refresh.clear()
    logins = [request for request in server.api.seen if request.path == b"/login"]
    assert [request.fields.get(b"cookie") for request in logins] == [None, b"device=dv_1"]
