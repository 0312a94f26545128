"""Judge the rules for new passwords (NIST SP 800-63B-4 section 3.1.1.2)."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.password_rules import PasswordRules

RULES = PasswordRules(service=("auth.orders.example",))


def codes(password: str, **more: object) -> list[str]:
    return [each.code for each in RULES.check(password, **more)]


@pytest.mark.parametrize(
    ("password", "alone", "with_factor"),
    [
        ("correct horse b", [], []),
        ("correct horse ", ["too_short"], []),
        ("gr8 zebu", ["too_short"], []),
        ("gr8 zeb", ["too_short"], ["too_short"]),
        ("", ["too_short"], ["too_short"]),
        ("é" * 3 + "ŵxyž" * 2 + "łąk", ["too_short"], []),
        ("cafe\u0301 au lait x", ["too_short"], []),  # 14 characters once composed
        ("🦊🐙🌵🚲🎻🧀🌋🦜🪁🧊🎲🪗🥨🛶🪐", [], []),  # code points are characters, whatever they weigh
    ],
)
def test_length_is_15_alone_and_8_beside_a_second_factor(password, alone, with_factor):
    assert codes(password) == alone
    assert codes(password, second_factor=True) == with_factor


def test_lengths_are_settings_with_a_floor():
    assert PasswordRules(minimum=20).check("correct horse battery"[:19])[0].number == 20
    assert PasswordRules(minimum_with_factor=12).check("gr8 zebu", second_factor=True)[0].number == 12
    for wrong in ({"minimum": 7}, {"minimum_with_factor": 7}):
        with pytest.raises(ValueError, match="at least 8"):
            PasswordRules(**wrong)


@pytest.mark.parametrize(
    "password",
    [
        "only lower case letters",
        "ONLY CAPITALS ARE HERE",
        "73920471655820394",
        "ünïcödé lëttèrs tóó",
        "    spaces  around  it ",
    ],
)
def test_there_are_no_rules_about_which_characters(password):
    assert codes(password) == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x" * 1025, "too_long"),
        ("é" * 513, "too_long"),
        ("€" * 342, "too_long"),
        ("line\nfeed in a password", "impossible"),
        ("half a character \ud800", "impossible"),
        ("password password", "breached"),
        ("aaaaaaaaaaaaaaaaaaaa", "breached"),
        ("Football Baseball", "breached"),
        ("alice@orders.example", "personal"),
        ("alice alice smith", "personal"),
        ("ALICE.smith.2026", "personal"),
        ("watchwordwatchword", "personal"),
        ("auth.orders.example!", "personal"),
        ("abcdefghijklmnopqrst", "guessable"),
        ("my dog is called alice", None),
        ("alice walks to the mill", None),
        ("a" * 5 + "the rest of it is long " * 5, None),
    ],
)
def test_what_is_impossible_known_personal_or_guessable_is_refused(password, code):
    found = RULES.check(password, about=("alice", "alice@orders.example", "Alice Smith"))
    assert [each.code for each in found] == ([] if code is None else [code])
    for each in found:
        assert password not in each.text
        assert each.text.endswith(".")


def test_a_short_password_with_spaces_is_not_taken_for_a_personal_one():
    assert codes("gr8 zebu", second_factor=True, about=("alice",)) == []


def test_64_characters_and_more_are_welcome():
    for length in (64, 128, 1024):
        assert codes(("the river bends twice before the mill and then " * 30)[:length]) == []


def test_without_zxcvbn_length_and_list_still_hold(monkeypatch):
    monkeypatch.setitem(sys.modules, "zxcvbn_rs_py", None)
    assert codes("abcdefghijklmnopqrst") == []
    assert codes("password password") == ["breached"]
    assert codes("short") == ["too_short"]


def test_the_score_is_a_setting():
    assert PasswordRules(strength=0).check("abcdefghijklmnopqrst") == ()
    row = "internationalization"  # scores 1
    assert PasswordRules(strength=1).check(row) == ()
    assert PasswordRules(strength=2).check(row)[0].code == "guessable"
    assert PasswordRules(strength=2).check(row, second_factor=True) == ()


def test_a_demand_says_what_is_wrong_and_how_to_mend_it():
    RULES.demand("correct horse battery")
    RULES.demand("gr8 zebu", second_factor=True)
    with pytest.raises(
        LifecycleError, match="the password is refused: use at least 15 characters; 5 are too few"
    ) as err:
        RULES.demand("short")
    assert "passwords.minimum" in err.value.hint
    for password in ("x" * 2000, "a\nb", "password password", "watchwordwatchword", "abcdefghijklmnopqrst"):
        with pytest.raises(LifecycleError) as caught:
            RULES.demand(password)
        assert caught.value.hint
        assert password not in str(caught.value)


@given(st.text(max_size=60), st.booleans(), st.lists(st.text(max_size=30), max_size=4))
def test_any_text_is_judged_with_one_complaint_at_most(text, second, about):
    found = RULES.check(text, second_factor=second, about=about)
    assert len(found) <= 1
    if not found:
        assert len(text) >= 8
