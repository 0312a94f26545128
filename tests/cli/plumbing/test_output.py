"""What is printed: plain where nobody looks, coloured where somebody does, never able to move a cursor."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.cli.plumbing import output
from watchword.cli.plumbing.shell import Asked


class _Terminal:
    """Make stdout claim to be a terminal of so many columns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)


COLUMNS = {"ID": ["key_" + "x" * 20], "SUBJECT": ["service:billing"], "STATE": ["active"], "SCOPES": ["a b c d e f g"]}


@given(st.text())
def test_nothing_that_moves_a_cursor_is_left(text: str) -> None:
    assert not [char for char in output.clean(text) if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")]


def test_moments_are_rfc_3339() -> None:
    assert output.moment(0) == "1970-01-01T00:00:00Z"
    assert output.moment(1795630811.9) == "2026-11-25T18:20:11Z"
    assert output.day(1795630811) == "2026-11-25"
    assert output.moment(None) == ""


def test_a_pipe_gets_every_column_and_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_rows(Asked(), [{}], COLUMNS)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.splitlines()[0].split() == ["ID", "SUBJECT", "STATE", "SCOPES"]


def test_a_terminal_gets_colour_unless_it_does_not_want_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _Terminal(monkeypatch, 120)
    output.print_rows(Asked(), [{}], COLUMNS)
    assert "\x1b[32mactive" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    output.print_rows(Asked(), [{}], COLUMNS)
    output.print_record(Asked(), {}, [("state", "active")], "title")
    assert "\x1b[3" not in capsys.readouterr().out


@pytest.mark.parametrize("width", [48, 60, 80])
def test_a_narrow_terminal_loses_the_last_columns_and_never_an_id(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    _Terminal(monkeypatch, width)
    monkeypatch.setenv("NO_COLOR", "1")
    output.print_rows(Asked(), [{}], COLUMNS)
    lines = [output.clean(line) for line in capsys.readouterr().out.splitlines()]
    assert any(COLUMNS["ID"][0] in line for line in lines)
    assert ("STATE" in lines[0]) is (width > 48)


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    values: list[Any] = [{"a": 1}, {"a": "é\n"}]
    output.print_rows(Asked(json=True), values, {})
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == values


def test_what_is_no_result_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.note("a\x1b[2J\nb")
    output.warn("c")
    output.print_rows(Asked(), [], {}, "none yet")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "a\\x1b[2J\nb\nc\nnone yet\n"


def test_a_record_leaves_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_record(Asked(), {}, [("one", "1"), ("two", None), ("three", []), ("four", True)], "it")
    assert capsys.readouterr().out == "it\n\n  one   1\n  four  yes\n"
