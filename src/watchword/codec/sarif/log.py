"""Write findings as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), which code hosts and editors read.

Written is the part that code hosts read: one run, the rules that were asked, a result for each finding, with a place
and a fingerprint that stays the same when lines move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

__all__ = ["VERSION", "Level", "SarifResult", "SarifRule", "sarif"]

VERSION: Final = "2.1.0"

Level: TypeAlias = Literal["error", "warning", "note"]

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT: Final = "%SRCROOT%"  # what relative paths are relative to (section 3.4.4); the reader knows where that is
_SAFE: Final = "/-._~!$&'()*+,;=@"  # of a path's segment (RFC 3986 section 3.3), but ":", which ends a scheme


@dataclass(frozen=True, slots=True)
class SarifRule:
    """Describe one rule (section 3.49): ``summary`` in a line, ``why`` it matters, ``fix`` what mends it.

    ``uri`` is where it is documented, ``tags`` what hosts filter by, such as "security".
    """

    id: str
    summary: str
    level: Level = "error"
    why: str = ""
    fix: str = ""
    uri: str = ""
    tags: Sequence[str] = ("security",)


@dataclass(frozen=True, slots=True)
class SarifResult:
    """Tell of one finding (section 3.27): which rule, what, and where.

    ``path`` is a file's path with "/", relative to what was looked at, "" where there is no file; ``line`` and
    ``column`` count from 1, None where there is none. ``level`` overrides the rule's. ``fingerprint`` names the finding
    wherever its line goes. ``properties`` are JSON values besides.
    """

    rule: str
    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    level: Level | None = None
    fingerprint: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


def sarif(tool_rules: Iterable[SarifRule], results: Iterable[SarifResult], *, version: str = "") -> dict[str, Any]:
    """Return the log of one run (JSON values). Raise KeyError when a result names a rule that is not among the rules.

    ``version`` is of Watchword, which is the tool.
    """
    rules = list(tool_rules)
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    driver: dict[str, Any] = {"name": "Watchword", "rules": [_rule(rule) for rule in rules]}
    if version:
        driver["version"] = version
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, numbers[each.rule], rules) for each in results],
    }
    return {"$schema": _SCHEMA, "version": VERSION, "runs": [run]}


def _rule(rule: SarifRule) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why or rule.summary},
        "defaultConfiguration": {"level": rule.level},
        "properties": {"tags": list(rule.tags)},
    }
    if rule.fix:
        value["help"] = {"text": rule.fix}
    if rule.uri:
        value["helpUri"] = rule.uri
    return value


def _result(result: SarifResult, number: int, rules: Sequence[SarifRule]) -> dict[str, Any]:
    value: dict[str, Any] = {
        "ruleId": result.rule,
        "ruleIndex": number,
        "level": result.level or rules[number].level,
        "message": {"text": _literal(result.message)},
    }
    if result.path:
        value["locations"] = [{"physicalLocation": _place(result)}]
    if result.fingerprint:
        value["partialFingerprints"] = {"watchword/v1": result.fingerprint}
    if result.properties:
        value["properties"] = dict(result.properties)
    return value


def _place(result: SarifResult) -> dict[str, Any]:
    location = {"uri": _uri(result.path)}
    if not result.path.startswith("/"):
        location["uriBaseId"] = _ROOT
    place: dict[str, Any] = {"artifactLocation": location}
    if result.line is not None:
        column = {} if result.column is None else {"startColumn": result.column}
        place["region"] = {"startLine": result.line, **column}
    return place


def _literal(text: str) -> str:
    """Return the message with what would be read as a link or a placeholder escaped (sections 3.11.5, 3.11.6)."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace("{", "{{").replace("}", "}}")


def _uri(path: str) -> str:
    """Return a path as a URI reference: every byte that no path holds is percent-encoded, whatever its encoding was."""
    uri = quote(path.encode("utf-8", "surrogateescape"), safe=_SAFE)
    return f"file://{uri}" if path.startswith("/") else uri
