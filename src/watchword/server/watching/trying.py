"""Tell everybody who is told of alerts of one that is only a test."""

from __future__ import annotations

from watchword.app import Watchword
from watchword.lifecycle.operations.alerts import RULES
from watchword.model.alerts import Alert
from watchword.model.ports import Unavailable
from watchword.server.account.mail import Send
from watchword.server.config.settings import Settings
from watchword.server.watching.receivers import Receivers

__all__ = ["tried"]


async def tried(watchword: Watchword, settings: Settings, send: Send, *, by: str) -> dict[str, str]:
    """Tell each receiver now, and return by name what went wrong, "" for nothing. The alert is not kept."""
    rule, now = RULES["test"], int(watchword.clock())
    detail = {"told": rule.told, "advice": rule.advice, "by": by}
    alert = Alert(f"alr_test{now}", now, rule.id, rule.severity, f"test:{now}", detail=detail)
    receivers, said = Receivers(watchword, settings, send), dict[str, str]()
    try:
        for name in settings.alerts.receivers():  # the owner of a credential has nothing to do with a test
            try:
                await receivers.tells[name](alert)
                said[name] = ""
            except Unavailable as error:
                said[name] = str(error)
    finally:
        await receivers.close()
    return said
