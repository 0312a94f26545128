"""What may be asked, and how a request looks that was asked about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.explanation.house import URL
from watchword.adapters.asgi import request_of
from watchword.explanation import Question, Unclear


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"url": "/orders"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": "http://a/ b"}, "url"),
        ({"url": "http://a/é"}, "url"),
        ({"url": 7}, "url"),
        ({"method": "G T", "url": URL}, "method"),
        ({"url": URL, "headers": {"a": "b"}}, "headers"),
        ({"url": URL, "headers": [["a"]]}, "headers"),
        ({"url": URL, "headers": [["a b", "c"]]}, "headers"),
        ({"url": URL, "headers": [["a", "☃"]]}, "headers"),
        ({"url": URL, "headers": [["a", "b"]] * 201}, "headers"),
        ({"url": URL, "body": "a", "body_base64": "YQ=="}, "body"),
        ({"url": URL, "body_base64": "?"}, "body_base64"),
        ({"url": URL, "address": "here"}, "address"),
        ({"url": URL, "certificate": "none"}, "certificate"),
        ({"url": URL, "cookies": "none"}, "cookies"),
    ],
)
def test_a_question_that_cannot_be_asked_names_its_field(value: dict[str, Any], field: str) -> None:
    with pytest.raises(Unclear) as raised:
        Question.of(value)
    assert raised.value.field == field


def test_the_request_is_what_a_server_would_hand_on() -> None:
    fields = [["X-Api-Key", " hk_live_x\t"]]
    asked = {"method": "POST", "url": "https://API.test:8443/a%2Fb?c=%20d", "headers": fields, "body_base64": "eyJ9"}
    request = request_of(Question.of(asked).scope())
    assert (request.method, request.path, request.query) == ("POST", b"/a%2Fb", b"c=%20d")
    assert request.fields == {b"host": b"API.test:8443", b"x-api-key": b"hk_live_x"}
    assert (request.peer.tls, request.peer.address) == (True, "127.0.0.1")


def test_a_host_that_is_given_stays() -> None:
    request = request_of(Question("GET", "http://a.test/", ((b"Host", b"b.test"),)).scope())
    assert request.fields[b"host"] == b"b.test"


def test_no_secret_is_in_its_text() -> None:
    question = Question("GET", URL, ((b"authorization", b"Bearer s3cret"),), b"s3cret", signed="s3cret")
    assert "s3cret" not in repr(question)
