"""docs/reference/lint.md says what the rules say."""

from __future__ import annotations

from tests.lint.page import FAMILIES, PAGE, written
from watchword.lint import RULES


def test_the_page_is_that_of_these_rules() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run `python -m tests.lint.page`"


def test_every_rule_is_in_a_family() -> None:
    assert {name[:3] for name in RULES} == FAMILIES.keys()
    assert all(f"| `{name}` |" in written() for name in RULES)
