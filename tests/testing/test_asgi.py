"""The driver of ASGI applications: what it sends, what it gives back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from watchword.testing.asgi import Answer, Ask, ask, connect, living


def test_a_request_arrives_as_it_was_given() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        while (message := await receive())["type"] == "http.request":
            seen.append(message)
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 207, "headers": [(b"x", b"1"), (b"X", b"2")]})
        await send({"type": "http.response.body", "body": b'{"a"', "more_body": True})
        await send({"type": "http.response.body", "body": b":1}"})
        seen.append(await receive())

    request = Ask("PUT", "/a", b"q", body=[b"1", b"2"], address="::1", tls=False, certificate=b"c").bearing(
        (b"y", b"z")
    )
    answer = asyncio.run(ask(app, request, {"more": {}}))
    assert (answer.status, answer.json, answer.all(b"x"), answer.read) == (207, {"a": 1}, ["1", "2"], 3)
    scope, first, second, last = seen
    assert (scope["method"], scope["path"], scope["query_string"], scope["scheme"]) == ("PUT", "/a", b"q", "http")
    assert (b"y", b"z") in scope["headers"]
    assert scope["client"][0] == "::1"
    assert scope["extensions"] == {"tls": {"client_cert_der": b"c"}, "more": {}}
    assert [first["body"], second["body"], last["type"]] == [b"1", b"2", "http.disconnect"]


def test_a_caller_may_leave() -> None:
    kinds: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            message = await receive()
            kinds.append(f"{message['type']} {message.get('more_body')}")

    assert asyncio.run(ask(app, Ask(body=[b"x"], leaves=True))).status == 0
    assert kinds == ["http.request True", "http.disconnect None"]


def test_one_field_is_one() -> None:
    with pytest.raises(ValueError, match="unpack"):
        Answer(headers=[(b"x", b"1"), (b"x", b"2")]).one(b"x")


def test_websockets_are_opened_and_closed() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert "websocket.http.response" in scope["extensions"]
        assert scope["scheme"] == "wss"
        assert [(await receive())["type"] for _ in range(3)] == [
            "websocket.connect",
            "websocket.disconnect",
            "websocket.disconnect",
        ]
        await send({"type": "websocket.close"})

    assert asyncio.run(connect(app, Ask(), denial=True)) == [{"type": "websocket.close"}]


def test_lifespans_that_fail_are_told() -> None:
    async def during() -> None:
        raise AssertionError("it did not start")

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})

    async def raising(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("x")

    assert asyncio.run(living(failing, during)) == ["lifespan.startup.failed"]
    with pytest.raises(KeyError):
        asyncio.run(living(raising, during))
