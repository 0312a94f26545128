"""Show each rule a configuration that breaks it and one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.certificates import make
from watchword.lint import RULES, Finding, Severity, examine, examine_store
from watchword.model.credential import Credential, Kind
from watchword.server.config.load import load

NOW = 1_795_000_000.0
DAY = 86400
MARK = "#!"


@dataclass(frozen=True)
class Example:
    """Hold both. Lines that are found in ``bad`` end with ``#!``; where none does, the finding has no line."""

    rule: str
    bad: str = ""
    good: str = ""
    severity: Severity | None = None
    before: Callable[[Path, bool], None] | None = None
    """Write files beside the configuration; the flag says whether it is the bad one."""
    held: tuple[Credential, ...] = ()
    kept: tuple[Credential, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    mended: Mapping[str, str] | None = None
    file: str = ""

    def __str__(self) -> str:
        return self.rule if self.severity is None else f"{self.rule}-{self.severity}"

    def found(self, folder: Path, *, bad: bool) -> list[Finding]:
        """Return what this rule finds."""
        text = self.bad if bad else self.good
        path = folder / "watchword.toml"
        path.write_text(text)
        if self.before is not None:
            self.before(folder, bad)
        environment = self.environment if bad or self.mended is None else self.mended
        more: dict[str, Any] = {"file": str(path), "environment": environment, "now": NOW}
        if RULES[self.rule].issued:
            shelf = Shelf(self.held if bad else self.kept)
            report = asyncio.run(examine_store(load(path), text, shelf, **more))
        else:
            report = examine(load(path), text, **more)
        return [finding for finding in report.findings if finding.rule == self.rule]

    def check(self, folder: Path) -> None:
        """Hold the rule to both."""
        [finding, *others] = self.found(folder, bad=True)
        lines = [number for number, line in enumerate(self.bad.splitlines(), 1) if line.endswith(MARK)]
        assert finding.line == (lines[0] if lines else None)
        assert [each.line for each in others] == lines[1:]
        assert finding.severity is (self.severity or RULES[self.rule].severity)
        assert finding.file == (self.file or str(folder / "watchword.toml"))
        for text in (finding.message, finding.why, finding.fix):
            assert text
        assert self.found(folder, bad=False) == []


@cache
def certificate_pem() -> bytes:
    """Return a certificate that is good for whoever wants one."""
    return make(ca=True, now=NOW).pem


class Shelf:
    """Hold credentials as a store does."""

    def __init__(self, records: tuple[Credential, ...]) -> None:
        self.records = sorted(records, key=lambda each: each.id)

    async def credentials(
        self, *, kind: Kind | None = None, subject: str | None = None, after: str = "", limit: int = 100
    ) -> list[Credential]:
        wanted = [each for each in self.records if kind in (None, each.kind) and subject in (None, each.subject)]
        return [each for each in wanted if each.id > after][:limit]


def record(kind: Kind = Kind.API_KEY, id: str = "key_a", **more: Any) -> Credential:
    """Return a credential without fault."""
    given: dict[str, Any] = {
        "subject": "service:billing",
        "created_at": int(NOW) - DAY,
        "expires_at": int(NOW) + 60 * DAY,
    }
    return Credential(id=id, kind=kind, **(given | more))
