"""Asking a running server: its answer, or why there is none, each with the exit code it deserves."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from watchword.cli.explaining import remote
from watchword.cli.plumbing.shell import BROKEN, REFUSED, WRONG_USAGE, Stop

SERVER = "http://127.0.0.1:9"


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let a dictionary say what the server answers; it is told what it was asked."""
    said: dict[str, Any] = {"status": 200, "json": {}}

    def answer(request: httpx2.Request) -> httpx2.Response:
        said["request"] = request
        if "raise" in said:
            raise said["raise"]
        if "text" in said:
            return httpx2.Response(said["status"], text=said["text"])
        return httpx2.Response(said["status"], json=said["json"])

    client = httpx2.Client
    transport = httpx2.MockTransport(answer)
    monkeypatch.setattr("httpx2.Client", lambda **more: client(**{**more, "transport": transport, "verify": True}))
    return said


def test_the_answer_is_handed_on(answering: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_PROFILE_OPS__SCHEME", "api-key")
    monkeypatch.setenv("WATCHWORD_PROFILE_OPS__SECRET", "ak_live_x")
    answering["json"] = {"decision": "accepted"}
    assert remote.asked_of(SERVER + "/", "ops", "/admin/v1/explain", {"url": "x"}) == {"decision": "accepted"}
    request = answering["request"]
    assert str(request.url) == f"{SERVER}/admin/v1/explain"
    assert request.headers["authorization"] == "Bearer ak_live_x"
    assert request.content == b'{"url":"x"}'


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        ({"status": 401, "json": {"title": "Authentication is required", "reference": "ab"}}, REFUSED, "reference ab"),
        ({"status": 403, "json": {"title": "The credential lacks a scope"}}, REFUSED, "403: The credential"),
        ({"status": 404, "json": {"title": "There is nothing here"}}, WRONG_USAGE, "404: There is nothing here"),
        (
            {"status": 422, "json": {"errors": [{"field": "url", "text": "not whole"}]}},
            WRONG_USAGE,
            "422: url: not whole",
        ),
        ({"status": 200, "text": "<html>"}, WRONG_USAGE, "it answered 200"),
        ({"status": 503, "json": {"title": "The service is unavailable"}}, BROKEN, "503"),
        ({"raise": httpx2.ConnectError("nobody")}, BROKEN, "cannot be reached"),
        ({"raise": httpx2.ReadTimeout("late")}, BROKEN, "did not answer"),
    ],
)
def test_why_there_is_no_answer(answering: dict[str, Any], said: dict[str, Any], code: int, text: str) -> None:
    answering.update(said)
    with pytest.raises(Stop, match=text) as raised:
        remote.asked_of(SERVER, None, "/admin/v1/explain", {})
    assert raised.value.code == code


@pytest.mark.parametrize("server", ["127.0.0.1", "ftp://a", "https://a:b@c", ""])
def test_what_is_no_server(server: str) -> None:
    with pytest.raises(Stop, match="--server"):
        remote.asked_of(server, None, "/x", {})


def test_no_secret_goes_over_plaintext(answering: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_PROFILE_OPS__SCHEME", "api-key")
    monkeypatch.setenv("WATCHWORD_PROFILE_OPS__SECRET", "ak_live_x")
    with pytest.raises(Stop, match="http shows the credential"):
        remote.asked_of("http://auth.example", "ops", "/x", {})
    assert "request" not in answering
