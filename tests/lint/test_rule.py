"""Rules and findings: what they hold, how they read, in which order they come."""

from __future__ import annotations

from watchword.lint.case import Case
from watchword.lint.rule import Finding, Severity, Spot, fresh, order, rule


@rule("WW999", Severity.WARNING, "Something is odd", why="Because.", fix="mend it", sources=["RFC 9700 2.3"])
def odd(case: Case) -> list[Spot]:
    """Find nothing."""
    return []


def finding(severity: Severity, file: str = "a", line: int | None = None) -> Finding:
    return Finding("WW999", severity, file, line, "odd", "Because.", "mend it")


def test_a_function_becomes_a_rule() -> None:
    assert (odd.id, odd.severity, odd.title, odd.issued) == ("WW999", Severity.WARNING, "Something is odd", False)
    assert odd.sources == ("RFC 9700 2.3",)


def test_a_spot_wins_over_the_rule() -> None:
    plain = fresh(odd, Spot(("route", 0, "accept"), "odd"), "watchword.toml", 3)
    assert (plain.severity, plain.fix, plain.key) == (Severity.WARNING, "mend it", "route.1.accept")
    other = fresh(odd, Spot((), "odd", "do that", Severity.NOTE), "watchword.toml", None)
    assert (other.severity, other.fix, other.key) == (Severity.NOTE, "do that", "")


def test_the_worst_comes_first_then_places() -> None:
    note, warning = finding(Severity.NOTE, line=1), finding(Severity.WARNING, line=9)
    error, later, elsewhere = (
        finding(Severity.ERROR, line=5),
        finding(Severity.ERROR, line=7),
        finding(Severity.ERROR, "b", 1),
    )
    assert sorted([note, elsewhere, warning, later, error], key=order) == [error, later, elsewhere, warning, note]


def test_a_finding_reads_like_a_compilers() -> None:
    assert str(finding(Severity.ERROR, "watchword.toml", 7)) == "watchword.toml:7: error WW999: odd"
    assert str(finding(Severity.NOTE, "key_a")) == "key_a: note WW999: odd"
    assert finding(Severity.NOTE, "key_a").place == "key_a"
    assert finding(Severity.NOTE, "watchword.toml", 7).place == "watchword.toml, line 7"
    assert finding(Severity.NOTE).values()["severity"] == "note"
