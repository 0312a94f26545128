"""Put together what operators need."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from watchword.audit import Audit
from watchword.codec.secrets import Sealer
from watchword.lifecycle.operations.alerts import Alerts
from watchword.lifecycle.operations.authorities import Authorities
from watchword.lifecycle.operations.checkpoints import Checkpoints
from watchword.lifecycle.operations.leaks import Leaks, Tracing
from watchword.lifecycle.operations.root_key import RootKey
from watchword.lifecycle.operations.rotation import Rotation
from watchword.lifecycle.operations.usage import Usage
from watchword.lifecycle.signing import KeySchedule
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.alerts import AlertRecords
from watchword.model.evidence import CheckpointRecords
from watchword.model.ports import AuditLog, Clock, Ephemeral, Feed, Records, Unavailable
from watchword.model.usage import UsageRecords

__all__ = ["Kept", "Operations", "Ways"]

logger: logging.Logger = logging.getLogger("watchword")


class Kept(Records, AuditLog, Ephemeral, Feed, Protocol):
    """Keep records, the audit and what was counted."""

    @property
    def usage(self) -> UsageRecords:
        """Return the counts of decisions."""
        ...

    @property
    def alerts(self) -> AlertRecords:
        """Return what looked like a leak."""
        ...

    @property
    def checkpoints(self) -> CheckpointRecords:
        """Return what was signed of the audit."""
        ...


@dataclass(frozen=True, slots=True)
class Ways:
    """Hold what the parts of ``Operations`` work with; ``told`` has this process read the feed."""

    store: Kept
    lifecycle: Lifecycle
    signing: KeySchedule
    audit: Audit
    sealer: Sealer = field(repr=False)
    told: Callable[[], None]
    clock: Clock


class Operations:
    """Hold the parts."""

    def __init__(self, ways: Ways) -> None:
        self.usage: Usage = Usage(ways.store.usage, ways.clock)
        self.checkpoints: Checkpoints = Checkpoints(ways.store, ways.sealer, ways.clock)
        self.alerts: Alerts = Alerts(ways.store, ways.clock)
        self.checkpoints.warn = partial(self.alerts.say, "audit")
        ways.audit.observers.append(self.alerts.observe)
        self.root_key: RootKey = RootKey(ways.store, ways.sealer, told=ways.told, clock=ways.clock)
        self.authorities: Authorities = Authorities(ways.lifecycle.workshop, told=ways.told, clock=ways.clock)
        parts = (ways.signing, self.authorities, self.root_key)
        self.rotation: Rotation = Rotation(ways.store, ways.lifecycle, *parts, ways.store.usage, ways.clock)

        tracing = Tracing(ways.store, ways.store, ways.sealer, ways.clock)
        answering = (tracing, ways.store, ways.lifecycle, self.usage, self.alerts)
        self.leaks: Leaks = Leaks(*answering, told=ways.told, clock=ways.clock)

    def chores(self) -> dict[str, Callable[[], Awaitable[object]]]:
        """Return what has to be done now and then, by what is said when it breaks."""
        return {
            "the trust in an ended CA cannot be taken back": self.authorities.look,
            "the audit cannot be signed": self.checkpoints.run,
            "what looks like a leak cannot be looked into": self.alerts.run,
            "old counts cannot be added up": self.usage.run,
        }

    async def close(self) -> None:
        """Sign what was written last. Call it once nothing more is written; where it breaks, the next process signs."""
        try:
            await self.checkpoints.close()
        except Unavailable as error:
            logger.error("the audit cannot be signed: %s", error)
