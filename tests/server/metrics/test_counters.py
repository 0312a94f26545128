"""What one process counts since it began."""

from __future__ import annotations

import asyncio

import pytest

from watchword.model.usage import Observed, Tally
from watchword.server.metrics.counters import Counters, Snapshot, added

TALLY = Tally(60, "key_1", "service:billing", "api-key", "GET /", "192.0.2.0/24", "accepted", "", 3)


def test_flushes_add_up_and_a_decision_of_two_proofs_counts_once() -> None:
    counters = Counters()
    both = TALLY._replace(scheme="jwt via api-key"), TALLY._replace(scheme="jwt via api-key", credential="fam_1")
    refused = TALLY._replace(verdict="refused", reason="expired", decisions=2)
    for _ in range(2):
        asyncio.run(counters.observe(Observed([TALLY, TALLY._replace(route="GET /x"), *both, refused])))
    assert counters.decisions() == {
        ("api-key", "accepted", ""): 12,
        ("jwt via api-key", "accepted", ""): 6,
        ("api-key", "refused", "expired"): 4,
    }


def test_a_snapshot_comes_back_as_it_was_written() -> None:
    counters = Counters()
    asyncio.run(counters.observe(Observed([TALLY])))
    snapshot = Snapshot(counters.decisions(), 7, 12.5)
    assert Snapshot.from_json(snapshot.to_json()) == snapshot


@pytest.mark.parametrize("value", [{}, {"decisions": 1}, {"decisions": [["a"]], "waiting": 0, "feed_read_at": 0}])
def test_what_is_no_snapshot_is_an_error(value: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Snapshot.from_json(value)


def test_all_together_have_the_sum_and_the_oldest_reading() -> None:
    one = Snapshot(Counters().decisions(), 3, 10.0)
    two = Snapshot(Counters().decisions(), 4, 5.0)
    assert added([one, two]) == Snapshot(Counters().decisions(), 7, 5.0)
