"""What verbs show of findings."""

from __future__ import annotations

import pytest

from watchword.cli.plumbing.findings import allowed_rules, print_findings, refuse_errors, summary
from watchword.cli.plumbing.shell import Asked, Stop
from watchword.lint import Allowed, Finding, Report, Severity


def finding(severity: Severity, rule: str = "WW201", fix: str = "mend it") -> Finding:
    return Finding(rule, severity, "watchword.toml", 7, "it is odd", "Because.", fix)


def test_a_summary_counts() -> None:
    error, note = finding(Severity.ERROR), finding(Severity.NOTE)
    assert summary(Report((error, error, note), (Allowed(note, "lint.allow"),))) == "2 errors, 1 note, 1 allowed"
    assert summary(Report(())) == "nothing found"


def test_ids_are_read_in_any_case_and_with_commas() -> None:
    assert allowed_rules(["ww201, WW202", "Ww301"]) == ("WW201", "WW202", "WW301")
    with pytest.raises(Stop, match="there is no rule 'WW0'"):
        allowed_rules(["WW0"])


def test_a_fix_of_several_lines_is_one_paragraph(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings(Asked(), [finding(Severity.ERROR, fix="[mfa]\nrequired = 1")])
    assert capsys.readouterr().out.splitlines() == [
        "watchword.toml:7: error WW201: it is odd",
        "  why  Because.",
        "  fix  [mfa]",
        "       required = 1",
    ]


def test_each_error_is_told_and_each_rule_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stop) as stopped:
        refuse_errors(Report((finding(Severity.ERROR), finding(Severity.ERROR), finding(Severity.WARNING, "WW101"))))
    assert str(stopped.value).count("error WW201") == 2
    assert "WW101" not in str(stopped.value)
    assert stopped.value.hint.count("--allow WW201") == 1
    assert stopped.value.code == 1


def test_warnings_stop_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    refuse_errors(Report((finding(Severity.WARNING), finding(Severity.NOTE))))
    assert capsys.readouterr().err == "1 warning about the configuration: `watchword lint` tells\n"
    refuse_errors(Report((finding(Severity.NOTE),)))
    assert capsys.readouterr().err == ""
