"""Traces (OpenTelemetry, exporter off by default) and metrics (Prometheus)."""

from contextlib import AbstractContextManager
from importlib import import_module

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

from app.core.settings import Telemetry

REQUESTS = Counter("khue_requests_total", "Requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "khue_request_seconds",
    "Time to answer",
    ["lane"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
IN_FLIGHT = Gauge("khue_requests_in_flight", "Requests under way")
SHED = Counter("khue_requests_shed_total", "Requests refused because of overload", ["lane"])
OUTBOUND = Counter("khue_outbound_total", "Calls to outside systems", ["system", "outcome"])
JOBS = Counter("khue_jobs_total", "Runs of jobs", ["job", "outcome"])
JOB_SECONDS = Histogram("khue_job_seconds", "Time of one run", ["job"])
JOB_LAG = Histogram(
    "khue_job_lag_seconds",
    "From due to taken",
    ["lane"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
OUTBOX_DEPTH = Gauge("khue_outbox_depth", "Rows of the outbox that are due or out", ["lane", "state"])
TRAIL_UNSEALED = Gauge("khue_trail_days_unsealed", "Days of the trail that are over and not sealed")

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("khue")
_on = False


def configure(settings: Telemetry, service: str) -> None:
    """Without an endpoint nothing is traced and nothing is paid for it."""
    global _on  # noqa: PLW0603
    _on = bool(settings.otlp_endpoint)
    if not _on:
        return
    export = import_module("app.core.telemetry_export")  # 0.2 s and 15 MB that a house without traces does not pay
    trace.set_tracer_provider(export.provider(settings, service))


def span(name: str, kind: SpanKind = SpanKind.INTERNAL, parent: str = "") -> AbstractContextManager[Span]:
    """A span around a block; `parent` is a W3C traceparent."""
    context = _propagator.extract({"traceparent": parent}) if parent else None
    return _tracer.start_as_current_span(name, context=context, kind=kind)


def tracing() -> bool:
    return _on


def trace_parent() -> str:
    """The W3C traceparent of the current span, to travel with a job or a call; empty when nothing is traced."""
    if not _on:
        return ""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")
