"""Write metrics in Prometheus's text formats."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watchword.server.metrics.counters import Snapshot

__all__ = ["Standing", "exposed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Say how the whole server stands at ``now`` (Unix seconds); ``expiring`` is by (kind, within)."""

    now: float
    workers: int
    all: Snapshot
    store_up: bool
    expiring: Mapping[tuple[str, str], int]
    version: str


def exposed(standing: Standing, accept: str = "") -> tuple[bytes, str]:
    """Return the metrics and their media type: OpenMetrics 1.0 where ``accept`` names it, else Prometheus's text."""
    from prometheus_client import exposition
    from prometheus_client.openmetrics import exposition as openmetrics

    in_openmetrics: Any = openmetrics.generate_latest  # it has no annotations

    class Collected:
        def collect(self) -> Iterator[Any]:
            return _families(standing)

    registry: Any = Collected()
    if "application/openmetrics-text" in accept:  # the library's own choice fails on versions that are no numbers
        return in_openmetrics(registry), openmetrics.CONTENT_TYPE_LATEST
    return exposition.generate_latest(registry), exposition.CONTENT_TYPE_PLAIN_0_0_4


def _families(standing: Standing) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

    decisions = CounterMetricFamily(
        "watchword_decisions", "Decisions since the server began.", labels=("scheme", "verdict", "reason")
    )
    for kind, count in sorted(standing.all.decisions.items()):
        decisions.add_metric(kind, count)
    yield decisions
    verdicts: Counter[str] = Counter(accepted=0, refused=0, broken=0)
    for (_, verdict, _), count in standing.all.decisions.items():
        verdicts[verdict] += count
    total = CounterMetricFamily("watchword_verdicts", "Decisions by how they ended.", labels=("verdict",))
    for verdict, count in sorted(verdicts.items()):
        total.add_metric((verdict,), count)
    yield total
    yield GaugeMetricFamily(
        "watchword_audit_waiting", "Decisions that wait to be written to the audit.", standing.all.waiting
    )
    yield GaugeMetricFamily(
        "watchword_feed_age_seconds",
        "Seconds since the worker that is furthest behind read what was revoked.",
        max(0.0, standing.now - standing.all.feed_read_at),
    )
    yield GaugeMetricFamily("watchword_store_up", "Whether the store answers.", int(standing.store_up))
    yield GaugeMetricFamily("watchword_workers", "Workers that answer.", standing.workers)
    expiring = GaugeMetricFamily(
        "watchword_credentials_expiring", "Credentials that expire soon.", labels=("kind", "within")
    )
    for labels, count in sorted(standing.expiring.items()):
        expiring.add_metric(labels, count)
    yield expiring
    yield InfoMetricFamily(
        "watchword_build", "Which version runs.", {"version": standing.version, "python": platform.python_version()}
    )
