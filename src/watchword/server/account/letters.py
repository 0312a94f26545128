"""Write letters: plain text in the reader's language, with nothing in them that a stranger chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from watchword.lifecycle.people.accounts import LOCALES
from watchword.server.account.mail import Letter

__all__ = ["LETTERS", "Letters"]

LETTERS: Final = (
    "account-deleted",
    "account-exists",
    "address-changed",
    "confirm",
    "credential-leaked",
    "invitation",
    "name-taken",
    "new-address",
    "password-changed",
    "reset",
)
"""The letters there are; each is a file a language, its first line the subject."""

_HERE: Final = Path(__file__).parent.parent / "templates" / "mail"


class Letters:
    """Fill in the letters."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._service = urlsplit(issuer).netloc
        self._templates = Environment(
            loader=FileSystemLoader(_HERE),
            autoescape=False,  # noqa: S701 - plain text
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            auto_reload=False,
        )

    def write(self, letter: str, to: str, locale: str = "", **values: Any) -> Letter:
        """Return a letter in the language, English where we have no other."""
        language = locale if locale in LOCALES else LOCALES[0]
        template = self._templates.get_template(f"{language}/{letter}.txt")
        text = template.render(service=self._service, issuer=self._issuer, **values)
        subject, _, body = text.partition("\n")
        return Letter(to, subject, body.lstrip("\n"))
