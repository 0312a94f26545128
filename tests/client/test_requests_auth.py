"""Judge what is particular to requests: hooks, history, its own session."""

import pytest
import requests

from tests.client.server import PASSWORD, USER, Server
from watchword.client import AuthenticationFailed, BasicAuth, LoginAuth, SignatureAuth
from watchword.client.requests_auth import _sending


def prepared(method: str, url: str, **options: object) -> requests.PreparedRequest:
    return requests.Request(method, url, **options).prepare()  # type: ignore[arg-type]


def test_host_is_what_http_client_sends() -> None:
    assert _sending(prepared("GET", "http://h:80/x")).host == b"h"
    assert _sending(prepared("GET", "https://h:443/x")).host == b"h"
    assert _sending(prepared("GET", "https://h:80/x")).host == b"h:80"
    assert _sending(prepared("GET", "http://[::1]:8080/x")).host == b"[::1]:8080"
    assert _sending(prepared("GET", "http://bücher.example/")).host == b"xn--bcher-kva.example"
    assert _sending(prepared("GET", "http://h/", headers={"Host": "other:1"})).host == b"other:1"


def test_bodies_are_bytes_or_unknown() -> None:
    assert _sending(prepared("POST", "http://h/", data="ü".encode())).body == "ü".encode()
    assert _sending(prepared("POST", "http://h/", data={"a": "1"})).body == b"a=1"
    assert _sending(prepared("GET", "http://h/")).body == b""
    assert _sending(prepared("POST", "http://h/", data=iter([b"x"]))).body is None


def test_a_repeated_request_is_in_the_history(server: Server) -> None:
    auth = LoginAuth(server.url, USER, PASSWORD)
    requests.get(f"{server.url}/whoami", auth=auth.requests, timeout=10)
    server.api.tokens.clear()
    response = requests.get(f"{server.url}/whoami", auth=auth.requests, timeout=10)
    assert (response.status_code, [old.status_code for old in response.history]) == (200, [401])


def test_logins_follow_no_redirect_and_keep_no_cookie(server: Server, other: Server) -> None:
    auth = LoginAuth(server.url, USER, PASSWORD)
    server.api.refuse_login, server.api.location = 307, f"{other.url}/login"
    with pytest.raises(AuthenticationFailed) as caught:
        requests.get(f"{server.url}/whoami", auth=auth.requests, timeout=10)
    assert caught.value.status == 307
    assert not auth.requests.session.cookies
    assert other.api.seen == []


def test_reprs_hold_no_secret() -> None:
    assert repr(BasicAuth(USER, PASSWORD).requests) == "BasicAuth().requests"
    assert repr(SignatureAuth("hk_live_1", "hs_live_1").requests) == "SignatureAuth('hk_live_1', profile='v1').requests"
