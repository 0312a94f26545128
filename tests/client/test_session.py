"""Judge the session client: cookies to one origin, a CSRF token on what changes something."""

import pytest

from tests.client.callers import Caller
from tests.client.server import PASSWORD, USER, Server
from watchword.client import AuthenticationFailed, SessionAuth
from watchword.codec.fields import read_cookie


def session(server: Server, password: str = PASSWORD) -> SessionAuth:
    return SessionAuth(server.url, USER, password)


@pytest.mark.parametrize("follow", [False, True])
def test_the_form_login_gives_cookies(caller: Caller, server: Server, follow: bool) -> None:
    asks = [("GET", f"{server.url}/whoami", {}), ("POST", f"{server.url}/orders", {"content": b"x"})]
    responses = caller.send_all(session(server), asks, follow_redirects=follow)
    assert [response.json() for response in responses] == [{"who": "s1"}] * 2
    assert server.api.asked["POST /login"] == 1


def test_only_unsafe_methods_carry_the_csrf_token(caller: Caller, server: Server) -> None:
    auth = session(server)
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert caller.send(auth, method, f"{server.url}/orders").status_code == 200
    sent = [request.fields.get(b"x-csrf-token") for request in server.api.seen if request.path == b"/orders"]
    assert sent == [None, b"t-s1", b"t-s1", b"t-s1"]


def test_the_callers_own_cookies_stay(caller: Caller, server: Server) -> None:
    auth = session(server)
    headers = {"Cookie": "theme=dark; session=stale"}
    assert caller.send(auth, "GET", f"{server.url}/whoami", headers=headers).json() == {"who": "s1"}
    sent = server.api.seen[-1].fields[b"cookie"]
    assert read_cookie(sent, b"theme") == b"dark"
    assert read_cookie(sent, b"old") is None


def test_a_401_logs_in_anew_once(caller: Caller, server: Server) -> None:
    auth = session(server)
    caller.send(auth, "GET", f"{server.url}/whoami")
    server.api.sessions.clear()
    assert caller.send(auth, "POST", f"{server.url}/orders", content=b"x").json() == {"who": "s2"}
    assert server.api.asked["POST /login"] == 2


def test_fifty_concurrent_requests_log_in_once(caller: Caller, server: Server) -> None:
    server.api.delay = 0.1
    responses = caller.at_once(session(server), f"{server.url}/whoami", 50)
    assert [response.status_code for response in responses] == [200] * 50
    assert server.api.asked["POST /login"] == 1


def test_cookies_go_to_their_origin_only(caller: Caller, server: Server, other: Server) -> None:
    auth = session(server)
    caller.send(auth, "GET", f"{server.url}/whoami")
    caller.send(auth, "POST", f"{other.url}/orders", content=b"x")
    sent = other.api.seen[0].fields
    assert b"cookie" not in sent
    assert b"x-csrf-token" not in sent


def test_a_refused_login_is_told_without_the_password(caller: Caller, server: Server) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        caller.send(session(server, "wr0ng-password"), "GET", f"{server.url}/whoami")
    assert caught.value.status == 401
    assert "wr0ng-password" not in str(caught.value) + repr(session(server, "wr0ng-password"))
