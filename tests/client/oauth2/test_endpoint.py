"""Judge how endpoints are asked: the client's proof, DPoP and its nonces (RFC 9449 section 8)."""

from __future__ import annotations

from typing import Any

from tests.client.oauth2.world import ISSUER, basic, opened
from watchword.client.oauth2 import DpopKey
from watchword.client.oauth2.endpoint import Desk
from watchword.client.oauth2.identity import client_of
from watchword.client.oauth2.metadata import Server
from watchword.client.transport import Call, Reply, origin_of

URL = f"{ISSUER}/token"
SERVER = Server(ISSUER, URL)


def asked(desk: Desk, *replies: Reply, **more: Any) -> tuple[list[Call], Reply]:
    """Return the calls and the answer."""
    steps, calls, rest = desk.post(SERVER, URL, {"a": "b c"}, **more), [], list(replies)
    try:
        call = next(steps)
        while True:
            assert isinstance(call, Call)
            calls.append(call)
            call = steps.send(rest.pop(0))
    except StopIteration as end:
        return calls, end.value


def desk(key: bool = False) -> Desk:
    return Desk(client_of("cli", "s", None, None, False), DpopKey() if key else None)


def nonce_of(call: Call) -> Any:
    return opened(call.headers["DPoP"])[1].get("nonce")


def test_a_form_is_sent_as_the_client() -> None:
    calls, answer = asked(desk(), Reply(200))
    assert (calls[0].method, calls[0].content, basic(calls[0])) == ("POST", b"a=b+c", "cli:s")
    assert "DPoP" not in calls[0].headers
    assert answer.status == 200


def test_rfc_9449_section_8_a_nonce_is_used_once_it_is_known() -> None:
    with_key = desk(key=True)
    calls, answer = asked(with_key, Reply(400, body=b'{"error":"use_dpop_nonce"}', nonce="n1"), Reply(200, nonce="n2"))
    assert ([nonce_of(call) for call in calls], answer.status) == ([None, "n1"], 200)
    assert opened(calls[0].headers["DPoP"])[1]["jti"] != opened(calls[1].headers["DPoP"])[1]["jti"]
    calls, _ = asked(with_key, Reply(200))
    assert [nonce_of(call) for call in calls] == ["n2"]


def test_a_server_that_never_has_enough_is_asked_twice() -> None:
    refused = [Reply(400, body=b'{"error":"use_dpop_nonce"}', nonce=f"n{number}") for number in range(9)]
    calls, answer = asked(desk(key=True), *refused)
    assert (len(calls), answer.status) == (2, 400)


def test_no_nonce_no_second_try() -> None:
    assert len(asked(desk(key=True), Reply(400, body=b'{"error":"use_dpop_nonce"}'))[0]) == 1
    assert len(asked(desk(), Reply(400, body=b'{"error":"use_dpop_nonce"}', nonce="n"))[0]) == 1
    assert len(asked(desk(key=True), Reply(400, body=b'{"error":"invalid_grant"}', nonce="n"))[0]) == 1


def test_nonces_belong_to_their_server() -> None:
    with_key = desk(key=True)
    assert with_key.learn(origin_of("https://other.example"), Reply(200, nonce="theirs"))
    assert nonce_of(asked(with_key, Reply(200))[0][0]) is None
    assert not with_key.learn(origin_of("https://other.example"), Reply(200, nonce="theirs"))


def test_a_form_may_go_without_a_proof() -> None:
    assert "DPoP" not in asked(desk(key=True), Reply(200), bound=False)[0][0].headers
