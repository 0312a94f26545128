"""Judge how token responses are read."""

from typing import Any

import pytest

from watchword.client.tokens import failure, json_object, token_of
from watchword.client.transport import Reply


def test_a_token_is_renewed_half_a_minute_or_a_tenth_before_its_end() -> None:
    long = token_of({"token": "t", "token_type": "Bearer", "expires_in": 900}, "token", 1000.0)
    short = token_of({"token": "t", "token_type": "bearer", "expires_in": 60}, "token", 1000.0)
    assert long is not None
    assert short is not None
    assert (long.renew_at, long.ends_at) == (1870, 1900)
    assert (short.renew_at, short.ends_at) == (1054, 1060)


def test_without_an_end_a_token_is_kept_until_it_is_refused() -> None:
    token = token_of({"token": "t"}, "token", 1000.0)
    assert token is not None
    assert token.renew_at == float("inf")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": None},
        {"token": ""},
        {"token": 7},
        {"token": "a\r\nX: y"},
        {"token": "ü"},
        {"token": "t", "token_type": "DPoP"},
        {"token": "t", "token_type": None},
    ],
)
def test_what_is_no_bearer_token_is_none(body: dict[str, Any]) -> None:
    assert token_of(body, "token", 0.0) is None


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"\xff", b'"text"'])
def test_a_body_that_is_no_object_is_empty(raw: bytes) -> None:
    assert json_object(Reply(200, body=raw)) == {}
    assert failure("refused", Reply(502, body=raw)).status == 502


def test_tokens_stay_out_of_reprs() -> None:
    assert "s3cret" not in repr(token_of({"token": "s3cret"}, "token", 0.0))
    assert "s3cret" not in repr(Reply(200, body=b"s3cret", cookies=((("http", "h", 80), "s=s3cret"),)))
