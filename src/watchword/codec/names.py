"""Give every account one spelling, so that variants share one record and one throttle."""

from __future__ import annotations

import unicodedata
from typing import Final, NamedTuple

__all__ = ["EmailAddress", "chosen_name", "normal_address", "normal_name"]

_MOST: Final = 128  # characters
_REFUSED: Final = frozenset("/\\:;,?#%\"'<>()[]{}|^`")  # they mean something in a path, a URL, a list or a subject
_ALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
_KINDS: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})  # beyond ASCII: letters, marks, digits


_LONGEST_LOCAL: Final = 64  # octets (section 4.5.3.1.1)
_LONGEST_ADDRESS: Final = 254  # octets (RFC 5321 section 4.5.3.1.3, less the angle brackets)


class EmailAddress(NamedTuple):
    """Hold an address: ``text`` is what mail is sent to, ``key`` the one spelling that it is found by."""

    text: str
    key: str


def normal_address(text: str) -> EmailAddress | None:
    """Return the address, or None when ``text`` is none (RFC 5321 section 4.1.2, without quoted local parts).

    NFKC throughout; the domain becomes its A-labels in lower case (RFC 5891), the key's local part is case folded.
    So variants of one address have one key, and mail for a key goes only to the spelling that was confirmed
    (CVE-2019-19844). Needs the package email-validator, which comes with the server.
    """
    if not 0 < len(text) <= _LONGEST_ADDRESS or not text.isprintable():
        return None
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(
            unicodedata.normalize("NFKC", text), check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError:
        return None
    local = unicodedata.normalize("NFKC", found.local_part)
    folded, domain = _folded(local), found.ascii_domain
    if folded is None or len(local.encode()) > _LONGEST_LOCAL or len(f"{local}@{domain}".encode()) > _LONGEST_ADDRESS:
        return None
    return EmailAddress(f"{local}@{domain}", f"{folded}@{domain}")


def normal_name(text: str) -> str | None:
    """Return the name's one spelling: NFKC, case folded. None when it cannot be a name.

    Refused are the empty name, over 128 characters, white space, control and invisible characters, punctuation that
    separates elsewhere, and a combining mark or nothing but dots at the start. The result is a fixed point.
    """
    if not 0 < len(text) <= _MOST:
        return None
    name = text.lower() if text.isascii() else _folded(text)
    if name is None or len(name) > _MOST or not name.strip("."):
        return None
    if any(not _allowed(char) for char in name) or unicodedata.combining(name[0]):
        return None
    return name


def chosen_name(text: str) -> str | None:
    """Return the normal form of a name that strangers may choose for themselves, None for others.

    With an "@" it would pass for somebody's address, with letters of scripts that look alike for somebody's name: no
    Cyrillic "\u0430" among Latin letters (Unicode Technical Standard 39 section 5.1).
    """
    name = normal_name(text)
    if name is None or "@" in name or len(_ALIKE & {_script(char) for char in name if char.isalpha()}) > 1:
        return None
    return name


def _script(letter: str) -> str:
    return "LATIN" if letter.isascii() else unicodedata.name(letter, "").partition(" ")[0]


def _folded(text: str) -> str | None:
    name = text
    for _ in range(4):  # folding can undo composition and the other way round
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if folded == name:
            return name
        name = folded
    return None


def _allowed(char: str) -> bool:
    if char.isascii():
        return " " < char < "\x7f" and char not in _REFUSED
    return unicodedata.category(char) in _KINDS
