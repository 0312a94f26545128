"""List what looks like a leak: for each rule what it looks for, how grave it is, from which count on, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

__all__ = ["RULES", "SEVERITIES", "AlertRule", "AlertRules"]

SEVERITIES: Final = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Hold one rule. ``count`` events ``within`` seconds set it off (0: the rule does not count).

    ``factor`` is how many times its usual rate a credential must reach; ``told`` says what was seen, ``advice`` what to
    do. ``repeat`` is for how many seconds the same is not said again (0: never again).
    """

    id: str
    severity: str
    told: str
    advice: str
    count: int = 0
    within: int = 0
    factor: float = 0.0
    repeat: int = 86400
    on: bool = True


_ROWS: Final = (
    AlertRule(
        "leaked",
        "high",
        "a credential was found leaked, and was revoked",
        "see what it did since with `watchword audit --credential ID`, and issue another",
        repeat=0,
    ),
    AlertRule(
        "revoked-used",
        "high",
        "somebody presents a credential that was revoked",
        "it is refused; whoever holds it may hold others: see from where, and replace what lay beside it",
        count=1,
        within=300,
    ),
    AlertRule(
        "retired-used",
        "medium",
        "a credential is presented whose successor has taken its place",
        "it is refused; give its owner the successor, or find out who else has the old one",
        count=1,
        within=300,
    ),
    AlertRule(
        "still-used",
        "low",
        "a credential that was rotated is still used, and ends soon",
        "give its owner the successor before it ends",
        within=86400,
    ),
    AlertRule(
        "new-network",
        "medium",
        "a credential is used from a network that it was never used from before",
        "ask its owner; bind it to their networks, or report it with `watchword leaked ID`",
        within=86400,
        repeat=0,
    ),
    AlertRule(
        "operator-new-network",
        "high",
        "an operator acts from a network that they never acted from before",
        "ask them; if it was not they, disable them and revoke what they hold",
        repeat=0,
    ),
    AlertRule(
        "sudden-rate",
        "medium",
        "a credential is used far more often than it ever was",
        "ask its owner; give it a limit, or report it with `watchword leaked ID`",
        count=300,
        within=3600,
        factor=10.0,
        repeat=3600,
    ),
    AlertRule(
        "refusals",
        "medium",
        "one credential, or one network, is refused again and again",
        "see why with `watchword audit --outcome refused`: a broken caller, or somebody who tries",
        count=100,
        within=300,
        repeat=3600,
    ),
    AlertRule(
        "guessing",
        "high",
        "passwords or secrets are being guessed",
        "it is slowed down; see from where with `watchword audit --reason wrong_secret`",
        count=30,
        within=300,
        repeat=3600,
    ),
    AlertRule(
        "replays",
        "high",
        "proofs that were used already are presented again",
        "somebody may have recorded them: see from where, and rotate the credential",
        count=5,
        within=300,
        repeat=3600,
    ),
    AlertRule(
        "audit",
        "high",
        "what was signed of the audit was removed or altered",
        "look with `watchword audit --verify`, compare with a backup, and ask who can write to the database",
    ),
    AlertRule("test", "low", "this is only a test", "nothing is to be done", repeat=0),
)

RULES: Final[Mapping[str, AlertRule]] = MappingProxyType({row.id: row for row in _ROWS})
"""Every rule by its id, as it is where the settings say nothing."""


@dataclass(frozen=True, slots=True)
class AlertRules:
    """Hold the rules in force, and who has to be told of alerts that are at least as grave as ``least``."""

    rules: Mapping[str, AlertRule] = field(default_factory=lambda: RULES)
    receivers: tuple[str, ...] = ()
    least: str = "low"

    @classmethod
    def of(cls, changes: Iterable[Mapping[str, Any]], receivers: Iterable[str] = (), least: str = "low") -> AlertRules:
        """Return the rules with ``changes``, each of which names its ``rule``. Raise KeyError for an unknown one."""
        rules = dict(RULES)
        for change in changes:
            fields = {name: value for name, value in change.items() if name != "rule" and value is not None}
            rules[change["rule"]] = replace(rules[change["rule"]], **fields)
        return cls(MappingProxyType(rules), tuple(receivers), least)

    def rule(self, id: str) -> AlertRule | None:
        """Return a rule that is on."""
        found = self.rules[id]
        return found if found.on else None

    def tells(self, severity: str) -> bool:
        """Tell whether somebody has to be told of an alert of this severity."""
        return bool(self.receivers) and SEVERITIES.index(severity) >= SEVERITIES.index(self.least)
