"""Requests: what the transport knows, with second copies of single fields noted."""

from __future__ import annotations

import pytest

from watchword.model.request import SINGLE_FIELDS, Peer, Request


def request(*headers: tuple[bytes, bytes], query: bytes = b"") -> Request:
    return Request("GET", b"/x", query, list(headers), Peer("192.0.2.1"))


@pytest.mark.parametrize("name", sorted(SINGLE_FIELDS))
def test_rfc_9110_a_second_copy_of_a_single_field_is_noted(name: bytes) -> None:
    assert request((name, b"1"), (name, b"1")).repeated == {name}
    assert request((name, b"1"), (b"accept", b"1"), (name, b"2"), (name, b"3")).repeated == {name}
    assert request((name, b"1")).repeated == frozenset()


def test_fields_that_may_repeat_are_not_noted() -> None:
    assert request((b"accept", b"1"), (b"accept", b"2")).repeated == frozenset()
    mixed = request((b"accept", b"1"), (b"accept", b"2"), (b"host", b"a"), (b"host", b"b"))
    assert mixed.repeated == {b"host"}


def test_rfc_9113_cookies_in_several_fields_are_one() -> None:
    split = request((b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"))
    assert split.fields[b"cookie"] == b"a=1; b=2"
    assert split.repeated == frozenset()
    assert request((b"cookie", b"a=1")).fields[b"cookie"] == b"a=1"


def test_the_target_is_path_and_query() -> None:
    assert request().target == b"/x"
    assert request(query=b"a=1").target == b"/x?a=1"


def test_nothing_secret_shows() -> None:
    shown = repr(Request("GET", b"/x\xff", b"token=SECRET", [(b"authorization", b"SECRET")], Peer(), b"SECRET"))
    assert shown == "Request(GET /x\\xff)"
    assert repr(Peer("192.0.2.1", tls=True, certificate=b"x")) == "Peer('192.0.2.1', tls=True, certificate=present)"
    assert "None" in repr(Peer())
