"""``watchword advise``: flags answer without asking, and what comes out is ready to use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.desk import run_in
from watchword.advise import QUESTIONS, Answers, advise


def test_flags_answer_without_asking(tmp_path: Path) -> None:
    said = run_in(tmp_path, "advise", "--callers", "machines", "--sensitivity", "high")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("hmac is advised\n  Signed requests (HMAC), 12 points.")
    for part in ("Why here", "In general", "The others", "On top", "In watchword.toml", "Give one caller", "in Python"):
        assert part in said.out
    assert 'accept = "hmac"' in said.out
    assert "watchword issue hmac --for service:billing --scope orders:read --limit 120/min --expires 90d" in said.out
    assert "SignatureAuth(" in said.out


def test_the_json_is_the_engines(tmp_path: Path) -> None:
    words = ("--callers", "people", "--through", "browser", "--path", "/me", "--scope", "me:read", "--method", "post")
    value = run_in(tmp_path, "advise", *words, "--url", "https://a.test", "--json").json
    assert value["answers"] == Answers(callers="people", through="browser").value()
    assert value["place"] == {"url": "https://a.test", "path": "/me", "method": "POST", "scopes": ["me:read"]}
    assert [each["scheme"] for each in value["advice"]] == [
        each.scheme for each in advise(Answers(callers="people", through="browser"))
    ]
    assert 'path = "/me"' in value["advice"][0]["route_block"]
    assert value["written"] is None


def test_another_scheme_and_another_language_can_be_shown(tmp_path: Path) -> None:
    said = run_in(tmp_path, "advise", "--callers", "machines", "--scheme", "mtls", "--language", "javascript")
    assert said.out.startswith("mtls is rather not here; api-key is advised")
    assert 'from "node:https"' in said.out
    said = run_in(tmp_path, "advise", "--callers", "machines", "--scheme", "session")
    assert "ruled out" in said.out.splitlines()[0]
    assert "[[route]]" not in said.out


def test_lines_fit_a_terminal(tmp_path: Path) -> None:
    for words in (("--through", "legacy"), ("--callers", "people", "--through", "third-party"), ("--ends", "ours")):
        before, _, _ = run_in(tmp_path, "advise", *words).out.partition("In watchword.toml")
        assert [line for line in before.splitlines()[2:] if len(line) > 80] == []


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--callers", "robots"), "--callers: 'robots' is no answer"),
        (("--through", "browser"), "--through: machines call by no browser"),
        (("--callers", "people", "--path", "orders"), "--path"),
        (("--callers", "people", "--scope", "a'b"), "--scope"),
        (("--callers", "people", "--url", "example"), "--url"),
        (("--callers", "people", "--scheme", "mtsl"), "did you mean mtls?"),
        (("--callers", "people", "--language", "cobol"), "--language"),
    ],
)
def test_mistakes(tmp_path: Path, words: tuple[str, ...], what: str) -> None:
    said = run_in(tmp_path, "advise", *words)
    assert (said.code, said.out) == (2, "")
    assert what in said.err


def test_every_question_is_a_flag_that_names_its_answers(tmp_path: Path) -> None:
    text = re.sub(r"\s+", " ", run_in(tmp_path, "advise", "--help").out.partition("Options:")[2])
    for question in QUESTIONS:
        assert f"--{question.name}" in text
        start = text.index(f"--{question.name} ")
        for option in question.options:
            assert option.word in text[start : start + 160], (question.name, option.word)
