"""Spans and durations by the SDK's own exporters in memory: complete, in the caller's trace, without a secret."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace as tracing
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.house import House, asking, bearing, house
from watchword.adapters.tracing import DURATION, trace
from watchword.model.credential import Kind
from watchword.model.reason import NO_ROUTE
from watchword.model.verdict import Rejection

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """Hold what was written."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(shutdown_on_exit=False), MeterProvider([self._reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))

    def spans(self) -> list[Any]:
        found = list(self._exporter.get_finished_spans())
        self._exporter.clear()
        return found

    def points(self) -> list[Any]:
        data: Any = self._reader.get_metrics_data()
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == DURATION
            for point in metric.data.data_points
        ]


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


def play(traced: Traced, test: Any) -> None:
    async def run() -> None:
        async with house() as opened:
            trace(opened.watchword, tracer_provider=traced.tracers, meter_provider=traced.meters)
            await test(opened)

    asyncio.run(run())


def test_a_span_says_who_was_let_in_where_and_how(traced: Traced) -> None:
    async def test(opened: House) -> None:
        value, issued = await opened.key()
        await opened.decide("api-key", bearing(value, path=b"/orders/17"))
        (span,) = traced.spans()
        assert span.name == "decide GET /orders/{…}"
        assert dict(span.attributes) == {
            "http.request.method": "GET",
            "http.route": "/orders/{…}",
            "client.address": "192.0.2.1",
            "user.id": "service:billing",
            "watchword.scheme": "api-key",
            "watchword.credential": issued.credential.id,
            "watchword.verdict": "accepted",
        }
        assert span.end_time >= span.start_time > 1.7e18
        assert span.status.status_code is StatusCode.UNSET

    play(traced, test)


def test_a_span_of_a_refusal_has_its_reason_and_its_reference(traced: Traced) -> None:
    async def test(opened: House) -> None:
        decision = await opened.decide("api-key", bearing(b"Bearer ak_live_nonsense"))
        opened.watchword.gate.refuse(asking(method="brew"), Rejection(NO_ROUTE))
        refused, nowhere = traced.spans()
        assert refused.attributes["watchword.reference"] == decision.reference
        assert refused.attributes["http.response.status_code"] == 401
        assert refused.attributes["error.type"] == decision.rejection.reason.code
        assert refused.attributes["watchword.scheme"] == "api-key"
        assert (nowhere.attributes["error.type"], nowhere.attributes["http.request.method"]) == ("no_route", "_OTHER")

    play(traced, test)


def test_what_breaks_is_an_error(traced: Traced) -> None:
    async def test(opened: House) -> None:
        value, _ = await opened.key()
        route = opened.watchword.route("api-key")

        async def gone(lookup: bytes) -> None:
            raise OSError("hs_live_secret")

        opened.watchword.store.credential_by = gone  # type: ignore[method-assign]
        await opened.watchword.gate.decide(bearing(value), route)
        (span,) = traced.spans()
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["watchword.verdict"] == "broken"
        assert "secret" not in span.to_json()

    play(traced, test)


def test_a_request_that_is_part_of_a_trace_has_its_span_in_it(traced: Traced) -> None:
    async def test(opened: House) -> None:
        value, _ = await opened.key()
        fields = (b"authorization", value), (b"traceparent", PARENT.encode())
        await opened.decide("api-key", asking(*fields))
        (span,) = traced.spans()
        assert f"{span.context.trace_id:032x}" == PARENT.split("-")[1]
        assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
        for hostile in (b"x", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"\xff" * 55, b"a" * 10_000):
            await opened.decide("api-key", asking((b"authorization", value), (b"traceparent", hostile)))
            (span,) = traced.spans()
            assert span.parent is None
        tracer = traced.tracers.get_tracer("application")
        with tracer.start_as_current_span("request") as outer:
            await opened.decide("api-key", asking(*fields))
        (span, _) = traced.spans()
        assert span.parent.span_id == outer.get_span_context().span_id, "what the application has under way comes first"

    play(traced, test)


def test_durations_are_told_by_scheme_verdict_and_reason_alone(traced: Traced) -> None:
    async def test(opened: House) -> None:
        value, _ = await opened.key()
        for number in range(30):
            await opened.decide("api-key", bearing(value, path=b"/%d" % number, address=f"192.0.2.{number}"))
            await opened.decide("api-key", bearing(b"Bearer x%d" % number, path=b"/%d" % number))
        await opened.decide("public", asking())
        points = {tuple(sorted(point.attributes.values())): point for point in traced.points()}
        assert sorted(sum(point.count for point in points.values()) for _ in (0,)) == [61]
        assert ("accepted", "api-key") in points
        assert ("accepted", "public") in points
        assert len(points) == 3
        assert points["accepted", "api-key"].sum < 30

    play(traced, test)


def test_no_secret_is_in_a_span(traced: Traced) -> None:
    async def test(opened: House) -> None:
        value, key = await opened.key()
        hmac = await opened.issue(Kind.HMAC)
        secrets = [key.material["secret"], hmac.material["secret"]]
        for secret in secrets:
            path = f"/x/{secret}".encode()
            await opened.decide("api-key", bearing(value, path=path))
            await opened.decide("api-key", bearing(value, path=path, query=b"key=" + secret.encode(), method=secret))
            await opened.decide("api-key", asking((b"x-api-key", secret.encode()), path=path))
        text = "".join(span.to_json() for span in traced.spans())
        assert [secret for secret in secrets if secret in text] == []

    play(traced, test)


def test_a_house_without_a_provider_is_traced_into_nothing() -> None:
    async def run() -> None:
        async with house() as opened:
            trace(opened.watchword)
            value, _ = await opened.key()
            await opened.decide("api-key", bearing(value))
            assert not tracing.get_current_span().get_span_context().is_valid

    asyncio.run(run())


def test_nothing_of_it_is_loaded_until_it_is_asked_for() -> None:
    code = """
import sys
from watchword import Watchword
from watchword.server.app import create_app
create_app(Watchword("memory:"))
print([name for name in sys.modules if name.startswith(("opentelemetry", "prometheus_client"))])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
