"""What every verb shares."""

from __future__ import annotations

import pytest
import typer

from watchword.cli.plumbing.shell import Asked, Stop, VerbCommand, group, nearest, report


def test_nearest_is_the_nearest_or_none() -> None:
    assert nearest("key_ABCDEFGHIJKLMNOPQRSa", ["key_ABCDEFGHIJKLMNOPQRST"]) == "key_ABCDEFGHIJKLMNOPQRST"
    assert nearest("ISSU", ["issue", "list"]) == "issue"
    assert nearest("zzz", ["issue", "list"]) is None


@pytest.mark.parametrize("words", [["--json", "do"], ["do", "--json"]])
def test_json_is_heard_before_and_after_the_verb(words: list[str]) -> None:
    app = group("Try.")
    app.command("do", cls=VerbCommand)(lambda: None)
    app.command("more", cls=VerbCommand)(lambda: None)
    asked = Asked()
    typer.main.get_command(app).main(words, standalone_mode=False, obj=asked)
    assert asked.json


def test_a_report_cannot_move_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(Stop("a\x1b[2J", "b\r", 3)) == 3
    assert capsys.readouterr().err == "watchword: a\\x1b[2J\n  b\\r\n"


def test_several_mistakes_are_told_each_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    report(Stop("watchword.toml, line 1: a\nwatchword.toml, line 2: b\x1b[2J"))
    assert capsys.readouterr().err == "watchword: watchword.toml, line 1: a\n  watchword.toml, line 2: b\\x1b[2J\n"
