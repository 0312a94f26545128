"""Inquiry: what the past makes of a suspicion; whole stories are in ``test_desk``."""

from __future__ import annotations

from tests.house import House, played
from watchword.lifecycle.operations.alerts.inquiry import Inquiry
from watchword.lifecycle.operations.alerts.rules import RULES
from watchword.lifecycle.operations.alerts.suspicion import Candidate
from watchword.model.usage import Observed, Origin, Part, Tally

DAY = 86400


def inquiry(made: House) -> Inquiry:
    return Inquiry(made.watchword.store, made.watchword.store.usage)


@played
async def test_a_credential_that_roams_says_nothing_by_one_network_more(made: House) -> None:
    now = int(made.clock())
    networks = [f"10.0.{n}.0/24" for n in range(60)]
    made.watchword.store.usage.add(Observed(origins=[Origin("key_1", each, now - 9 * DAY, now) for each in networks]))
    made.watchword.store.usage.add(Observed(origins=[Origin("key_1", "192.0.2.0/24", now, now)]))
    candidate = Candidate("new-network", "key_1", "192.0.2.0/24", at=now)
    assert await inquiry(made).find(candidate, RULES["new-network"], now) is None


@played
async def test_a_network_that_only_this_process_did_not_know_is_none(made: House) -> None:
    now = int(made.clock())
    origins = [Origin("key_1", "10.0.0.0/24", now - 9 * DAY, now), Origin("key_1", "192.0.2.0/24", now - 8 * DAY, now)]
    made.watchword.store.usage.add(Observed(origins=origins))
    candidate = Candidate("new-network", "key_1", "192.0.2.0/24", at=now)
    assert await inquiry(made).find(candidate, RULES["new-network"], now) is None


@played
async def test_what_other_workers_counted_is_counted(made: House) -> None:
    minute = int(made.clock()) // 60 * 60
    base = Tally(minute, "key_1", "", "api-key", "GET /x", "192.0.2.0/24", "refused", "insufficient_scope", 60)
    for _ in range(2):  # one batch of each of two workers
        parts = [Part(minute, "network", "192.0.2.0/24", "refused", 60)]
        made.watchword.store.usage.add(Observed([base], parts=parts))
    candidate = Candidate("refusals", "key_1", at=minute)
    found = await inquiry(made).find(candidate, RULES["refusals"], made.clock())
    assert found is not None
    assert found.detail["count"] == 120
    whole = Candidate("refusals", network="192.0.2.0/24", at=minute)
    found = await inquiry(made).find(whole, RULES["refusals"], made.clock())
    assert found is not None
    assert found.name == "192.0.2.0/24"
