"""`/v1/metrics/…`: how much is called, how fast and how well, over any time, and live."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from gatewayops.api import periods
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.live_feed import Places, counted, feed
from gatewayops.api.metric_shapes import FiguresBody, MetricsSeries, MetricsSummary, series_body, told
from gatewayops.api.parts import Parts
from gatewayops.api.periods import iso
from gatewayops.api.recent import MAY_BE_OLD
from gatewayops.api.shapes import Body
from gatewayops.base.errors import InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.query import metrics
from gatewayops.store.telemetry.span_filter import SpanFilter

router = LateRouter(prefix="/v1/metrics", tags=["Metrics"], dependencies=[MAY_BE_OLD])

Reader = Annotated[Principal, Depends(principal_for("metrics.read"))]
Text = Annotated[str, Field(max_length=256)]
_DEFAULT = timedelta(hours=1)
_SECOND_NS = 1_000_000_000
_places = Places()


class MetricsQuestion(Body):
    """Which calls. Everything is optional; without times, the last hour."""

    start_time: Annotated[str, Field(max_length=40, examples=["2026-01-15T00:00:00Z"])] = ""
    end_time: Annotated[str, Field(max_length=40, description="exclusive; a date includes its day")] = ""
    server: Text = ""
    tool: Text = ""
    team_id: Text = ""
    project_id: Text = ""
    user_id: Text = ""
    key_id: Text = ""
    agent: Text = ""


class SeriesQuestion(MetricsQuestion):
    """And how they are cut into steps and groups."""

    group_by: Literal["server", "tool", "team", "key", "status"] | None = None
    step_s: Annotated[
        int, Field(ge=0, le=31_536_000, description="seconds; 0 chooses one for about 120 points")
    ] = 0


@router.get("/summary")
async def summary(asked: Annotated[MetricsQuestion, Query()], caller: Reader, parts: Parts) -> MetricsSummary:
    """Calls a second, errors, latency and who was active, over any time."""
    wanted = _filter(asked, caller.org_id)
    found = await metrics.summary(parts.telemetry, wanted)
    return MetricsSummary(
        start_time=iso(wanted.start_ns),
        end_time=iso(wanted.end_ns),
        figures=FiguresBody(**told(found, length_ns=wanted.end_ns - wanted.start_ns)),
    )


@router.get("/series")
async def series(asked: Annotated[SeriesQuestion, Query()], caller: Reader, parts: Parts) -> MetricsSeries:
    """The same over time, by server, tool, team, key or status."""
    wanted = _filter(asked, caller.org_id)
    step_s = asked.step_s or metrics.step_for(wanted.start_ns, wanted.end_ns)
    if (wanted.end_ns - wanted.start_ns) / (step_s * _SECOND_NS) > metrics.MAX_POINTS:
        msg = f"step_s: at most {metrics.MAX_POINTS} steps; give a longer one, or 0"
        raise InvalidInput(msg)
    report = await metrics.series(parts.telemetry, wanted, group_by=asked.group_by or "", step_s=step_s)
    length = {"length_ns": wanted.end_ns - wanted.start_ns, "step_s": step_s}
    return MetricsSeries(
        start_time=iso(wanted.start_ns),
        end_time=iso(wanted.end_ns),
        step_s=step_s,
        group_by=asked.group_by,
        total=series_body(report.total, **length) if asked.group_by else None,
        groups=[series_body(group, **length) for group in report.groups],
        has_more_groups=report.has_more_groups,
    )


@router.get(
    "/live",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "An event every two seconds"}},
)
async def live(request: Request, caller: Reader, parts: Parts) -> StreamingResponse:
    """The last minute's figures as server-sent events, until the client hangs up or ten minutes are over.

    Events are `figures`, and `unavailable` while the telemetry store is away. Browsers ask again by
    themselves; at most 8 feeds an organisation are open at once.
    """
    _places.check(caller.org_id)
    watch = request.app.state.watch
    events = feed(parts.telemetry, caller.org_id, is_stopping=lambda: watch.is_stopping)
    return StreamingResponse(
        counted(events, _places, caller.org_id),
        media_type="text/event-stream",
        headers={"cache-control": "no-store"},
    )


def _filter(asked: MetricsQuestion, org_id: str) -> SpanFilter:
    window = periods.window(asked.start_time, asked.end_time, length=_DEFAULT)
    named = ("server", "tool", "team_id", "project_id", "user_id", "key_id", "agent")
    return SpanFilter(
        org_id=org_id,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        **{name: getattr(asked, name) for name in named},
    )
