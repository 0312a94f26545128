"""Ask on the terminal: numbers or words, Enter for what is usual, back to change one's mind."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from watchword.advise import QUESTIONS, Answers, Option, Question, options_of
from watchword.cli.plumbing.output import colour, note
from watchword.cli.plumbing.shell import Stop, nearest

__all__ = ["interview"]

_BACK: Final = frozenset({"b", "back", "<"})
_USUAL: Final = "  (Enter)"


def interview() -> Answers:
    """Ask every question on stderr, read the answers from stdin. Stop where nobody answers any more."""
    note("A few questions. Answer by number; Enter takes what is marked; back returns to the question before.")
    given: dict[str, str] = {}
    at = 0
    while at < len(QUESTIONS):
        question = QUESTIONS[at]
        options = options_of(question, given.get("callers", "both"))
        word = _answer(question, options, given.get(question.name, question.default), at)
        if word is None:
            at = max(0, at - 1)
            continue
        given[question.name] = word
        at += 1
    return Answers(**given)


def _answer(question: Question, options: Sequence[Option], usual: str, at: int) -> str | None:
    """Return the word of an answer, None to go back."""
    words = [option.word for option in options]
    usual = usual if usual in words else question.default if question.default in words else words[0]
    note("")
    note(f"{at + 1}/{len(QUESTIONS)}  {question.text}")
    for number, option in enumerate(options, 1):
        note(f"   {number}  {option.text}{_USUAL if option.word == usual else ''}")
    while True:
        print(colour("> ", "bold", sys.stderr), end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            note("")
            flags = " ".join(f"--{each.name}" for each in QUESTIONS)
            raise Stop("nobody answers", f"answer by flags instead: {flags}")
        said = line.strip().lower()
        if said in _BACK:
            return None
        if not said:
            return usual
        if said.isdecimal() and 0 < int(said) <= len(words):
            return words[int(said) - 1]
        if said in words:
            return said
        near = nearest(said, words)
        note(f"  a number from 1 to {len(words)}" + (f", or did you mean {near}?" if near else ""))
