"""Judge what zxcvbn is asked, and what is made of its answers."""

from __future__ import annotations

import sys
import time

import pytest
import zxcvbn_rs_py
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.passwords.strength import _PLAIN, _WHY, strength


@pytest.mark.parametrize(
    ("password", "score", "why"),
    [
        ("password1password1", 0, "A word over and over"),
        ("qwertyuiopasdfghjkl", 1, "close to a password that many"),
        ("abcdefghijklmnopqrst", 0, "Sequences"),
        ("correct horse battery staple", 4, ""),
    ],
)
def test_the_score_and_the_reason_are_told(password, score, why):
    found = strength(password)
    assert found.score == score
    assert why in found.why


def test_what_is_known_of_the_owner_counts():
    assert strength("zorgblatt1987", ["zorgblatt"]).score < strength("zorgblatt1987").score


def test_every_warning_has_words_of_our_own():
    named = {name for name in dir(zxcvbn_rs_py.Warning) if not name.startswith("_")}
    assert named == set(_WHY)
    assert _PLAIN not in _WHY.values()


def test_where_zxcvbn_is_missing_there_is_no_answer(monkeypatch):
    monkeypatch.setitem(sys.modules, "zxcvbn_rs_py", None)
    assert strength("password") is None


def test_long_passwords_take_no_longer():
    hostile = "".join(chr(33 + (place * 7919) % 94) for place in range(1024))
    began = time.process_time()
    strength(hostile, ["x" * 10_000])
    assert time.process_time() - began < 2


@given(st.text(max_size=120), st.lists(st.text(max_size=20), max_size=5))
def test_any_text_has_a_score(text, about):
    assert 0 <= strength(text, about).score <= 4
