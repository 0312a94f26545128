"""Search: every planted secret is found in every form, and none where there is none."""

from __future__ import annotations

import base64
import os
import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codec.shapes.planted import AROUND, hidden, secrets
from tests.codec.shapes.test_forms import jwt
from watchword.codec.secrets import new_id, new_root_key, new_secret
from watchword.codec.shapes import JWT, ROOT_KEY, SHAPES, hits
from watchword.codec.shapes.search import _ALIGNED

PLANTED = secrets()
PAIR = new_root_key()
BASE62 = (string.digits + string.ascii_letters).encode()


def noise(count: int, letters: bytes) -> bytes:
    return os.urandom(count).translate(bytes(letters[code % len(letters)] for code in range(256)))


def texts(data: bytes) -> list[str]:
    return [hit.text for hit in hits(data)]


@pytest.mark.parametrize("text", PLANTED, ids=[shape.prefix for shape in SHAPES])
def test_a_secret_is_found_wherever_it_stands(text: str) -> None:
    for how in range(5):
        for before in ("", "x", "xy", "_", "a_", "https://u:"):
            data = hidden(text, before, "@host", how)
            (hit,) = hits(data)
            assert (hit.text, hit.form) == (text, ("", "base64", "base64", "utf-16", "utf-16")[how])
            assert hit.at + hit.length <= len(data) + 2


@given(
    text=st.sampled_from(PLANTED),
    before=st.text(AROUND, max_size=80),
    after=st.text(AROUND, max_size=20),
    how=st.integers(0, 4),
)
def test_whatever_is_around_it(text: str, before: str, after: str, how: int) -> None:
    assert texts(hidden(text, before, after, how)).count(text) == 1


@given(st.binary(max_size=2_000))
def test_bytes_of_any_kind_hold_none(data: bytes) -> None:
    assert hits(data) == []


def test_ten_thousand_planted_in_a_source_tree_are_all_found() -> None:
    """Half of them as they are, the rest in base64 and in UTF-16, in text like source code."""
    draw = random.Random(20261126)
    words = [b"def", b"return", b"snake_case_name", b"0x7f", b"https://example.com/a/b", b"\n", b"    ", b"a" * 40]
    planted: list[str] = []
    for _ in range(1_000):
        parts = []
        for _ in range(10):
            text = draw.choice(PLANTED)
            planted.append(text)
            before, after = draw.choice(["", "key=", '"', "A", "-"]), draw.choice(['"', "\n", "", "&x=1"])
            parts += [*draw.choices(words, k=9), hidden(text, before, after, draw.choice([0, 0, 0, 1, 2]))]
        data = b" ".join(parts)
        if draw.random() < 0.1:
            data = data.decode().encode("utf-16-le")
        found = texts(data)
        assert sorted(found) == sorted(planted[-10:])
    assert len(planted) == 10_000


def test_one_byte_changed_is_none() -> None:
    text = PLANTED[0].encode()
    for place in range(len(text)):
        for other in b"aZ0_.":
            if text[place] != other:
                assert hits(text[:place] + bytes([other]) + text[place + 1 :]) == []


def test_random_text_holds_none() -> None:
    """Look-alikes: every prefix before random base62. The arithmetic is in the documentation of ``forms``."""
    letters = noise(2_000_000, BASE62)
    assert hits(letters) == []
    lines = [
        b"%s%s" % (SHAPES[at % len(SHAPES)].prefix.encode(), letters[at * 36 : at * 36 + 36]) for at in range(20_000)
    ]
    assert hits(b"\n".join(lines)) == []
    assert hits(noise(200_000, BASE62 + b"_")) == []
    assert hits(base64.b64encode(letters[:300_000])) == []


def test_an_access_token_is_found_by_the_key_that_it_names() -> None:
    token = jwt(new_id("sig_"))
    for data in (f"Authorization: Bearer {token}\n", f"Bearer%20{token}&", f'{{"t":"{token}"}}'):
        (hit,) = hits(data.encode())
        assert (hit.shape, hit.text) == (JWT, token)
    assert hits(jwt("2026-01").encode()) == []
    (hit,) = hits(token.encode("utf-16-le"))
    assert hit.text == token


@pytest.mark.parametrize(
    "line",
    [
        "WATCHWORD_ROOT_KEY={}\n",
        'export WATCHWORD_ROOT_KEY="{}"',
        '{{"WATCHWORD_ROOT_KEY": "{}"}}',
        "WATCHWORD_ROOT_KEY: {}",
        'os.environ["WATCHWORD_ROOT_KEY"] = "{}"',
        'setenv("WATCHWORD_ROOT_KEY", "{}")',
        "ENV WATCHWORD_ROOT_KEY {}",
    ],
)
def test_a_root_key_is_found_by_its_name(line: str) -> None:
    key = new_root_key()
    (hit,) = hits(line.format(key).encode())
    assert (hit.shape, hit.text) == (ROOT_KEY, key)
    assert texts(line.format(f"{key},{PAIR}").encode()) == [key, PAIR]  # while it is replaced there are two
    assert hits(key.encode()) == []
    assert hits(b"WATCHWORD_ROOT_KEY=" + key[:-1].encode() + b"\n") == []
    assert hits(b"WATCHWORD_ROOT_KEY=" + key.encode() + b"A") == []


def test_no_way_to_read_a_prefix_hides_another() -> None:
    for one in _ALIGNED:
        assert [other for other in _ALIGNED if other != one and other.startswith(one)] == []


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 400_000,
        b"eyJ" * 50_000 + b".",
        b"YWNf" * 10_000,
        b"_" * 400_000,
        (b"ws_" + b"a" * 36) * 2_000,
        b"0" * 40_000 + b".",
        (b"." + b"a" * 36) * 2_000,
        b"WATCHWORD_ROOT_KEY" * 5_000,
        b"WATCHWORD_ROOT_KEY" + b" " * 400_000,
        (b"eyJ" + b"a" * 60 + b".") * 600,
        b"\x00_\x00" * 30_000,
        b"L" * 60_000,
    ],
    ids=range(12),
)
def test_no_bytes_take_long(data: bytes) -> None:
    """Linear time: twice as much takes twice as long, at most three times (measured on the processor's clock)."""

    def seconds(data: bytes) -> float:
        started = time.process_time()
        hits(data)
        return time.process_time() - started

    hits(data[:1000])
    assert min(seconds(data * 2) for _ in range(2)) < 3 * max(seconds(data) for _ in range(3)) + 0.05


def test_several_of_a_kind_are_told_apart() -> None:
    two = [new_secret("ak_live_"), new_secret("ak_live_")]
    assert texts("".join(two).encode()) == two
    assert texts(base64.b64encode("".join(two).encode())) == two
