"""`/v1/runs`: what agents did in one go, stitched from calls without relying on sessions."""

import asyncio
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from pydantic import Field

from gatewayops.api import periods
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.run_shapes import (
    Comparison,
    OneRun,
    RunList,
    difference,
    pair_body,
    run_body,
    step_body,
)
from gatewayops.api.shapes import Body
from gatewayops.identity.principal import Principal
from gatewayops.query import runs
from gatewayops.query.run_comparison import align
from gatewayops.store.telemetry.run_sql import RunFilter

router = LateRouter(prefix="/v1/runs", tags=["Runs"])

Reader = Annotated[Principal, Depends(principal_for("traces.read"))]
Text = Annotated[str, Field(max_length=256)]
_RUN = "`run_…`, or a trace's id in any form"
RunId = Annotated[str, Path(max_length=2048, description=_RUN)]
RunAsked = Annotated[str, Query(min_length=1, max_length=2048, description=_RUN)]
_MICROS = 1_000_000


class RunQuestion(Body):
    """Which runs. Everything is optional; without times, those that began in the last 24 hours."""

    start_time: Annotated[str, Field(max_length=40, examples=["2026-01-15T00:00:00Z"])] = ""
    end_time: Annotated[str, Field(max_length=40, description="exclusive; a date includes its day")] = ""
    user_id: Text = ""
    team_id: Text = ""
    project_id: Text = ""
    key_id: Text = ""
    agent: Text = ""
    server: Text = ""
    tool: Text = ""
    outcome: Literal["success", "recovered", "failed"] | None = None
    min_steps: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    min_duration_ms: Annotated[float, Field(ge=0, le=1e9)] = 0
    min_cost: Annotated[Decimal, Field(ge=0, le=1_000_000, description="dollars")] = Decimal(0)
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=2048)] = ""


@router.get("")
async def list_runs(asked: Annotated[RunQuestion, Query()], caller: Reader, parts: Parts) -> RunList:
    """Runs of the organisation, newest first. Filters choose runs that have a step like that."""
    page = await runs.list_runs(
        parts.telemetry, _filter(asked, caller.org_id), limit=asked.limit, cursor=asked.cursor
    )
    bodies = [run_body(run) for run in page.runs]
    return RunList(runs=bodies, cursor=page.cursor, has_more=page.cursor is not None)


@router.get("/compare")
async def compare(a: RunAsked, b: RunAsked, caller: Reader, parts: Parts) -> Comparison:
    """Two runs step by step: what both called, what only one did, and how much longer and dearer b was."""
    of_both = await asyncio.gather(
        *(runs.one_run(parts.telemetry, org_id=caller.org_id, run_id=one) for one in (a, b))
    )
    found, pages = zip(*of_both, strict=True)
    pairs = await asyncio.to_thread(align, pages[0].steps, pages[1].steps)
    return Comparison(
        a=run_body(found[0]),
        b=run_body(found[1]),
        difference=difference(found[0], found[1]),
        steps=[pair_body(pair) for pair in pairs],
        is_cut=any(page.cursor is not None for page in pages),
    )


@router.get("/{run_id}")
async def show(
    run_id: RunId,
    caller: Reader,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=runs.MAX_STEPS)] = 200,
    cursor: Annotated[str, Query(max_length=512)] = "",
) -> OneRun:
    """One run with its steps in order, a page at a time."""
    run, page = await runs.one_run(
        parts.telemetry, org_id=caller.org_id, run_id=run_id, limit=limit, cursor=cursor
    )
    return OneRun(
        run=run_body(run),
        steps=[step_body(step) for step in page.steps],
        cursor=page.cursor,
        has_more=page.cursor is not None,
    )


def _filter(asked: RunQuestion, org_id: str) -> RunFilter:
    window = periods.window(asked.start_time, asked.end_time)
    return RunFilter(
        org_id=org_id,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        user_id=asked.user_id,
        team_id=asked.team_id,
        project_id=asked.project_id,
        key_id=asked.key_id,
        agent=asked.agent,
        server=asked.server,
        tool=asked.tool,
        outcome=asked.outcome or "",
        min_steps=asked.min_steps,
        min_duration_ns=round(asked.min_duration_ms * 1e6),
        min_cost_micros=int((asked.min_cost * _MICROS).to_integral_value(rounding="ROUND_CEILING")),
    )
