"""What is written: problems, cookies, pages and the fields beside them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from watchword.model.reason import NOT_FOUND
from watchword.server.pages.rendering import Pages
from watchword.server.responses import Sent, broken, cookie, json_answer, refusal


def sent_by(headers: list[tuple[bytes, bytes]], *, tls: bool) -> dict[bytes, bytes]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    sent = Sent(send, tls=tls)
    assert not sent.begun
    asyncio.run(sent({"type": "http.response.start", "status": 200, "headers": headers}))
    assert sent.begun
    return dict(messages[0]["headers"])


def test_the_security_fields_are_added_once() -> None:
    own = sent_by([(b"content-security-policy", b"mine")], tls=False)
    assert own[b"content-security-policy"] == b"mine"
    assert own[b"x-content-type-options"] == b"nosniff"
    assert b"strict-transport-security" not in own
    assert b"strict-transport-security" in sent_by([], tls=True)


def test_cookies() -> None:
    assert cookie("session", "ws_x", tls=True) == (
        b"set-cookie",
        b"__Host-session=ws_x; Path=/; SameSite=Lax; HttpOnly; Secure",
    )
    assert cookie("csrf", "", tls=False, age=0, hidden=False)[1] == b"csrf=; Path=/; SameSite=Lax; Max-Age=0"


def test_json_may_not_be_stored() -> None:
    status, headers, body = json_answer(200, {"a": 1})
    assert (status, body, dict(headers)[b"cache-control"]) == (200, b'{"a":1}', b"no-store")


def test_what_broke_is_logged_by_place_and_never_by_text(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("hunter2")
    except ValueError as error:
        with caplog.at_level(logging.ERROR):
            status, _, body = broken(error)
    assert status == 503
    assert "test_responses.py" in caplog.text
    assert "hunter2" not in caplog.text + body.decode()


def test_references_differ() -> None:
    assert refusal(NOT_FOUND).reference != refusal(NOT_FOUND).reference


def test_pages_escape_what_they_show() -> None:
    page = Pages().page("login/login.html", username='"><script>x</script>', csrf_token="0", next="", message=None)
    assert b"<script>" not in bytes(page.body)
