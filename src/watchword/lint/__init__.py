"""Judge a configuration, and what is issued, by rules: each with an id, a severity, a place, why, and what mends it."""

from watchword.lint.judge import RULES, Allowed, Report, examine, examine_store, lint, unusable
from watchword.lint.rule import Finding, Rule, Severity

__all__ = ["RULES", "Allowed", "Finding", "Report", "Rule", "Severity", "examine", "examine_store", "lint", "unusable"]
