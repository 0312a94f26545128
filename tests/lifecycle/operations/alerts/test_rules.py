"""Rules: what there is, and what settings make of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from watchword.lifecycle.operations.alerts.rules import RULES, SEVERITIES, AlertRules

ROOT = Path(__file__).resolve().parents[4]


def test_each_rule_says_what_was_seen_and_what_to_do() -> None:
    for id, rule in RULES.items():
        assert rule.id == id
        assert rule.severity in SEVERITIES
        assert rule.told
        assert rule.advice
        assert "." not in (rule.told[-1], rule.advice[-1])


def test_each_rule_is_documented_with_its_severity() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    for rule in RULES.values():
        assert rule.id == "test" or f"| `{rule.id}` | {rule.severity} |" in page


def test_settings_change_what_they_name_alone() -> None:
    rules = AlertRules.of([{"rule": "refusals", "count": 7, "severity": None, "on": None}])
    assert rules.rule("refusals") == replace(RULES["refusals"], count=7)
    assert {id for id in RULES if rules.rules[id] != RULES[id]} == {"refusals"}
    assert AlertRules.of([{"rule": "replays", "on": False}]).rule("replays") is None
    with pytest.raises(KeyError):
        AlertRules.of([{"rule": "nothing"}])


def test_nobody_is_told_of_what_is_not_grave_enough() -> None:
    rules = AlertRules.of((), ["email"], "medium")
    assert [rules.tells(each) for each in SEVERITIES] == [False, True, True]
    assert not AlertRules.of((), (), "low").tells("high")
