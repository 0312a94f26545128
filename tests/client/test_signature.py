"""Judge the signing client by the scheme itself: what is sent is what was signed."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client.callers import Caller
from tests.client.server import Server
from tests.schemes.signed_requests import CONCAT_ID, KEY_ID, SECRET
from watchword.client import SignatureAuth
from watchword.client.transport import Sending
from watchword.codec.fields import render_date


@pytest.fixture(autouse=True)
def _clock(server: Server) -> None:
    server.api.house.now = time.time()


def sending(**changed: Any) -> Sending:
    whole = {
        "method": "POST",
        "origin": ("http", "api.example.com", 80),
        "target": b"/orders",
        "host": b"api.example.com",
        "content_type": b"",
        "cookie": "",
        "body": b"",
    }
    return Sending(**{**whole, **changed})


@pytest.mark.parametrize("profile", ["v1", "concat"])
@pytest.mark.parametrize(
    ("method", "target", "options"),
    [
        ("GET", "/signed", {}),
        ("GET", "/signed?", {}),
        ("GET", "/signed/%7e1/a%2Fb/%C3%BC?a=1&b=%20&c=a+b&d", {}),
        ("GET", "/signed/ü;p=1", {"params": {"q": "ü & x", "e": ""}}),
        ("DELETE", "/signed/1", {}),
        ("POST", "/signed", {"json": {"amount": 100}}),
        ("POST", "/signed?x=1", {"data": {"a": "1", "b": "ü"}}),
        ("PUT", "/signed", {"content": bytes(range(256)), "headers": {"Content-Type": "application/octet-stream"}}),
        ("POST", "/signed", {"content": b""}),
        ("POST", "/signed", {"content": b"x" * 200_000}),
        ("PATCH", "/signed#fragment", {"content": b"text"}),
        ("GET", "/signed", {"headers": {"Host": "API.Example.com:8443"}}),
    ],
)
def test_the_scheme_accepts_what_the_client_signs(
    caller: Caller, server: Server, profile: str, method: str, target: str, options: dict[str, Any]
) -> None:
    auth = SignatureAuth(KEY_ID if profile == "v1" else CONCAT_ID, SECRET, profile)
    response = caller.send(auth, method, server.url + target, **options)
    assert response.status_code == 200, server.api.seen[-1]
    assert response.json()["who"] == (KEY_ID if profile == "v1" else CONCAT_ID)


def test_multipart_bodies_are_read_and_signed(caller: Caller, server: Server) -> None:
    files = {"file": ("a.txt", b"content", "text/plain")}
    auth = SignatureAuth(KEY_ID, SECRET)
    assert caller.send(auth, "POST", f"{server.url}/signed", files=files).status_code == 200


def test_the_same_request_passes_many_times_in_one_second(caller: Caller, server: Server) -> None:
    asks = [("POST", f"{server.url}/signed", {"content": b"x"})] * 3
    responses = caller.send_all(SignatureAuth(KEY_ID, SECRET), asks)
    assert [response.status_code for response in responses] == [200] * 3


def test_without_a_nonce_the_second_copy_is_a_replay(caller: Caller, server: Server) -> None:
    auth = SignatureAuth(KEY_ID, SECRET, nonce=False, clock=lambda: server.api.house.now)
    server.api.date = render_date(server.api.house.now).decode()
    first, second = caller.send_all(auth, [("GET", f"{server.url}/signed", {})] * 2)
    assert (first.status_code, second.status_code) == (200, 401)
    assert b"x-nonce" not in server.api.seen[0].fields
    assert server.api.asked["GET /signed"] == 2, "a replay is not tried again"


@pytest.mark.parametrize("off", [-4000, 4000])
def test_a_wrong_clock_is_corrected_once_and_stays_corrected(caller: Caller, server: Server, off: int) -> None:
    auth = SignatureAuth(KEY_ID, SECRET, clock=lambda: time.time() + off)
    asks = [("POST", f"{server.url}/signed", {"content": b"x"})] * 2
    assert [response.status_code for response in caller.send_all(auth, asks)] == [200, 200]
    assert server.api.asked["POST /signed"] == 3


def test_two_date_fields_are_read_as_one() -> None:
    now = time.time()
    date = render_date(now + 4000).decode()
    auth = SignatureAuth(KEY_ID, SECRET, clock=lambda: now)
    assert auth._corrected(f"{date}, {date}")


def test_a_refusal_that_the_clock_does_not_explain_is_final(caller: Caller, server: Server) -> None:
    auth = SignatureAuth(KEY_ID, "hs_live_wrong")
    assert caller.send(auth, "POST", f"{server.url}/signed", content=b"x").status_code == 401
    assert server.api.asked["POST /signed"] == 1


@pytest.mark.parametrize("date", ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "yesterday"])
def test_a_server_cannot_push_the_clock_by_more_than_a_day(caller: Caller, server: Server, date: str) -> None:
    server.api.date = date
    auth = SignatureAuth(KEY_ID, "hs_live_wrong")
    assert caller.send(auth, "GET", f"{server.url}/signed").status_code == 401
    assert server.api.asked["GET /signed"] == 1
    assert auth._ahead == 0


def test_a_stream_is_read_whole_or_refused(caller: Caller, server: Server) -> None:
    async def later() -> Any:
        yield b"one"
        yield b"two"

    def now() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    auth = SignatureAuth(KEY_ID, SECRET)
    body = later() if caller.name.endswith("async") else now()
    if caller.name == "requests":
        with pytest.raises(ValueError, match="whole body"):
            caller.send(auth, "POST", f"{server.url}/signed", content=body)
    else:
        assert caller.send(auth, "POST", f"{server.url}/signed", content=body).status_code == 200
        assert server.api.seen[-1].body == b"onetwo"


def test_an_origin_binds_the_signature(caller: Caller, server: Server, other: Server) -> None:
    caller.send(SignatureAuth(KEY_ID, SECRET, origin=server.url), "GET", f"{other.url}/signed")
    assert b"x-signature" not in other.api.seen[0].fields


def test_what_concat_cannot_sign_unambiguously_is_not_sent() -> None:
    auth = SignatureAuth(CONCAT_ID, SECRET, "concat")
    with pytest.raises(ValueError, match="ambiguity"):
        next(auth.steps(sending(method="DELETE", body=b"2")))


def test_every_signature_has_a_nonce_of_its_own() -> None:
    auth = SignatureAuth(KEY_ID, SECRET)
    nonces = set()
    for _ in range(100):
        fields = next(auth.steps(sending()))
        assert isinstance(fields, dict)
        nonces.add(fields["X-Nonce"])
    assert len(nonces) == 100


def test_wrong_settings_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="profiles"):
        SignatureAuth(KEY_ID, SECRET, "none")
    with pytest.raises(ValueError, match="empty"):
        SignatureAuth(KEY_ID, "")


def test_the_secret_stays_out_of_the_repr() -> None:
    assert SECRET not in repr(SignatureAuth(KEY_ID, SECRET))
    assert KEY_ID in repr(SignatureAuth(KEY_ID, SECRET))
