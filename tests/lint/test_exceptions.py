"""Exceptions: in the settings, on the line, from outside; and what becomes of those that allow nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.lint.example import Example
from watchword.lint import Report, examine
from watchword.server.config.load import load

ROUTE = '[[route]]\npath = "/a"\naccept = "api-key"\nscopes = ["a"]\n'
LINE = '[[route]]\npath = "/a"\naccept = "api-key" # lint: allow WW101 the gateway limits\nscopes = ["a"]\n'


def judged(folder: Path, text: str, allow: Sequence[str] = ()) -> Report:
    path = folder / "watchword.toml"
    path.write_text(text)
    return examine(load(path), text, file="watchword.toml", environment={}, allow=allow)


def rules(report: Report) -> list[str]:
    return [each.rule for each in report.findings]


EXAMPLES = [
    Example("WW002", '[lint]\nallow = ["WW999"] #!\n', '[lint]\nallow = ["WW201"]\n[passwords]\nplaintext = true\n'),
    Example("WW002", "[tokens] # lint: allow WW999 because #!\n", "[tokens]\n"),
    Example("WW002", "[tokens] # lint: allow because #!\n", "# lint your files\n"),
    Example("WW003", ROUTE + "# lint: allow WW101 #!\n", ROUTE + "# lint: allow WW101 the gateway limits\n"),
    Example("WW004", '[lint]\nallow = ["WW201"] #!\n', '[lint]\nallow = ["WW201"]\n[passwords]\nplaintext = true\n'),
    Example("WW004", '[tokens]\naccess = "5m" # lint: allow WW301 for once #!\n', '[tokens]\naccess = "5m"\n'),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        (LINE, "watchword.toml, line 3"),
        ("# lint: allow WW101 the gateway limits\n" + ROUTE, "watchword.toml, line 1"),
        (ROUTE.replace("]]", "]]  # lint: allow WW101: the gateway limits"), "watchword.toml, line 1"),
        (ROUTE + "# LINT: allow\n", ""),
        (ROUTE + '[lint]\nallow = ["ww101"]\n', "lint.allow"),
    ],
)
def test_where_exceptions_may_stand(text: str, by: str, tmp_path: Path) -> None:
    report = judged(tmp_path, text)
    assert [each.by for each in report.allowed] == ([by] if by else [])
    assert ("WW101" in rules(report)) is (not by)


def test_a_comment_speaks_of_its_own_table_alone(tmp_path: Path) -> None:
    report = judged(tmp_path, LINE + ROUTE.replace("/a", "/b"))
    assert [each.line for each in report.findings if each.rule == "WW101"] == [5]
    assert [each.finding.line for each in report.allowed] == [1]


def test_a_comment_allows_the_rules_that_it_names_alone(tmp_path: Path) -> None:
    report = judged(tmp_path, LINE.replace('scopes = ["a"]\n', ""))
    assert "WW102" in rules(report)
    assert "WW101" not in rules(report)


def test_several_rules_in_one_comment(tmp_path: Path) -> None:
    report = judged(
        tmp_path, '[[route]] # lint: allow WW101, WW102 it is behind the gateway\npath = "/a"\naccept = "jwt"\n'
    )
    assert {each.finding.rule for each in report.allowed} == {"WW101", "WW102"}
    assert not {"WW002", "WW003", "WW004"}.intersection(rules(report))


def test_from_outside(tmp_path: Path) -> None:
    report = judged(tmp_path, ROUTE, ["ww101"])
    assert [each.by for each in report.allowed] == ["--allow WW101"]
    assert "WW101" not in rules(report)


def test_a_comment_does_not_speak_of_what_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_PASSWORDS__PLAINTEXT", "true")
    text = "[passwords] # lint: allow WW201 only here\n"
    (tmp_path / "watchword.toml").write_text(text)
    given = {"WATCHWORD_PASSWORDS__PLAINTEXT": "true"}
    report = examine(load(tmp_path / "watchword.toml"), text, file="watchword.toml", environment=given)
    assert "WW201" in rules(report)


def test_what_was_not_asked_is_not_called_stale(tmp_path: Path) -> None:
    assert "WW004" not in rules(judged(tmp_path, '[lint]\nallow = ["WW801"]\n'))


def test_a_comment_in_a_text_is_none(tmp_path: Path) -> None:
    text = 'audience = """\n# lint: allow WW101 nothing\n"""\n'
    assert "WW004" not in rules(judged(tmp_path, text))
