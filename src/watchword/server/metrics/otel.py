"""Send spans, metrics and log records of a server to an OpenTelemetry collector; load nothing of it otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

from watchword.app import Watchword
from watchword.server.config.settings import Settings

__all__ = ["EXTRA", "Telemetry", "begin", "missing"]

EXTRA: Final = "watchword[otel]"
_SDK: Final = "opentelemetry.sdk.trace"
_EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http"
_PATIENCE: Final = 5.0  # seconds for one answer of the collector
_PARTING: Final = 3.0  # seconds that a collector which does not answer may hold up the end


class Telemetry:
    """Hold what has to be ended."""

    def __init__(self, *ends: Callable[[], object]) -> None:
        self._ends = ends

    async def stop(self) -> None:
        """Send what waits, for some seconds at most."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def run() -> None:
            for end in self._ends:
                end()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(ended.set)

        if self._ends:
            # Not in the loop's own pool, whose threads are waited for, however long they take.
            threading.Thread(target=run, name="watchword-otel", daemon=True).start()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PARTING):
                    await ended.wait()


def missing(settings: Settings) -> bool:
    """Tell whether the settings ask for what is not installed."""
    return bool(settings.otel.endpoint) and (_absent("opentelemetry") or _absent(_SDK) or _absent(_EXPORTER))


def begin(watchword: Watchword, settings: Settings) -> Telemetry:
    """Trace the decisions of ``watchword`` where the settings name a collector, or where the process has a provider.

    The latter is so under ``opentelemetry-instrument``. Call it before anything keeps the gate.
    """
    if settings.otel.endpoint:
        return _own(watchword, settings)
    if _SDK in sys.modules and _provided():
        from watchword.adapters.tracing import trace

        trace(watchword)
    return Telemetry()


def _absent(name: str) -> bool:
    try:
        return find_spec(name) is None
    except ModuleNotFoundError:
        return True


def _provided() -> bool:
    """Tell whether the process was given a provider of spans."""
    from opentelemetry import trace as tracing
    from opentelemetry.sdk.trace import TracerProvider

    return isinstance(tracing.get_tracer_provider(), TracerProvider)


def _own(watchword: Watchword, settings: Settings) -> Telemetry:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    from watchword import __version__
    from watchword.adapters.tracing import trace

    table, base = settings.otel, settings.otel.endpoint.rstrip("/") + "/"
    resource = Resource.create({"service.name": table.service, "service.version": __version__})
    spans = TracerProvider(ParentBased(TraceIdRatioBased(table.share)), resource, shutdown_on_exit=False)
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}v1/traces", timeout=_PATIENCE)))
    reader: Any = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}v1/metrics", timeout=_PATIENCE))
    meters = MeterProvider([reader], resource, shutdown_on_exit=False)
    ends: list[Callable[[], object]] = [spans.shutdown, meters.shutdown]
    if settings.audit.otel:
        ends.append(_log_records(f"{base}v1/logs", resource))
    trace(watchword, tracer_provider=spans, meter_provider=meters)
    return Telemetry(*ends)


def _log_records(place: str, resource: Any) -> Callable[[], object]:
    """Send log records, and count in the provider's ``lost`` how often the collector did not take some."""
    from opentelemetry import _logs
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult

    class Provider(LoggerProvider):
        lost = 0

    class Exporter(OTLPLogExporter):
        def export(self, batch: Any) -> LogRecordExportResult:
            result = super().export(batch)
            provider.lost += result is not LogRecordExportResult.SUCCESS
            return result

    provider = Provider(resource, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(Exporter(place, timeout=_PATIENCE)))
    _logs.set_logger_provider(provider)
    return provider.shutdown
