"""The text that Prometheus reads, read back by its own parser."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read

from watchword.server.metrics.counters import Snapshot
from watchword.server.metrics.exposition import Standing, exposed

DECISIONS = Counter(
    {("api-key", "accepted", ""): 5, ("jwt via api-key", "refused", "expired"): 2, ('a"\n\\', "broken", "broken"): 1}
)
STANDING = Standing(100.0, 2, Snapshot(DECISIONS, 3, 97.5), True, {("api-key", "7d"): 4}, "0.1.0")


LABELS = ("scheme", "verdict", "reason", "kind", "within", "version")


def values(text: str, parse: Any = read) -> dict[tuple[str, ...], float]:
    """Return what is told by name and labels, in this order."""
    return {
        (sample.name, *(sample.labels[label] for label in LABELS if label in sample.labels)): sample.value
        for family in parse(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=0.0.4", "nonsense;;q=", "application/xml;version=x"])
def test_the_text_says_what_is_so(accept: str) -> None:
    body, media_type = exposed(STANDING, accept)
    assert media_type.startswith("text/plain")
    found = values(body.decode())
    assert found["watchword_decisions_total", "api-key", "accepted", ""] == 5
    assert found["watchword_decisions_total", "jwt via api-key", "refused", "expired"] == 2
    assert found["watchword_decisions_total", 'a"\n\\', "broken", "broken"] == 1
    assert [found["watchword_verdicts_total", each] for each in ("accepted", "broken", "refused")] == [5, 1, 2]
    assert found["watchword_audit_waiting",] == 3
    assert found["watchword_feed_age_seconds",] == 2.5
    assert found["watchword_store_up",] == 1
    assert found["watchword_workers",] == 2
    assert found["watchword_credentials_expiring", "api-key", "7d"] == 4
    assert any(key[0] == "watchword_build_info" and "0.1.0" in key for key in found)


@pytest.mark.parametrize("version", ["1.0.0", "0.0.1", "x", ""])
def test_openmetrics_where_it_is_asked_for(version: str) -> None:
    body, media_type = exposed(STANDING, f"application/openmetrics-text; version={version}, text/plain;q=0.5")
    assert media_type.startswith("application/openmetrics-text")
    assert values(body.decode(), read_open)["watchword_decisions_total", "api-key", "accepted", ""] == 5


def test_a_feed_that_was_never_read_is_infinitely_old() -> None:
    body, _ = exposed(Standing(100.0, 1, Snapshot(feed_read_at=float("-inf")), False, {}, "0.1.0"))
    found = values(body.decode())
    assert found["watchword_feed_age_seconds",] == float("inf")
    assert found["watchword_store_up",] == 0
