"""Alerts under ``/admin/v1/alerts``: what looks like a leak, until somebody has looked."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rights import to_read, to_write
from watchword.model.alerts import Alert
from watchword.server.account.post import Post
from watchword.server.admin.desk import AdminDesk, Missing
from watchword.server.admin.fields import FLAGS
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, one_of, reference, several, under
from watchword.server.admin.paging import PAGE_QUERY, listed, page_of
from watchword.server.config.settings import Settings
from watchword.server.watching.trying import tried

__all__ = ["AdminAlerts"]

READ: Final = to_read("alerts")
WRITE: Final = to_write("alerts")

_PLACE: Final = "/admin/v1/alerts"
_ONE: Final = "/admin/v1/alerts/{id}"
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer"}
_MOMENT: Final = nullable("integer", description="Unix seconds")
_RULE_FIELDS: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "on": {"type": "boolean"},
    "severity": _TEXT,
    **dict.fromkeys(("count", "within"), _COUNT),
    "factor": {"type": "number"},
    "repeat": _COUNT,
    **dict.fromkeys(("told", "advice"), _TEXT),
}
_RULE: Final[Schema] = {"type": "object", "required": list(_RULE_FIELDS), "properties": _RULE_FIELDS}


class AdminAlerts:
    """Hold the operations. ``Alerts`` does what they say."""

    tag = "Alerts"

    def __init__(self, watchword: Watchword, settings: Settings, desk: AdminDesk, post: Post) -> None:
        self._desk = desk
        self._watchword = watchword
        self._settings = settings
        self._post = post
        self._alerts = watchword.operations.alerts
        self._records = watchword.store.alerts

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        query: dict[str, Schema] = {"open": {"type": "boolean", "description": "Only what waits"}, **PAGE_QUERY}
        seen: Any = {"refuses": ("404",)}
        one = ("200", "Alert")
        return [
            Operation(
                "GET", _PLACE, READ, "List alerts, the newest first", self.listed, ("200", "Alerts"), query=query
            ),
            Operation(
                "GET", under(_PLACE, "rules"), READ, "What they are raised by", self.rules, ("200", "AlertRules")
            ),
            Operation(
                *("POST", under(_PLACE, "test"), WRITE, "Tell all of a test", self.test, ("200", "Told")),
                refuses=("409",),
            ),
            Operation("POST", under(_ONE, "acknowledge"), WRITE, "Say that you looked", self.acknowledge, one, **seen),
            Operation("GET", _ONE, READ, "Show an alert", self.show, one, **seen),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they answer."""
        alert = {
            "id": _TEXT,
            "at": _COUNT,
            "rule": _TEXT,
            "severity": one_of(["high", "medium", "low"]),
            "credential": _TEXT,
            "subject": _TEXT,
            "address": _TEXT,
            "detail": {"type": "object"},
            "acknowledged_at": _MOMENT,
            "acknowledged_by": nullable("string"),
            "told_at": _MOMENT,
        }
        page = {"alerts": several(reference("Alert")), "next": nullable("string")}
        told = {"receiver": _TEXT, "told": {"type": "boolean"}, "error": _TEXT}
        receivers = {"receivers": several({"type": "object", "required": list(told), "properties": told})}
        return {
            "AlertRules": {"type": "object", "required": ["rules"], "properties": {"rules": several(_RULE)}},
            "Told": {"type": "object", "required": ["receivers"], "properties": receivers},
            "Alert": {"type": "object", "required": list(alert), "properties": alert},
            "Alerts": {"type": "object", "required": list(page), "properties": page},
        }

    async def listed(self, asked: Asked) -> Response:
        """Return a page of alerts; ``open=true`` leaves out what somebody has looked at."""
        page, flag = page_of(asked.http, str), asked.query("open")
        if flag not in FLAGS:
            raise FieldError("open", "open: true or false")
        after = str(page.after[0]) if page.after else ""
        found = await self._alerts.page(after=after, limit=page.limit, open_only=FLAGS[flag])
        more = (found[-1].id,) if len(found) == page.limit else ()
        value, headers = listed(asked.http, "alerts", [_value(each) for each in found], more)
        return self._desk.answer(value, headers=headers)

    async def show(self, asked: Asked) -> Response:
        """Return one."""
        return self._desk.answer(_value(await self._named(asked)))

    async def acknowledge(self, asked: Asked) -> Response:
        """Note who has looked, once."""
        alert = await self._named(asked)
        return self._desk.answer(_value(await self._alerts.acknowledge(alert.id, asked.who.subject)))

    async def rules(self, asked: Asked) -> Response:
        """Return the rules, as the settings have them."""
        found = [each for each in self._alerts.rules.rules.values() if each.id != "test"]
        return self._desk.answer({"rules": [{name: getattr(each, name) for name in _RULE_FIELDS} for each in found]})

    async def test(self, asked: Asked) -> Response:
        """Tell all receivers of an alert that is only a test, now, and say whom it reached."""
        if not self._settings.alerts.receivers():
            raise LifecycleError("nobody is told of alerts", "set webhook or email in [alerts]")
        said = await tried(self._watchword, self._settings, self._post.deliver, by=asked.who.subject)
        receivers = [{"receiver": name, "told": not why, "error": why} for name, why in said.items()]
        return self._desk.answer({"receivers": receivers})

    async def _named(self, asked: Asked) -> Alert:
        found = await self._records.alert(asked.part("id"))
        if found is None:
            raise Missing("there is no such alert")
        return found


def _value(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "at": alert.at,
        "rule": alert.rule,
        "severity": alert.severity,
        "credential": alert.credential,
        "subject": alert.subject,
        "address": alert.address,
        "detail": dict(alert.detail),
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "told_at": alert.told_at,
    }
