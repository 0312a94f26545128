"""Model what ``watchword.toml`` says about the audit and alerts, and arrange a house by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from watchword.codec.names import normal_address
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.alerts import RULES, AlertRules
from watchword.lifecycle.operations.checkpoints import CheckpointRules
from watchword.server.config.file import nearest
from watchword.server.config.values import Duration, Grace, Table, UrlText, checked, listed
from watchword.server.watching.syslog import place_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.server.config.settings import Settings

__all__ = ["AlertEntries", "AlertEntry", "AlertsTable", "AuditTable", "SyslogTable", "alert_rules", "arrange"]

_DAY = 86400


def _long(seconds: int) -> int:
    if 0 < seconds < _DAY:
        raise LifecycleError("it is a day at least", "such as 30d or 400d, or 0s for good")
    return seconds


def _not_too_often(seconds: int) -> int:
    if 0 < seconds < 10:
        raise LifecycleError("it is ten seconds at least", "such as 1m or 15m, or 0s for never")
    return seconds


class SyslogTable(Table):
    """Hold ``[audit.syslog]``."""

    address: Annotated[str, checked(place_of)] = ""
    ca: str = ""
    facility: int = Field(default=13, ge=0, le=23)


class AuditTable(Table):
    """Hold ``[audit]``."""

    accesses: Literal["full", "sampled", "refused"] = "full"
    sample: float = Field(default=0.01, gt=0, le=1)
    keep: Annotated[Grace, AfterValidator(_long)] = 400 * _DAY
    checkpoint: Annotated[Grace, AfterValidator(_not_too_often)] = 900
    otel: bool = False
    syslog: SyslogTable = SyslogTable()


def _rule(text: str) -> None:
    if text not in RULES:
        raise LifecycleError(f"there is no rule {text[:40]!r}", nearest(text, RULES))


def _addresses(values: object) -> object:
    for each in values if isinstance(values, list | tuple) else ():
        if isinstance(each, str) and normal_address(each) is None:
            raise LifecycleError(f"{each[:60]!r} is no address that mail can go to", "such as ops@example.com")
    return values


class AlertsTable(Table):
    """Hold ``[alerts]``."""

    webhook: UrlText = ""
    webhook_key: Annotated[str, Field(pattern=r"^(hk_(live|test)_[0-9A-Za-z]+)?$")] = ""
    email: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_addresses), BeforeValidator(listed)] = ()
    least: Literal["low", "medium", "high"] = "low"

    @model_validator(mode="after")
    def _whole(self) -> AlertsTable:
        if self.webhook and not self.webhook_key:
            raise ValueError("webhook_key is missing: the id of an hmac credential, which signs what is sent")
        return self

    def receivers(self) -> tuple[str, ...]:
        """Return who has to be told."""
        return (*(("webhook",) if self.webhook else ()), *(("email",) if self.email else ()))


class AlertEntry(Table):
    """Hold one ``[[alert]]``: what is to be otherwise with a rule."""

    rule: Annotated[str, checked(_rule)] = Field(min_length=1)
    on: bool | None = None
    severity: Literal["low", "medium", "high"] | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    within: Duration | None = None
    factor: Annotated[float, Field(gt=1)] | None = None
    repeat: Grace | None = None


AlertEntries = Annotated[tuple[AlertEntry, ...], NoDecode, BeforeValidator(listed)]


def arrange(house: Watchword, settings: Settings) -> None:
    """Tell a house what the settings say about the audit and alerts."""
    table = settings.audit
    house.audit.keep(table.accesses, table.sample)
    house.operations.checkpoints.rules = CheckpointRules(every=table.checkpoint, keep=table.keep)
    house.operations.alerts.rules = alert_rules(settings)


def alert_rules(settings: Settings) -> AlertRules:
    """Return the rules that the settings describe."""
    changes = [each.model_dump() for each in settings.alert]
    return AlertRules.of(changes, settings.alerts.receivers(), settings.alerts.least)
