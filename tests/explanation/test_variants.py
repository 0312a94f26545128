"""What callers sign instead of what they should: every row of the table is found, nothing for a stranger."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.codec.message import Parts, body_digest, sign
from watchword.explanation.variants import _TABLE, _Draft, _drafts, _message, fitting

SECRET = b"hs_live_Example00000000000000000000000000001"
BODY = b'{"b": 1,\r\n "a": "\xc3\xa9"}\n'


def _parts(**other: Any) -> Parts:
    parts = Parts(
        b"hk_live_QbZUaRonu1500zRt5HnG", b"1795631064", b"n0nce", "POST", b"Api.Test:8443", b"/a%20b!/",
        b"b=2&a=%C3%A9+c%20d", b"Text/CSV; Header=Present", body_digest(BODY), BODY,
    )  # fmt: skip
    return parts._replace(**other)


def _signature(draft: _Draft) -> bytes:
    if draft.plain_hash:
        return hashlib.sha256(draft.secret + _message(draft)).hexdigest().encode()
    return sign(draft.secret, _message(draft)).encode()


@pytest.mark.parametrize("words", [words for words, _ in _TABLE])
def test_each_mistake_is_found(words: str) -> None:
    """CWE-347 in the small: a signature that is right for another text must never be let in, only told."""
    profile = "concat" if words.endswith("v1") else "v1"
    body = b"" if "concat" in words else BODY
    parts = _parts(body=body, body_sha256=body_digest(body), path=b"/a%20b") if body == b"" else _parts()
    if words == "the path ends with /":
        parts = _parts(path=b"/a%20b")
    plain = _Draft(parts, profile, SECRET)
    change = dict(_TABLE)[words]
    draft = change(plain)
    assert draft is not None
    assert (_message(draft), draft.secret, draft.plain_hash) != (_message(plain), plain.secret, plain.plain_hash)
    found = fitting(profile, parts, SECRET, _signature(draft))
    assert words in [fit.words for fit in found] or found[0].text == _message(draft).decode("utf-8", "backslashreplace")


def test_every_row_makes_another_text_for_some_request() -> None:
    requests = [_parts(), _parts(path=b"/a", query=b"", body=b"", body_sha256=body_digest(b""))]
    shown = {words for parts in requests for words, _, _ in _drafts(_Draft(parts, "v1", SECRET))}
    shown |= {words for words, _, _ in _drafts(_Draft(_parts(path=b"/a b"), "concat", SECRET))}
    assert [words for words, _ in _TABLE if words not in shown] == []


def test_two_mistakes_at_once_are_found() -> None:
    other = _parts(query=b"a=%C3%A9+c%20d&b=2", content_type=b"")
    found = fitting("v1", _parts(), SECRET, _signature(_Draft(other, "v1", SECRET)))
    assert found[0].words == "the query's parameters are sorted, and the content type is left out"


@pytest.mark.parametrize("second", [1795631065, 1795630500, 1795631064000])
def test_another_second_is_found(second: int) -> None:
    other = _parts(timestamp=str(second).encode())
    [fit] = fitting("v1", _parts(), SECRET, _signature(_Draft(other, "v1", SECRET)))
    assert fit.words == f"X-Timestamp is {second}, which was signed, not 1795631064, which was sent"


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda text: text.upper(), "X-Signature is written in small letters"),
        (lambda text: base64.b64encode(bytes.fromhex(text.decode())), "X-Signature is hexadecimal, not base64"),
        (lambda text: b"sha256=" + text, "X-Signature is without sha256= or v1= before it"),
    ],
)
def test_another_way_to_write_it_is_found(write: Any, words: str) -> None:
    right = _signature(_Draft(_parts(), "v1", SECRET))
    assert [fit.words for fit in fitting("v1", _parts(), SECRET, write(right))] == [words]


@settings(max_examples=10, deadline=None)
@given(st.binary(max_size=80))
def test_nothing_is_found_for_what_nobody_signed(signature: bytes) -> None:
    assert fitting("v1", _parts(), SECRET, signature) == ()


def test_a_long_content_is_not_hashed_a_thousand_times(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"x" * 2_000_000
    parts, digest, hashed = _parts(body=body, body_sha256=body_digest(body)), hmac.digest, []

    def counted(key: bytes, message: bytes, name: str) -> bytes:
        hashed.append(len(message))
        return digest(key, message, name)

    monkeypatch.setattr("hmac.digest", counted)
    assert fitting("v1", parts, SECRET, b"0" * 64) == ()
    assert fitting("concat", parts, SECRET, b"0" * 64) == ()
    assert len(hashed) > 1000
    assert max(hashed) < 64 * 1024


@pytest.mark.parametrize("profile", ["v1", "concat"])
def test_trying_is_little_work_whatever_the_content_is(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Explaining is done between two requests of others: no content may make it long."""
    body = b'{"b": 1,  "a": [' + b"[]," * 2700 + b"[]]}\n"
    parts, digest, read, worked = _parts(body=body, body_sha256=body_digest(body)), hmac.digest, json.loads, [0, 0]

    def counted(key: bytes, message: bytes, name: str) -> bytes:
        worked[0] += len(message)
        return digest(key, message, name)

    def counting(text: bytes) -> Any:
        worked[1] += 1
        return read(text)

    monkeypatch.setattr("hmac.digest", counted)
    monkeypatch.setattr("json.loads", counting)
    assert fitting(profile, parts, SECRET, b"0" * 64) == ()
    assert worked[0] < 40_000_000
    assert 3 <= worked[1] < 30
