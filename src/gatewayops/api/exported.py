"""What servers and clients sent by OTLP, to read: `GET /v1/logs`, `/v1/metrics/exported` and its series."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query

from gatewayops.api import periods
from gatewayops.api.auth import principal_for
from gatewayops.api.exported_shapes import (
    Asked,
    ExportedSeries,
    LogList,
    LogQuestion,
    MetricQuestion,
    NameList,
    NameQuestion,
    least_number,
    log_body,
    name_body,
    series_body,
)
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.periods import iso
from gatewayops.base.errors import InvalidInput
from gatewayops.base.ids import trace_id_of
from gatewayops.identity.principal import Principal
from gatewayops.query import exported_metrics, logs, metrics
from gatewayops.query.exported_metrics import PointFilter
from gatewayops.store.telemetry.log_sql import LogFilter

router = LateRouter(tags=["OTLP"])

LogReader = Annotated[Principal, Depends(principal_for("traces.read"))]
MetricReader = Annotated[Principal, Depends(principal_for("metrics.read"))]
_DAY, _HOUR = timedelta(hours=24), timedelta(hours=1)
_SECOND_NS = 1_000_000_000


@router.get("/v1/logs")
async def list_logs(asked: Annotated[LogQuestion, Query()], caller: LogReader, parts: Parts) -> LogList:
    """Log records that came by OTLP, newest first."""
    window = periods.window(asked.start_time, asked.end_time, length=_DAY)
    wanted = LogFilter(
        org_id=caller.org_id,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        trace_id=trace_id_of(asked.trace_id) if asked.trace_id else "",
        server=asked.server,
        service=asked.service,
        min_severity=least_number(asked.severity),
        text=asked.query.strip(),
    )
    page = await logs.list_logs(parts.telemetry, wanted, limit=asked.limit, cursor=asked.cursor)
    bodies = [log_body(log) for log in page.logs]
    return LogList(logs=bodies, cursor=page.cursor, has_more=page.cursor is not None)


@router.get("/v1/metrics/exported")
async def list_metrics(
    asked: Annotated[NameQuestion, Query()], caller: MetricReader, parts: Parts
) -> NameList:
    """Metrics that came by OTLP, by name."""
    wanted = _points(asked, caller.org_id, length=_DAY)
    page = await exported_metrics.list_names(parts.telemetry, wanted, limit=asked.limit, cursor=asked.cursor)
    bodies = [name_body(found) for found in page.names]
    return NameList(metrics=bodies, cursor=page.cursor, has_more=page.cursor is not None)


@router.get("/v1/metrics/exported/series")
async def series(
    asked: Annotated[MetricQuestion, Query()], caller: MetricReader, parts: Parts
) -> ExportedSeries:
    """One metric that came by OTLP over time, a series a sender and set of attributes."""
    wanted = _points(asked, caller.org_id, length=_HOUR)
    step_s = asked.step_s or metrics.step_for(wanted.start_ns, wanted.end_ns)
    if (wanted.end_ns - wanted.start_ns) / (step_s * _SECOND_NS) > metrics.MAX_POINTS:
        msg = f"step_s: at most {metrics.MAX_POINTS} steps; give a longer one, or 0"
        raise InvalidInput(msg)
    found, has_more = await exported_metrics.series(parts.telemetry, wanted, name=asked.name, step_s=step_s)
    return ExportedSeries(
        name=asked.name,
        start_time=iso(wanted.start_ns),
        end_time=iso(wanted.end_ns),
        step_s=step_s,
        series=[series_body(one) for one in found],
        has_more_series=has_more,
    )


def _points(asked: Asked, org_id: str, *, length: timedelta) -> PointFilter:
    window = periods.window(asked.start_time, asked.end_time, length=length)
    return PointFilter(
        org_id=org_id,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        server=asked.server,
        service=asked.service,
    )
