"""Telling an advice: everything of the first one, a line for each of the others."""

from __future__ import annotations

from watchword.advise import Answers, advise
from watchword.cli.advising.telling import LANGUAGES, told


def test_everything_of_the_shown_one_is_told() -> None:
    for answers in (Answers(), Answers(callers="people", through="app", sensitivity="high")):
        found = advise(answers)
        for language in LANGUAGES:
            text = " ".join("\n".join(told(found, found[0], language)).split())
            for each in (*(reason.why for reason in found[0].reasons if reason.points), *found[0].trade_offs.cons):
                assert " ".join(each.split()) in text
            for layer in found[0].layers:
                assert layer.name in text
            assert " ".join(found[0].snippet[language].split()) in text


def test_the_others_stand_in_their_order() -> None:
    found = advise(Answers())
    lines = list(told(found, found[0], "python"))
    names = [
        line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in {e.scheme for e in found}
    ]
    assert names == [each.scheme for each in found[1:]]


def test_where_nothing_fits_that_is_what_is_said() -> None:
    answers = {"through": "legacy", "sensitivity": "high", "network": "untrusted", "complexity": "little"}
    found = advise(Answers(**answers, revocation="at-once", offline="yes"))
    first = next(told(found, found[0], "python"))
    assert first == f"{found[0].scheme} is the least bad: nothing fits these answers well"
    assert next(told(found, found[1], "python")).endswith("is the least bad: nothing fits these answers well")
