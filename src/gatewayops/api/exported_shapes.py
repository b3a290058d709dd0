"""The bodies of what came by OTLP: log records, metric names and series."""

from typing import Annotated, Literal

from pydantic import Field

from gatewayops.api.periods import iso
from gatewayops.api.shapes import Body, LateShape, Listed
from gatewayops.query.exported_metrics import MetricName, MetricSeries
from gatewayops.query.logs import LogRow

Severity = Literal["trace", "debug", "info", "warn", "error", "fatal"]
SEVERITIES: tuple[Severity, ...] = ("trace", "debug", "info", "warn", "error", "fatal")
_NUMBERS_EACH = 4  # OTLP: 1-4 are TRACE, 5-8 are DEBUG, …

_Text = Annotated[str, Field(max_length=256)]
_Time = Annotated[str, Field(max_length=40, examples=["2026-01-15T00:00:00Z"])]


class Asked(Body):
    """From whom and when; everything is optional."""

    start_time: _Time = ""
    end_time: Annotated[_Time, Field(description="exclusive; a date includes its day")] = ""
    server: _Text = ""
    service: Annotated[_Text, Field(description="the sender's service.name")] = ""


class LogQuestion(Asked):
    """Which log records. Without times, the last 24 hours."""

    trace_id: Annotated[_Text, Field(description="`tr_…`, 32 hex digits, or your own X-Trace-ID")] = ""
    severity: Annotated[Severity | None, Field(description="at least this")] = None
    query: Annotated[str, Field(max_length=1000, description="anywhere in the body or the event's name")] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=512)] = ""


class NameQuestion(Asked):
    """Which metrics. Without times, the last 24 hours."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=1024)] = ""


class MetricQuestion(Asked):
    """One metric. Without times, the last hour."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    step_s: Annotated[
        int, Field(ge=0, le=31_536_000, description="seconds; 0 chooses one for about 120 points")
    ] = 0


class LogBody(LateShape):
    """A log record that a server or client sent. All text is masked."""

    id: str
    time: str
    severity: Severity | None
    severity_number: int
    severity_text: str = Field(description="the sender's word")
    event_name: str | None
    body: str
    trace_id: str | None
    span_id: str | None
    server: str | None
    service: str | None
    scope: str | None
    attributes: dict[str, str]
    resource: dict[str, str]


class LogList(Listed):
    """A page of log records, newest first."""

    logs: list[LogBody]


class NameBody(LateShape):
    """A metric that was sent in the time asked for."""

    name: str
    kind: str = Field(examples=["gauge", "sum", "histogram", "exponential_histogram", "summary"])
    unit: str
    temporality: str | None = Field(examples=["delta", "cumulative"])
    services: list[str] = Field(description="at most 20")
    servers: list[str] = Field(description="at most 20")
    points: int
    last_time: str


class NameList(Listed):
    """A page of metrics by name."""

    metrics: list[NameBody]


class PointBody(LateShape):
    """A step. Deltas are added up; of gauges and of what is cumulative it is the last reading."""

    time: str
    value: float | None = Field(description="null of histograms and summaries")
    count: int | None = Field(description="null of gauges and sums")
    sum: float | None
    min: float | None
    max: float | None


class ExportedSeriesBody(LateShape):
    """One metric of one sender with one set of attributes; steps without points are left out."""

    server: str | None
    service: str | None
    kind: str
    unit: str
    temporality: str | None
    monotonic: bool
    attributes: dict[str, str]
    points: list[PointBody]


class ExportedSeries(LateShape):
    """A metric over time: at most 50 series."""

    name: str
    start_time: str
    end_time: str
    step_s: int
    series: list[ExportedSeriesBody]
    has_more_series: bool


def least_number(severity: Severity | None) -> int:
    """The lowest SeverityNumber of a severity; 0 for any."""
    return 0 if severity is None else SEVERITIES.index(severity) * _NUMBERS_EACH + 1


def log_body(log: LogRow) -> LogBody:
    """One record."""
    return LogBody(
        id=log.log_id,
        time=iso(log.at_ns),
        severity=SEVERITIES[(log.severity - 1) // _NUMBERS_EACH] if log.severity else None,
        severity_number=log.severity,
        severity_text=log.severity_text,
        event_name=log.event_name or None,
        body=log.body,
        trace_id=f"tr_{log.trace_id}" if log.trace_id else None,
        span_id=log.span_id or None,
        server=log.server or None,
        service=log.service or None,
        scope=log.scope or None,
        attributes=log.attributes,
        resource=log.resource,
    )


def name_body(found: MetricName) -> NameBody:
    """One metric of a list."""
    return NameBody(
        name=found.name,
        kind=found.kind,
        unit=found.unit,
        temporality=found.temporality or None,
        services=list(found.services),
        servers=list(found.servers),
        points=found.points,
        last_time=iso(found.last_ns),
    )


def series_body(found: MetricSeries) -> ExportedSeriesBody:
    """One series."""
    has_count = found.kind not in ("gauge", "sum")
    return ExportedSeriesBody(
        server=found.server or None,
        service=found.service or None,
        kind=found.kind,
        unit=found.unit,
        temporality=found.temporality or None,
        monotonic=found.is_monotonic,
        attributes=found.attributes,
        points=[
            PointBody(
                time=iso(point.at_ns),
                value=point.value,
                count=point.count if has_count else None,
                sum=point.sum,
                min=point.min,
                max=point.max,
            )
            for point in found.points
        ],
    )
