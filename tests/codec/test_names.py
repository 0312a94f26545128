"""Judge the one spelling of names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.codec.names import chosen_name, normal_address, normal_name


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


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sent_to", "key"),
    [
        ("alice@example.com", "alice@example.com", "alice@example.com"),
        ("Alice.B+tag@EXAMPLE.com", "Alice.B+tag@example.com", "alice.b+tag@example.com"),
        ("ａｌｉｃｅ@ｅｘａｍｐｌｅ.com", "alice@example.com", "alice@example.com"),
        ("alice@EXAMPLE。com", "alice@example.com", "alice@example.com"),
        ("ali\u212ae@example.com", "aliKe@example.com", "alike@example.com"),  # KELVIN SIGN
        ("alice@straße.de", "alice@xn--strae-oqa.de", "alice@xn--strae-oqa.de"),  # not strasse.de, as IDNA 2003 has it
        ("alice@BÜCHER.de", "alice@xn--bcher-kva.de", "alice@xn--bcher-kva.de"),
        ("jo\u0308rg@example.com", "jörg@example.com", "jörg@example.com"),
        ("o'neil@example.com", "o'neil@example.com", "o'neil@example.com"),
    ],
)
def test_an_address_has_one_key_and_keeps_its_spelling(text: str, sent_to: str, key: str) -> None:
    """RFC 5321 section 2.4: local parts may be case sensitive, so mail goes to the spelling; RFC 5891 for domains."""
    assert normal_address(text) == (sent_to, key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@example.com",
        "alice@",
        "a@b@example.com",
        "a b@example.com",
        ".a@example.com",
        "a..b@example.com",
        '"a b"@example.com',
        "a@example.com, b@example.com",
        "a@[127.0.0.1]",
        "Alice <a@example.com>",
        "a@example.com\r\nBcc: b@example.com",
        "a\r\n@example.com",
        "a\x00@example.com",
        "a\u202e@example.com",
        "a@example.com.",
        "a@-example.com",
        "a@xn--a.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 250 + ".com",
        "ö" * 40 + "@example.com",
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert normal_address(text) is None


def test_cve_2025_24806_variants_of_an_address_have_one_key() -> None:
    keys = {normal_address(text) for text in ("ALICE@EXAMPLE.COM", "alice@example.com", "Alice@eXample.com")}
    assert len({each.key for each in keys if each is not None}) == 1


@given(st.text(max_size=40), st.sampled_from(["example.com", "EXAMPLE.org", "bücher.de"]))
def test_a_key_is_a_fixed_point_and_fits_one_header(local: str, domain: str) -> None:
    found = normal_address(f"{local}@{domain}")
    if found is None:
        return
    assert found.text.isprintable()
    assert not set(found.text) & set(' ,;:<>()"\\\r\n')
    again = normal_address(found.key)
    assert again is not None
    assert again.key == found.key
    assert normal_address(found.text) == found


@pytest.mark.parametrize("text", ["\u0430lice", "al\u0456ce", "alic\u03b5", "\u13aali\u0441e", "a@example.com", "a b"])
def test_what_would_pass_for_anothers_name_or_address_is_not_chosen(text: str) -> None:
    assert chosen_name(text) is None


@pytest.mark.parametrize("text", ["алиса", "елена-7", "ζωή", "zoë.müller", "田中たろう", "aliceたろう", "7.seas"])
def test_names_of_scripts_that_do_not_look_alike_are_chosen(text: str) -> None:
    assert chosen_name(text) == text
