"""Judge the one spelling of names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.codec.names import normal_name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("alice", "alice"),
        ("alice@example.com", "alice@example.com"),
        ("ci-runner_2.eu", "ci-runner_2.eu"),
        ("José", "josé"),
        ("李雷", "李雷"),
    ],
)
def test_names(typed, name):
    assert normal_name(typed) == name


@pytest.mark.parametrize(
    "variant",
    ["ALICE", "aLiCe", "\uff21lice", "\U0001d4d0lice", "al\u2170ce"],
)
def test_cve_2025_24806_variants_of_a_name_are_one_account(variant):
    assert normal_name(variant) == "alice"


def test_folding_beyond_ascii():
    assert normal_name("STRASSE") == normal_name("straße") == "strasse"
    assert normal_name("ΣΊΣΥΦΟΣ") == normal_name("σίσυφος")
    assert normal_name("\u212bngstr\u00f6m") == normal_name("a\u030angstro\u0308m")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 129,
        "\ufdfa" * 20,  # 18 characters each under NFKC
        "a b",
        " alice",
        "alice\u00a0",
        "a\0b",
        "a\x7f",
        "a\u200bb",  # zero width
        "a\u202eb",  # right-to-left override
        "a/b",
        "a\\b",
        "user:alice",
        "a?b",
        "a#b",
        "a%2fb",
        ".",
        "..",
        "\u0301a",
        "\ud800",
        "a\uff0fb",  # full-width solidus becomes "/"
        "a\ufe13b",  # and this one ":"
    ],
)
def test_what_cannot_be_a_name(name):
    assert normal_name(name) is None


@given(st.text(max_size=30))
@settings(max_examples=300)
def test_the_result_is_a_fixed_point_and_deaf_to_case(text):
    name = normal_name(text)
    if name is not None:
        assert normal_name(name) == name
        assert normal_name(text.casefold()) == name
        assert ":" not in name
