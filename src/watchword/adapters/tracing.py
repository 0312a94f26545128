"""OpenTelemetry: a span for every decision, and how long decisions take. Nothing of it is loaded until it is asked for.

Call ``trace(watchword)`` before applications are built around it. It needs ``watchword[otel]``, or the API alone where
another provider is installed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Coroutine
from typing import Any, Final

from opentelemetry import metrics
from opentelemetry import trace as tracing
from opentelemetry.context import Context
from opentelemetry.semconv.attributes.client_attributes import CLIENT_ADDRESS
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from watchword.app import Watchword
from watchword.gate import Gate, Route
from watchword.model.request import Request
from watchword.model.verdict import Allow, Decision, Deny, Principal, Rejection

__all__ = ["DURATION", "trace"]

DURATION: Final = "watchword.decision.duration"
"""The histogram of how long decisions take, in seconds."""

_NAME: Final = "watchword"
_BOUNDS: Final = (
    5e-6,
    1e-5,
    2.5e-5,
    5e-5,
    1e-4,
    2.5e-4,
    5e-4,
    1e-3,
    2.5e-3,
    5e-3,
    1e-2,
    2.5e-2,
    5e-2,
    0.1,
    0.25,
    1.0,
    2.5,
)
_BROKEN: Final = 503
_CARRIED: Final = (b"traceparent", b"tracestate")
_LONGEST: Final = 512  # bytes of a field that says whose trace a request is part of
_USER: Final = "user.id"  # semantic conventions, in development


def trace(watchword: Watchword, *, tracer_provider: Any = None, meter_provider: Any = None) -> None:
    """Have every decision of ``watchword`` traced and timed, by these providers or those of the process.

    Call it before middleware, endpoints and applications are made, for those keep the gate. Spans have the method, the
    route, the caller's address, who was proved and why somebody was refused, and never a secret; a request that
    says whose trace it is part of (``traceparent``, W3C Trace Context) has its span in that.
    """
    tracer = tracing.get_tracer(_NAME, tracer_provider=tracer_provider)
    meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
    histogram = meter.create_histogram(
        DURATION, "s", "How long a decision takes.", explicit_bucket_boundaries_advisory=_BOUNDS
    )
    watchword.gate = _TracedGate(watchword, _Traces(watchword, tracer, histogram))


class _Traces:
    """Write spans and durations."""

    def __init__(self, watchword: Watchword, tracer: Any, histogram: Any) -> None:
        self._route_of = watchword.audit.route_of
        self._tracer, self._histogram = tracer, histogram
        self._propagator = TraceContextTextMapPropagator()

    def wrote(self, request: Request, begun: int, verdict: Principal | Rejection | None, reference: str = "") -> None:
        """Write one decision that began at ``begun`` (Unix nanoseconds)."""
        ended = max(time.time_ns(), begun)
        common, own = _attributes(verdict)
        self._histogram.record((ended - begun) / 1e9, common)
        label = self._route_of(request.method, request.path)
        method, _, route = label.partition(" ")
        own |= {HTTP_REQUEST_METHOD: method if method.isupper() else "_OTHER", CLIENT_ADDRESS: request.peer.address}
        own |= {HTTP_ROUTE: route} if route else {}
        own |= {"watchword.reference": reference} if reference else {}
        span = self._tracer.start_span(
            f"decide {label}", self._context(request), SpanKind.INTERNAL, {**common, **own}, start_time=begun
        )
        if common["watchword.verdict"] == "broken":
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def _context(self, request: Request) -> Context | None:
        """Return what the span is part of: what is under way in this process, or what the caller says."""
        if tracing.get_current_span().get_span_context().is_valid:
            return None
        given = {
            name.decode(): value.decode("latin-1")
            for name in _CARRIED
            if (value := request.fields.get(name)) is not None and len(value) <= _LONGEST
        }
        return self._propagator.extract(given) if given else None


def _attributes(verdict: Principal | Rejection | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is said in metrics, too, and what in the span alone."""
    if isinstance(verdict, Rejection):
        reason = verdict.reason
        outcome = "broken" if reason.status == _BROKEN else "refused"
        common = {"watchword.verdict": outcome, "watchword.scheme": verdict.scheme, ERROR_TYPE: reason.code}
        own: dict[str, Any] = {HTTP_RESPONSE_STATUS_CODE: reason.status}
        return common, own | ({"watchword.credential": verdict.credential} if verdict.credential else {})
    if verdict is None:
        return {"watchword.verdict": "accepted", "watchword.scheme": "public"}, {}
    own = {_USER: verdict.subject, "watchword.credential": verdict.credential}
    own |= {"watchword.actor": verdict.actor} if verdict.actor else {}
    return {"watchword.verdict": "accepted", "watchword.scheme": verdict.scheme}, own


class _TracedGate(Gate):
    """Decide as the gate does, and have it written."""

    __slots__ = ("_traces",)

    def __init__(self, watchword: Watchword, traces: _Traces) -> None:
        for name in Gate.__slots__:
            setattr(self, name, getattr(watchword.gate, name))
        self._traces = traces

    def judge(self, request: Request, route: Route) -> Principal | Coroutine[Any, Any, Decision]:
        """Return who may enter where that is plain at once, else what decides later."""
        begun = time.time_ns()
        decision = super().judge(request, route)
        if decision.__class__ is not Principal:
            return self._awaited(request, begun, decision)  # type: ignore[arg-type]
        self._traces.wrote(request, begun, decision)
        return decision

    async def _awaited(self, request: Request, begun: int, later: Awaitable[Decision]) -> Decision:
        decision = await later
        if isinstance(decision, Allow):
            self._traces.wrote(request, begun, decision.principal)
        else:
            self._traces.wrote(request, begun, decision.rejection, decision.reference)
        return decision

    async def screen(self, request: Request, route: Route) -> Deny | None:
        """Walk past the guards that need nobody; only a refusal is a decision."""
        begun = time.time_ns()
        deny = await super().screen(request, route)
        if deny is not None:
            self._traces.wrote(request, begun, deny.rejection, deny.reference)
        return deny

    def refuse(self, request: Request, rejection: Rejection) -> Deny:
        """Refuse what never reaches a policy."""
        deny = super().refuse(request, rejection)
        self._traces.wrote(request, time.time_ns(), deny.rejection, deny.reference)
        return deny
