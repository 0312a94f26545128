"""Where answers go; with the endpoint: test_authorize.py."""

from __future__ import annotations

import html

import pytest

from watchword.app import Watchword
from watchword.codec.passwords.hashing import Cost
from watchword.lifecycle.oauth.asking import Refusal
from watchword.model.request import Peer, Request
from watchword.server.oauth.answering import Answering
from watchword.server.pages.rendering import Pages

REQUEST = Request("GET", b"/oauth/authorize", b"", [], Peer("127.0.0.1"))


@pytest.fixture
def answering() -> Answering:
    return Answering(Watchword("memory:", root_key="A" * 43, password_cost=Cost(memory=64, passes=1)), Pages())


def test_must_8_iss_goes_with_every_answer(answering: Answering) -> None:
    given = answering.onward("https://app.example/cb?x=1", {"code": "c"}, "s", by_page=False)
    assert given.status_code == 303
    assert given.headers["location"] == ("https://app.example/cb?x=1&code=c&state=s&iss=http%3A%2F%2F127.0.0.1%3A8000")
    refusal = Refusal("access_denied", "no", "https://app.example/cb", None)
    refused = answering.refused(REQUEST, refusal, by_page=False)
    assert refused.headers["location"] == (
        "https://app.example/cb?error=access_denied&error_description=no&iss=http%3A%2F%2F127.0.0.1%3A8000"
    )


def test_by_a_page_after_a_form(answering: Answering) -> None:
    page = answering.onward("com.example.app:/cb", {"code": "c"}, None, by_page=True)
    text = html.unescape(bytes(page.body).decode())
    assert "url=com.example.app:/cb?code=c&iss=" in text
    assert "location" not in page.headers


def test_must_3_without_a_place_nobody_is_sent_anywhere(answering: Answering) -> None:
    for error in ("invalid_client", "invalid_redirect_uri", "invalid_request_object", "no such error"):
        page = answering.refused(REQUEST, Refusal(error, "x"), by_page=True)
        assert (page.status_code, "location" in page.headers) == (400, False)
        assert "http-equiv" not in bytes(page.body).decode()
