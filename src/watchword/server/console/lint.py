"""Show what is wrong with the configuration, and on demand with what is issued."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.lint import RULES, Report, examine, examine_store
from watchword.server.account.visit import Visit
from watchword.server.console.desk import ConsoleDesk

__all__ = ["LintPage"]


class LintPage:
    """Hold ``/console/lint``."""

    def __init__(self, desk: ConsoleDesk) -> None:
        self._desk = desk

    def routes(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [self._desk.acting("/console/lint", "configuration:read", self.findings, "lint", proof=False)]

    async def findings(self, visit: Visit) -> Response:
        """Show findings; after a POST also those about what is issued, for which every credential is read once."""
        settings, file = self._desk.settings, self._desk.settings.file
        text = _text(file)
        given: dict[str, Any] = {
            "file": file.name if file is not None and text else "",
            "now": self._desk.watchword.clock(),
        }
        if visit.request.method == "POST":
            report: Report = await self._desk.aside(examine_store(settings, text, self._desk.watchword.store, **given))
        else:
            report = examine(settings, text, **given)
        count = Counter(each.severity.value for each in report.findings)
        return self._desk.page(
            visit,
            findings=[dict(each.values(), title=RULES[each.rule].title) for each in report.findings],
            allowed=[(each.finding.values(), each.by) for each in report.allowed],
            count=count,
            rules=len(RULES),
            whole=visit.request.method == "POST",
            live=False,
        )


def _text(file: Path | None) -> str:
    """Return what the file says now, "" where it cannot be read any more."""
    try:
        return "" if file is None else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
