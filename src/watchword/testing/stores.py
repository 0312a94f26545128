"""Hold what every store must do, as suites of tests that a new backend inherits, races included.

::

    class TestMyStore(RecordsSuite, FeedSuite, AuditLogSuite, EphemeralSuite):
        @asynccontextmanager
        async def store(self):
            async with MyStore(...) as store:
                yield store

Needs pytest. The suites ask for nothing but the ports of ``watchword.model.ports``; ``UsageSuite`` is for a store that
counts decisions, too (``watchword.model.usage``).
"""

from __future__ import annotations

from watchword.testing.ephemeral import EphemeralSuite
from watchword.testing.records import RecordsSuite
from watchword.testing.streams import AuditLogSuite, FeedSuite
from watchword.testing.suite import StoreSuite, scenario, settled
from watchword.testing.usage import UsageSuite

__all__ = [
    "AuditLogSuite",
    "EphemeralSuite",
    "FeedSuite",
    "RecordsSuite",
    "StoreSuite",
    "UsageSuite",
    "scenario",
    "settled",
]
