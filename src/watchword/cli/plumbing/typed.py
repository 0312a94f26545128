"""Read what people type: kinds, secrets from files and the environment, durations; errors name the option."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from watchword.cli.plumbing.output import clean
from watchword.cli.plumbing.shell import Stop, nearest

__all__ = [
    "at",
    "chosen",
    "data_from",
    "expiry_of",
    "header_of",
    "password_from_stdin",
    "prompted",
    "seconds_of",
    "secret_from",
    "token_from_stdin",
]

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def at(option: str, read: Callable[[str], T], text: str) -> T:
    """Return ``read(text)``; where that is wrong, say in which option."""
    from watchword.lifecycle.errors import LifecycleError

    try:
        return read(text)
    except LifecycleError as error:
        raise Stop(f"{option}: {error}", error.hint) from None


def seconds_of(option: str, text: str) -> int:
    """Return a duration such as "90d" in seconds."""
    from watchword.lifecycle.values import duration_of

    return at(option, duration_of, text)


def expiry_of(text: str | None) -> int | None:
    """Return when something ends that begins now, in Unix seconds."""
    return None if text is None else int(time.time()) + seconds_of("--expires", text)


def chosen(what: str, text: str, choices: Iterable[E]) -> E:
    """Return the one of ``choices`` that is spelled ``text``, or stop with the nearest."""
    words = {choice.value: choice for choice in choices}
    word = text.strip().lower().replace("_", "-")
    if word in words:
        return words[word]
    near = nearest(word, words)
    hint = f"did you mean {near}?" if near else f"one of: {', '.join(words)}"
    raise Stop(f"there is no {what} {text[:40]!r}", hint)


def secret_from(text: str, what: str) -> str:
    """Return a secret given as "@FILE", "env:NAME", "-" (standard input) or, least well, as it is."""
    if text == "-":
        found = sys.stdin.readline()
    elif text.startswith("@"):
        path = Path(text[1:]).expanduser()
        try:
            found = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Stop(
                f"{what}: {path} cannot be read", getattr(error, "strerror", None) or "it is not UTF-8"
            ) from None
    elif text.startswith("env:"):
        name = text[4:]
        if name not in os.environ:
            raise Stop(f"{what}: the environment has no {name}", f"export {name} first")
        found = os.environ[name]
    else:
        found = text
    found = found.strip("\r\n")
    if not found:
        raise Stop(f"{what} is empty", "give it as @FILE, env:NAME or - for standard input")
    return found


def password_from_stdin() -> str:
    """Return the password that comes on standard input: its first line."""
    if sys.stdin.isatty():
        return prompted("Password", twice=True)
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Stop("no password came on standard input", 'such as: printf %s "$PASSWORD" | watchword …')
    return password


def token_from_stdin() -> str:
    """Return the token that comes on standard input, or that is typed unseen."""
    token = prompted("Token") if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not token:
        raise Stop("no token came on standard input", "such as: watchword revoke --token - < token.txt …")
    return token


def prompted(label: str, *, twice: bool = False) -> str:
    """Ask for a secret on the terminal, unseen. Stop where there is no terminal."""
    import getpass

    if not sys.stdin.isatty():
        raise Stop(
            f"{label.lower()}: there is no terminal to ask on", "give it as @FILE, env:NAME or - for standard input"
        )
    given = getpass.getpass(f"{label}: ")
    if twice and getpass.getpass(f"{label} again: ") != given:
        raise Stop("the two are not the same", "try again")
    if not given:
        raise Stop(f"the {label.lower()} is empty", "try again")
    return given


def data_from(text: str) -> bytes:
    """Return content given as text, "@FILE" or "-" (standard input)."""
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        path = Path(text[1:]).expanduser()
        try:
            return path.read_bytes()
        except OSError as error:
            raise Stop(
                f"--data: {path}: {error.strerror}", "a text that begins with @ goes through standard input: -"
            ) from None
    return text.encode()


def header_of(text: str) -> tuple[bytes, bytes]:
    """Return name and value of "Name: value" (RFC 9110 section 5.1)."""
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise Stop(f"--header: {clean(name[:40])!r} is not a header field", "such as --header 'Accept: text/plain'")
    try:
        return name.encode(), value.strip(" \t").encode("latin-1")
    except UnicodeEncodeError:
        raise Stop(
            f"--header {name}: the value has characters that no header can carry", "use Latin-1 or encode it"
        ) from None
