"""One spelling for one value."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.strict import from_base64url, json_object, to_base64url

# RFC 4648 section 10, unpadded.
VECTORS = {b"": b"", b"f": b"Zg", b"fo": b"Zm8", b"foo": b"Zm9v", b"foob": b"Zm9vYg", b"foobar": b"Zm9vYmFy"}


@pytest.mark.parametrize(("raw", "text"), VECTORS.items())
def test_rfc_4648_section_10(raw: bytes, text: bytes) -> None:
    assert to_base64url(raw) == text
    assert from_base64url(text) == raw


def test_rfc_7515_appendix_c() -> None:
    assert to_base64url(bytes([3, 236, 255, 224, 193])) == b"A-z_4ME"


@pytest.mark.parametrize(
    "text",
    [
        b"Zg==",
        b"Zg=",
        b"Z",
        b"Zm9vY",
        b"Zh",
        b"Zm9",
        b"Zm 8",
        b"Zm8\n",
        b"+w",
        b"/w",
        b"Z!",
        b"Zm8.",
        b"\xc3\xa9AA",
        b"=",
        b"====",
    ],
)
def test_ghsa_5jhw_7jv7_qcqq_other_spellings(text: bytes) -> None:
    with pytest.raises(ValueError):
        from_base64url(text)


@given(st.binary(max_size=60))
def test_there_and_back(raw: bytes) -> None:
    assert from_base64url(to_base64url(raw)) == raw


@given(st.binary(max_size=12))
def test_what_decodes_has_that_one_text(text: bytes) -> None:
    try:
        raw = from_base64url(text)
    except ValueError:
        return
    assert to_base64url(raw) == text
    assert base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)) == raw


@given(
    st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()), max_size=5)
)
def test_json_objects_are_read(value: dict[str, object]) -> None:
    assert json_object(json.dumps(value).encode()) == value
    assert json_object(b" \t\r\n" + json.dumps(value, indent=1).encode() + b"\n ") == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"1",
        b'"{}"',
        b"null",
        b"{",
        b"{}{}",
        b"{} x",
        b"\xef\xbb\xbf{}",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":[-1.5E+400]}',
        b'{"a":"\\ud800"}',
        b'{"a":[{"\\uDFFF\\uD800":1}]}',
        b'{"a":"\xff"}',
        b'{"a":"\n"}',
        b"\xc2\xa0{}",
        b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"a":' + b"9" * 5_000 + b"}",
    ],
)
def test_other_texts_are_not(raw: bytes) -> None:
    assert json_object(raw) is None


def test_numbers_and_characters_of_any_spelling_are_read() -> None:
    assert json_object(rb'{"a":1e3,"b":-0.5,"c":"\ud83d\ude00","d":"\\ud800"}') == {
        "a": 1000.0,
        "b": -0.5,
        "c": "\N{GRINNING FACE}",
        "d": "\\ud800",
    }


def test_nesting_is_bounded_but_width_is_not() -> None:
    assert json_object(b'{"a":' + b"[" * 31 + b"]" * 31 + b"}") is not None
    wide = {"a": [[each] for each in range(100)], "b": "[" * 100}
    assert json_object(json.dumps(wide).encode()) == wide
