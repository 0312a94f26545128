"""What the server is set to: ``/admin/v1/configuration``, ``routes``, ``lint``, ``explain``. Nothing changes it."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.explanation import Question, Unclear, explained
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.operations.rights import to_read
from watchword.lint import RULES, Report, Severity, examine, examine_store
from watchword.routes import Rule
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.fields import FLAGS
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, one_of, reference, several, under
from watchword.server.config.settings import Settings
from watchword.server.places import front_of, own_places

__all__ = ["AdminConfiguration"]

READ: Final = to_read("configuration")

_CONFIGURATION: Final = "/admin/v1/configuration"
_ROUTES: Final = "/admin/v1/routes"
_LINT: Final = "/admin/v1/lint"
_EXPLAIN: Final = "/admin/v1/explain"
_TEXT: Final = {"type": "string"}
_SEVERITY: Final = one_of([each.value for each in Severity])
_RULE_FIELDS: Final[dict[str, Schema]] = {
    **dict.fromkeys(("rule", "title", "why", "fix"), _TEXT),
    "severity": _SEVERITY,
    "sources": several(_TEXT),
    "issued": {"type": "boolean", "description": "Whether it looks at what is issued"},
}
_RULE: Final[Schema] = {"type": "object", "required": list(_RULE_FIELDS), "properties": _RULE_FIELDS}
_STARS: Final = "**********"
_ASKED: Final = re.compile(r"\?.*")
_MOST_QUESTION: Final = 65_536  # bytes: a question holds a request's content


class AdminConfiguration:
    """Hold the operations."""

    tag = "Configuration"

    def __init__(self, watchword: Watchword, settings: Settings, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword
        self._settings = settings
        self._places = own_places(watchword)

    def operations(self) -> list[Operation]:
        """Return what can be asked."""
        store: dict[str, Schema] = {"store": {"type": "boolean", "description": "Look at what is issued, too"}}
        asked: Any = {"body": "Question", "most": _MOST_QUESTION}
        return [
            Operation("GET", _CONFIGURATION, READ, "The settings", self.shown, ("200", "Configuration")),
            Operation("GET", _ROUTES, READ, "What each place demands", self.routes, ("200", "Routes")),
            Operation("GET", _LINT, READ, "What is wrong with it", self.lint, ("200", "Findings"), query=store),
            Operation("GET", under(_LINT, "rules"), READ, "What is judged by", self.rules, ("200", "LintRules")),
            Operation(
                "POST", _EXPLAIN, READ, "Why a request would pass", self.explain, ("200", "Explanation"), **asked
            ),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        route = {
            **dict.fromkeys(("path", "accept", "limit", "body", "resource"), _TEXT),
            **dict.fromkeys(("methods", "scopes", "networks", "factors"), several(_TEXT)),
            "within": nullable("number"),
        }
        finding = {
            **dict.fromkeys(("rule", "file", "key", "message", "why", "fix"), _TEXT),
            "severity": _SEVERITY,
            "line": nullable("integer"),
            "sources": several(_TEXT),
        }
        allowed = {"finding": reference("Finding"), "by": _TEXT}
        findings = {
            "findings": several(reference("Finding")),
            "allowed": several({"type": "object", "required": list(allowed), "properties": allowed}),
        }
        pairs = several({"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2})
        question = {
            **dict.fromkeys(("method", "url", "body", "body_base64", "address", "certificate", "string_signed"), _TEXT),
            "headers": pairs,
        }
        explanation = {
            "decision": one_of(["accepted", "refused", "broken"]),
            "status": {"type": "integer"},
            "reason": nullable("string"),
            "route": nullable("object"),
            "steps": several({"type": "object"}),
            "policy": nullable("object"),
            "signature": nullable("object"),
            "response": {"type": "object"},
            "cost": {"type": "number", "description": "Microseconds"},
        }
        return {
            "Configuration": {"type": "object", "description": "As in watchword.toml, without secrets"},
            "Route": {"type": "object", "required": list(route), "properties": route},
            "Routes": {"type": "object", "required": ["routes"], "properties": {"routes": several(reference("Route"))}},
            "Finding": {"type": "object", "required": list(finding), "properties": finding},
            "Findings": {"type": "object", "required": list(findings), "properties": findings},
            "LintRules": {"type": "object", "required": ["rules"], "properties": {"rules": several(_RULE)}},
            "Question": {"type": "object", "additionalProperties": False, "required": ["url"], "properties": question},
            "Explanation": {"type": "object", "required": list(explanation), "properties": explanation},
        }

    async def shown(self, asked: Asked) -> Response:
        """Return the settings that hold, with their defaults; what may hold a secret is not shown."""
        return self._desk.answer(shown_settings(self._settings))

    async def routes(self, asked: Asked) -> Response:
        """Return the configured places in order, and those of the server itself."""
        rules = [*(entry.rule() for entry in self._settings.route), *self._places]
        return self._desk.answer({"routes": [_route(each) for each in rules]})

    async def lint(self, asked: Asked) -> Response:
        """Judge the configuration; with ``store=true`` also what is issued, for which every credential is read."""
        flag = asked.query("store")
        if flag not in FLAGS:
            raise FieldError("store", "store: true or false")
        file, now = self._settings.file, self._watchword.clock()
        text = _text(file)
        given: dict[str, Any] = {"file": file.name if file is not None and text else "", "now": now}
        report = examine(self._settings, text, **given)
        if FLAGS[flag]:
            report = await self._desk.aside(examine_store(self._settings, text, self._watchword.store, **given))
        return self._desk.answer(_reported(report))

    async def rules(self, asked: Asked) -> Response:
        """Return the rules that configurations are judged by."""
        return self._desk.answer({"rules": [dict(each.values()) for each in RULES.values()]})

    async def explain(self, asked: Asked) -> Response:
        """Say what the gate would decide for a request, step by step. Nothing is kept of it, and nothing burnt."""
        try:
            question = Question.of(asked.body)
        except Unclear as error:
            raise FieldError(error.field, f"{error.field}: {error}", error.hint) from None
        return self._desk.answer((await explained(self._watchword, question, front_of(self._watchword))).value())


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON values, secrets as stars, and what secrets stand in at times."""
    return {name: _shown(name, value) for name, value in settings.model_dump(mode="json").items()}


def _shown(name: str, value: Any) -> Any:
    """Return a setting without the arguments of commands, and the queries of URLs: some hold a token."""
    if isinstance(value, dict):
        return {key: _shown(key, each) for key, each in value.items()}
    if isinstance(value, list):
        if name == "command":
            return [*value[:1], *([_STARS] if value[1:] else [])]
        return [_shown(name, each) for each in value]
    if isinstance(value, str) and "://" in value:
        return _ASKED.sub(f"?{_STARS}", value)
    return value


def _reported(report: Report) -> dict[str, Any]:
    return {
        "findings": [dict(each.values()) for each in report.findings],
        "allowed": [{"finding": dict(each.finding.values()), "by": each.by} for each in report.allowed],
    }


def _route(rule: Rule) -> dict[str, Any]:
    value = asdict(rule)
    return {name: list(each) if isinstance(each, tuple) else each for name, each in value.items()}


def _text(file: Path | None) -> str:
    """Return what the file says now, "" where it cannot be read any more."""
    try:
        return "" if file is None else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
