"""Model what ``watchword.toml`` says about the audit and alerts, and arrange a house by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.checkpoints import CheckpointRules
from watchword.server.config.values import Grace, Table, checked
from watchword.server.watching.syslog import place_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.server.config.settings import Settings

__all__ = ["AuditTable", "SyslogTable", "arrange"]

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


def arrange(house: Watchword, settings: Settings) -> None:
    """Tell a house what the settings say about the audit and alerts."""
    table = settings.audit
    house.audit.keep(table.accesses, table.sample)
    house.operations.checkpoints.rules = CheckpointRules(every=table.checkpoint, keep=table.keep)
