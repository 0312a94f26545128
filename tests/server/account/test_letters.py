"""What letters say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from watchword.lifecycle.people.accounts import LOCALES
from watchword.server.account.letters import LETTERS, Letters

HERE = Path(__file__).parents[3] / "src" / "watchword" / "server" / "templates" / "mail"
WITH_LINK = {"confirm", "invitation", "new-address", "reset"}


def test_every_letter_is_there_in_every_language() -> None:
    for locale in LOCALES:
        assert {path.stem for path in (HERE / locale).glob("*.txt")} == set(LETTERS)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_has_a_subject_a_text_and_at_most_the_link_that_it_is_about(letter: str, locale: str) -> None:
    issuer = "https://auth.example.com"
    written = Letters(issuer).write(
        letter, "a@example.com", locale, link=f"{issuer}/x?token=lk_1", what="api-key", id="key_1"
    )
    assert 10 < len(written.subject) < 79
    assert "auth.example.com" in written.subject
    assert ("lk_1" in written.text) is (letter in WITH_LINK)
    assert set(re.findall(r"https?://[^/\s]+", written.text)) <= {issuer}
    assert written.text.endswith("\n")
    assert "{" not in written.text
    assert max(map(len, written.text.splitlines())) < 120


def test_a_language_that_we_have_not_is_english() -> None:
    letters = Letters("https://auth.example.com")
    assert letters.write("account-deleted", "a@example.com", "xx") == letters.write("account-deleted", "a@example.com")


def test_a_letter_without_its_link_is_not_written() -> None:
    with pytest.raises(UndefinedError):
        Letters("https://auth.example.com").write("reset", "a@example.com")
