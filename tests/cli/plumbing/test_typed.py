"""What people type."""

from __future__ import annotations

import io
import sys
import time
from enum import StrEnum
from pathlib import Path

import pytest

from watchword.cli.plumbing import typed
from watchword.cli.plumbing.shell import Stop


class _Colour(StrEnum):
    DARK_RED = "dark-red"
    BLUE = "blue"


def _stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.parametrize("text", ["dark-red", "DARK_RED", " dark-red "])
def test_words_are_chosen_in_any_spelling(text: str) -> None:
    assert typed.chosen("colour", text, _Colour) is _Colour.DARK_RED


@pytest.mark.parametrize(("text", "hint"), [("bleu", "did you mean blue?"), ("zzz", "one of: dark-red, blue")])
def test_a_wrong_word_names_the_nearest(text: str, hint: str) -> None:
    with pytest.raises(Stop) as stop:
        typed.chosen("colour", text, _Colour)
    assert stop.value.hint == hint


def test_an_expiry_is_in_unix_seconds() -> None:
    assert typed.expiry_of(None) is None
    assert abs((typed.expiry_of("1h") or 0) - time.time() - 3600) < 5


def test_secrets_come_from_files_environment_and_stdin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("of a file\r\n")
    monkeypatch.setenv("OF_ENV", "of env")
    _stdin(monkeypatch, "of stdin\nmore\n")
    assert typed.secret_from(f"@{tmp_path / 's'}", "x") == "of a file"
    assert typed.secret_from("env:OF_ENV", "x") == "of env"
    assert typed.secret_from("-", "x") == "of stdin"
    assert typed.secret_from("as it is", "x") == "as it is"


@pytest.mark.parametrize("text", ["-", "@/nowhere", "env:NO_SUCH_NAME"])
def test_a_secret_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    _stdin(monkeypatch, "")
    with pytest.raises(Stop, match="--x"):
        typed.secret_from(text, "--x")


def test_a_password_keeps_its_spaces_and_loses_its_newline(monkeypatch: pytest.MonkeyPatch) -> None:
    _stdin(monkeypatch, " pass word \r\n")
    assert typed.password_from_stdin() == " pass word "


def test_a_prompt_is_asked_twice_and_must_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    given = iter(["one", "one", "one", "two"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(given))
    assert typed.prompted("Password", twice=True) == "one"
    with pytest.raises(Stop, match="not the same"):
        typed.prompted("Password", twice=True)


@pytest.mark.parametrize(
    ("text", "pair"),
    [("A: b", (b"A", b"b")), ("X-Empty:", (b"X-Empty", b"")), ("a:b:c", (b"a", b"b:c")), ("A: é", (b"A", b"\xe9"))],
)
def test_headers_are_read(text: str, pair: tuple[bytes, bytes]) -> None:
    assert typed.header_of(text) == pair


@pytest.mark.parametrize("text", ["nonsense", ": x", "a b: c", "A: €", "A\r\nB: c"])
def test_what_no_header_can_be_is_refused(text: str) -> None:
    with pytest.raises(Stop, match="--header"):
        typed.header_of(text)


def test_content_comes_from_files_and_stdin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(b"\x00\xff")
    _stdin(monkeypatch, "of stdin\n")
    assert typed.data_from(f"@{tmp_path / 'd'}") == b"\x00\xff"
    assert typed.data_from("-") == b"of stdin\n"
    assert typed.data_from("é") == "é".encode()
