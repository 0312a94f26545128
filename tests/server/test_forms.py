"""Forms and places: what is ambiguous is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile import PLACES

from watchword.model.request import Peer, Request
from watchword.model.verdict import Rejection
from watchword.server.forms import FORM, form_of, local_path, media_type


def request(body: bytes, kind: str = FORM) -> Request:
    headers = [(b"content-type", kind.encode())] if kind else []
    return Request("POST", b"/login", b"", headers, Peer("127.0.0.1"), body)


@pytest.mark.parametrize(
    ("kind", "media"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=UTF-8", "application/json"),
        ('application/json;charset="utf-8"', "application/json"),
        ("application/json; charset=utf-7", ""),
        ("application/json; charset=utf-8; x=1", ""),
        ("text/plain", ""),
        ("", ""),
    ],
)
def test_media_types(kind: str, media: str) -> None:
    assert media_type(request(b"", kind)) == media


def test_a_form_is_decoded() -> None:
    assert form_of(request(b"a=1+2&b=%C3%A4&c=&d")) == {"a": "1 2", "b": "ä", "c": "", "d": ""}


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a=1&%61=2", b"a=%ff", b"a=%", b"a=%4", b"\xc3=1", b"a&" * 64])
def test_a_form_that_two_readers_read_differently(body: bytes) -> None:
    assert isinstance(form_of(request(body)), Rejection)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=8))
def test_what_was_encoded_is_read_back(fields: dict[str, str]) -> None:
    from urllib.parse import urlencode

    fields.pop("", None)
    assert form_of(request(urlencode(fields).encode())) == fields


def test_cve_2026_7504_no_hostile_place_is_a_path_of_ours() -> None:
    assert len(PLACES) > 150
    assert [place for place in PLACES if local_path(place) is not None] == []
    for place in ("/", "/a/b-c.d?next=/e%20f&g=%2F", "/oauth/authorize?redirect_uri=https%3A%2F%2Fx"):
        assert local_path(place) == place


@given(st.text(max_size=60))
def test_a_local_path_is_never_another_site(text: str) -> None:
    for place in (text, "/" + text, "//" + text):
        found = local_path(place)
        if found is not None:
            assert found.startswith("/")
            assert not found.startswith(("//", "/\\"))
            assert found.isascii()
            assert found.isprintable()
