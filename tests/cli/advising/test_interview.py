"""The interview: by numbers, words and Enter, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.desk import Said, run_in
from watchword.advise import QUESTIONS, Answers


def _asked(folder: Path, *lines: str) -> Said:
    return run_in(folder, "advise", "--json", stdin="".join(f"{line}\n" for line in lines))


def test_enter_takes_what_is_usual(tmp_path: Path) -> None:
    said = _asked(tmp_path, *[""] * len(QUESTIONS))
    assert said.json["answers"] == Answers().value()
    for question in QUESTIONS:
        assert question.text in said.err
    assert said.err.count("(Enter)") == len(QUESTIONS)


def test_numbers_and_words_answer(tmp_path: Path) -> None:
    said = _asked(tmp_path, "1", "browser", "HIGH", *[""] * 7)
    answers = said.json["answers"]
    assert (answers["callers"], answers["through"], answers["sensitivity"]) == ("people", "browser", "high")


def test_back_returns_to_the_question_before_and_keeps_the_other_answers(tmp_path: Path) -> None:
    said = _asked(tmp_path, "people", "app", "low", "back", "b", "browser", "", *[""] * 7)
    answers = said.json["answers"]
    assert (answers["through"], answers["sensitivity"]) == ("browser", "low")
    assert _asked(tmp_path, "back", *[""] * 10).json["answers"] == Answers().value()


def test_machines_are_not_offered_a_browser(tmp_path: Path) -> None:
    said = _asked(tmp_path, "machines", *[""] * 9)
    assert "web pages of your own" not in said.err
    said = _asked(tmp_path, "people", "browser", "<", "<", "machines", *[""] * 9)
    assert said.json["answers"]["through"] == "server"


def test_what_is_no_answer_is_asked_again(tmp_path: Path) -> None:
    said = _asked(tmp_path, "peple", "9", "0", "people", *[""] * 9)
    assert said.json["answers"]["callers"] == "people"
    assert "did you mean people?" in said.err
    assert said.err.count("a number from 1 to 3") == 3


@pytest.mark.parametrize("lines", [(), ("people",), ("people", "")])
def test_where_nobody_answers_any_more_flags_are_named(tmp_path: Path, lines: tuple[str, ...]) -> None:
    said = _asked(tmp_path, *lines)
    assert (said.code, said.out) == (2, "")
    assert "--callers --through --sensitivity" in said.err
