"""Every text is there in every language, and each reader gets theirs."""

from __future__ import annotations

import asyncio
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.pages.texts import BARE, TEMPLATES, bare_text, said_by_code, said_by_templates

from watchword.lifecycle.people.accounts import LOCALES
from watchword.server.pages.language import SPOKEN, Spoken, ago, catalogue, language_of, translated

OTHERS = [language for language in LOCALES if language != LOCALES[0]]


def slots(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def example(text: str) -> str:
    """Return a text of the code as a reader gets it, with a value in each slot."""
    return text.replace("{…}", "12")


def test_there_are_texts_and_languages() -> None:
    assert len(said_by_templates()) > 100
    assert len(said_by_code()) > 30
    assert OTHERS == ["de"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_the_templates_is_translated(language: str) -> None:
    assert sorted(said_by_templates() - catalogue(language).keys()) == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_that_the_code_hands_to_a_page_is_translated(language: str) -> None:
    texts = {text for text in said_by_code() if not text.startswith("{…} Add a word")}
    assert sorted(text for text in texts if translated(example(text), language) == example(text)) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_anything_that_is_not_translated(path: Path) -> None:
    assert bare_text(path) - BARE == set()


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_their_slots_and_are_no_copies(language: str) -> None:
    for text, other in catalogue(language).items():
        assert slots(other) <= slots(text), text
        assert other.strip(), text
    same = {text for text, other in catalogue(language).items() if text == other}
    assert same == {"Name", "Passkey"}


def test_a_text_that_came_with_its_values_is_found_by_its_pattern() -> None:
    said = "Use at least 15 characters; 3 are too few."
    assert translated(said, "de") == "Verwenden Sie mindestens 15 Zeichen; 3 sind zu wenige."
    assert translated(said, "en") == said


def test_sentences_are_translated_one_by_one() -> None:
    said = "Years are guessed early. Add a word or two that have nothing to do with each other."
    assert translated(said, "de").startswith("Jahreszahlen werden früh erraten. Fügen Sie")


def test_values_are_filled_in_and_are_no_patterns_themselves() -> None:
    assert translated("Hello, {name}", "de", name="{x}{0!r}") == "Hallo, {x}{0!r}"
    assert translated("Hello, {name}", "en", name="{x}") == "Hello, {x}"


@pytest.mark.parametrize("text", ["", "Nobody translated this", "{not a slot", "a {b} c.", "One. {two}. Three"])
def test_what_nobody_translated_stays_english(text: str) -> None:
    assert translated(text, "de") == text


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (b"de", "de"),
        (b"de-CH, en;q=0.8", "de"),
        (b"fr, de;q=0.3, en;q=0.7", "en"),
        (b"en;q=0.5, de;q=0.9", "de"),
        (b"de;q=0, en", "en"),
        (b"de;q=0", ""),
        (b"fr", ""),
        (b"", ""),
        (b"DE", "de"),
        (b"de;q=nonsense", ""),
        (b"de;level=1", "de"),
        (b"\xff\xfe", ""),
    ],
)
def test_rfc_9110_section_12_5_4_accept_language(accept: bytes, language: str) -> None:
    assert language_of(accept) == language


@given(st.binary(max_size=64))
def test_whatever_is_accepted_is_a_language_of_ours_or_none(accept: bytes) -> None:
    assert language_of(accept) in {"", *LOCALES}


@given(st.text(max_size=80))
def test_whatever_is_said_can_be_said_in_german(text: str) -> None:
    assert isinstance(translated(text, "de"), str)


def test_each_request_is_answered_in_its_own_language() -> None:
    heard: list[str] = []

    async def app(scope: object, receive: object, send: object) -> None:
        await asyncio.sleep(0)
        heard.append(SPOKEN.get())

    async def ask(accept: bytes) -> None:
        await Spoken(app)({"type": "http", "headers": [(b"accept-language", accept)]}, None, None)

    async def both() -> None:
        await asyncio.gather(ask(b"de"), ask(b"fr"), ask(b"de"))

    asyncio.run(both())
    assert heard == ["de", "en", "de"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (0, "just now"), (59, "just now"), (60, "1 min ago"), (3599, "59 min ago"), (7200, "2 h ago"),
     (86399, "23 h ago"), (3 * 86400, "3 d ago")],
)  # fmt: skip
def test_how_long_ago(seconds: float, words: str) -> None:
    assert ago(seconds, "en") == words
    assert ago(seconds, "de") != words
    assert re.search(r"\d+|eben", ago(seconds, "de"))
