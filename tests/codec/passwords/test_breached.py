"""Judge the shipped list of breached passwords."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.passwords.breached import _shipped, folded, is_breached, packed


@pytest.mark.parametrize(
    "password",
    [
        "password", "Password1", "PASSWORD", "123456789", "qwertyuiop", "iloveyou", "1q2w3e4r5t6y7u8i", "pässword",
        "ｐａｓｓｗｏｒｄ",
        "passwordpassword", "password password", "sunshine-123456789", "footballbaseball", "111111111111111111",
        "dragon1dragon1dragon1dragon1", "iloveyou iloveyou iloveyou", "p" * 1024, "zq" * 10, "zq9!w zq9!w zq9!w",
    ],
)  # fmt: skip
def test_what_everybody_knows_is_on_the_list_by_itself_two_in_a_row_or_over_and_over(password):
    assert is_breached(password)


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "", "x", "a long password indeed", "\ud800", "🦊🦊🦊 fox"]
)
def test_other_passwords_are_not(password):
    assert not is_breached(password)


def test_the_list_is_sorted_long_and_small():
    book = _shipped()
    entries = [book[place : place + 5] for place in range(0, len(book), 5)]
    assert entries == sorted(set(entries))
    assert 40_000 < len(entries) < 100_000
    assert len(book) % 5 == 0


def test_random_passwords_are_not_on_it():
    dice = random.Random(20261125)
    made = ("".join(dice.choices(string.ascii_letters + string.digits, k=12)) for _ in range(3000))
    assert not any(map(is_breached, made))


@given(st.lists(st.text(string.ascii_letters + "äöü ß", min_size=6, max_size=20), max_size=30))
def test_all_that_was_packed_is_found_and_nothing_else(words):
    book = packed(words)
    for word in words:
        assert is_breached(word, book) or not 6 <= len(folded(word)) <= 32
        assert is_breached(word.upper(), book) is is_breached(word, book)
    assert not is_breached("0123456789", book)


@given(st.text(max_size=60))
def test_folding_is_idempotent(text):
    assert folded(folded(text)) == folded(text)


def test_the_source_and_the_licence_are_beside_the_list():
    from importlib import resources

    notice = (resources.files("watchword.codec.passwords") / "breached-NOTICE.md").read_text()
    assert "MIT" in notice
    assert "Redistributions in binary form must reproduce" in notice
    assert f"{len(_shipped()) // 5:,} passwords" in notice
