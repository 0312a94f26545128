"""Questions and their answers: each has a default, and nonsense is named with what would do."""

from __future__ import annotations

from typing import Any

import pytest

from watchword.advise import QUESTIONS, Answers, NoAnswer, Place, options_of


def test_every_question_has_an_answer_of_its_name_and_a_default_of_its_options() -> None:
    value = Answers().value()
    assert list(value) == [question.name for question in QUESTIONS]
    for question in QUESTIONS:
        assert value[question.name] == question.default
        assert question.default in [option.word for option in options_of(question, "machines")]
        assert len({option.word for option in question.options}) == len(question.options)


@pytest.mark.parametrize(
    ("value", "question"),
    [
        ({"callers": "robots"}, "callers"),
        ({"callers": "machines", "through": "browser"}, "through"),
        ({"callers": "machines", "through": "app"}, "through"),
        ({"sensitivity": 7}, "sensitivity"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_no_answer_is_named(value: dict[str, Any], question: str) -> None:
    with pytest.raises(NoAnswer) as raised:
        Answers.of(value)
    assert raised.value.question == question
    assert raised.value.hint.startswith("one of: ")


def test_machines_have_no_browser() -> None:
    through = next(question for question in QUESTIONS if question.name == "through")
    assert "browser" not in [option.word for option in options_of(through, "machines")]
    assert "browser" in [option.word for option in options_of(through, "both")]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"url": "api.example.com"}, "url"),
        ({"url": 'https://a"; rm -rf /'}, "url"),
        ({"url": "https://a`id`"}, "url"),
        ({"path": "orders"}, "path"),
        ({"path": '/a"b'}, "path"),
        ({"path": "/a\nb"}, "path"),
        ({"method": "get"}, "method"),
        ({"scopes": ("a'b",)}, "scope"),
        ({"scopes": ("a`id`",)}, "scope"),
        ({"scopes": ("a b",)}, "scope"),
    ],
)
def test_nothing_that_could_end_a_text_gets_into_a_snippet(given: dict[str, Any], name: str) -> None:
    with pytest.raises(NoAnswer) as raised:
        Place(**given)
    assert raised.value.question == name


def test_an_example_falls_under_the_template() -> None:
    assert Place(path="/orders/{id}/items/{item:path}").example == "/orders/1/items/1"
