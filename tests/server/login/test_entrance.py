"""What every way in reads, and refuses to read."""

from __future__ import annotations

import pytest

from watchword.model.request import Peer, Request
from watchword.model.verdict import Rejection
from watchword.server.login.entrance import cleared, json_of, response_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"id": "x"}, {"id": "x"}),
        ('{"id": "x"}', {"id": "x"}),
        ("[1]", {}),
        ("{", {}),
        ("[" * 100_000, {}),
        (None, {}),
        (7, {}),
    ],
)
def test_a_passkeys_answer_is_an_object_or_its_text(value: object, expected: dict) -> None:
    assert response_of(value) == expected


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        (b"text/plain", b'{"a": 1}', "unsupported_media"),
        (b"application/x-www-form-urlencoded", b'{"a": 1}', "unsupported_media"),
        (b"application/json", b"[]", "malformed_request"),
        (b"application/json", b"", "malformed_request"),
        (b"application/json", b'{"a": 1, "a": 2}', "malformed_request"),
    ],
)
def test_cve_2021_32677_json_is_what_says_so_and_is_it(kind: bytes, body: bytes, reason: str) -> None:
    answer = json_of(Request("POST", b"/login", b"", [(b"content-type", kind)], Peer(), body))
    assert isinstance(answer, Rejection)
    assert answer.reason.code == reason


def test_a_session_is_forgotten_by_both_its_cookies() -> None:
    fields = [value.decode() for _, value in cleared(True)]
    assert [field.partition("=")[0] for field in fields] == ["__Host-session", "__Host-csrf"]
    assert all("Max-Age=0" in field and "Secure" in field for field in fields)
