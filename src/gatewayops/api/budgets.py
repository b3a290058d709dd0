"""`/v1/budgets`: what may be spent by whom, in which period; in dollars, kept in whole micro-dollars."""

import asyncio
from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import Depends, Query, Response
from pydantic import Field

from gatewayops.api import periods
from gatewayops.api.auth import principal_for
from gatewayops.api.budget_shapes import (
    Amount,
    BudgetDetail,
    BudgetList,
    EventList,
    OneBudget,
    OneOverride,
    OverrideList,
    ProofBody,
    budget_body,
    event_body,
    forecast_body,
    listed_body,
    override_body,
    proof_body,
    whole_micros,
)
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, InPath, Moment, Name, PageAsked, Ref, paging
from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput
from gatewayops.cost.budget import Period, Scope
from gatewayops.cost.budgets import standing
from gatewayops.identity.principal import Principal
from gatewayops.query.ledger_proof import prove
from gatewayops.store.control import budgets
from gatewayops.store.control.budgets import Budget, BudgetSpec
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import MAX_LIMIT, Asked

router = LateRouter(prefix="/v1/budgets", tags=["Budgets"])

_PROOF_DAYS = 7
_MAX_PROOF_DAYS = 400
PROOF_PAUSE_S = 1.0
_PROOF_TRIES = 5  # calls of the last seconds reach one store before the other

Reader = Annotated[Principal, Depends(principal_for("budgets.read"))]
Writer = Annotated[Principal, Depends(principal_for("budgets.write"))]
GracePercent = Annotated[int, Field(ge=0, le=1_000)]
GraceKeys = Annotated[list[Name], Field(max_length=100)]


class NewBudget(Body):
    """`subject` is an id, or a key's prefix, a user's e-mail address, a team's or project's name.

    Without a name it is called after subject and period. Keys marked for grace are those in `grace_keys` (ids
    or prefixes) and those with the label `grace`: their calls go on up to `grace_percent` over the limit.
    """

    scope: Scope
    subject: Ref = ""
    period: Period
    amount: Amount
    hard: bool = True
    name: Ref = ""
    grace_percent: GracePercent = 0
    grace_keys: GraceKeys = Field(default=[])


class BudgetChange(Body):
    """What is left out stays. Scope and subject never change: make another budget."""

    period: Period | None = None
    amount: Amount | None = None
    hard: bool | None = None
    name: Name | None = None
    grace_percent: GracePercent | None = None
    grace_keys: GraceKeys | None = None


class NewOverride(Body):
    """More money for a while."""

    extra: Amount
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]
    until: Moment


@router.post("", status_code=201)
async def create(body: NewBudget, caller: Writer, parts: Parts) -> OneBudget:
    """Makes a budget; what its period has already spent counts. Gateways follow within a second."""
    org_id = caller.org_id
    async with parts.database.session() as session:
        subject = await budgets.subject_id(session, org_id=org_id, scope=body.scope, ref=body.subject)
        spec = BudgetSpec(
            name=body.name or f"{body.scope} {body.subject or org_id} {body.period}",
            scope=body.scope.value,
            subject=subject,
            period=body.period.value,
            amount_micros=whole_micros("amount", body.amount),
            is_hard=body.hard,
            grace_percent=body.grace_percent,
            grace_keys=await _key_ids(session, org_id, body.grace_keys),
        )
        _check_name(spec.name)
        return await _shown(session, await budgets.add(session, org_id=org_id, spec=spec))


@router.get("")
async def list_budgets(
    caller: Reader,
    parts: Parts,
    asked: PageAsked,
    forecast: Annotated[bool, Query(description="say also how each period will end")] = False,
) -> BudgetList:
    """The organisation's budgets and where they stand, newest first."""
    async with parts.database.reading() as session:
        page = await budgets.page(session, org_id=caller.org_id, asked=asked)
        found = await standing.standings(session, page.rows)
        expected = await standing.forecasts(session, found) if forecast else [None] * len(found)
    return BudgetList(
        budgets=[listed_body(one, ahead) for one, ahead in zip(found, expected, strict=True)], **paging(page)
    )


@router.get("/events")
async def list_events(caller: Reader, parts: Parts, asked: PageAsked, budget: Ref = "") -> EventList:
    """Thresholds that were reached, newest first; `budget` is an id or a name."""
    async with parts.database.reading() as session:
        budget_id = (await budgets.find(session, org_id=caller.org_id, ref=budget)).id if budget else ""
        page = await budgets.events(session, org_id=caller.org_id, asked=asked, budget_id=budget_id)
    return EventList(events=[event_body(event) for event in page.rows], **paging(page))


@router.get("/proof")
async def proof(caller: Reader, parts: Parts, start_date: str = "", end_date: str = "") -> ProofBody:
    """Compares the ledger with the recorded calls, day by day (UTC; both ends included; 7 days unless given).

    Waits up to five seconds for calls that one store has and the other not yet.
    """
    last = periods.day("end_date", end_date).date() if end_date else clock.now().date()
    first = periods.day("start_date", start_date).date() if start_date else last - timedelta(_PROOF_DAYS - 1)
    if not first <= last <= first + timedelta(_MAX_PROOF_DAYS):
        msg = f"start_date: not after end_date, and at most {_MAX_PROOF_DAYS} days before"
        raise InvalidInput(msg)
    for attempt in range(_PROOF_TRIES):
        if attempt:
            await asyncio.sleep(PROOF_PAUSE_S)
        days = await prove(parts.database, parts.telemetry, org_id=caller.org_id, first=first, last=last)
        if not any(day.difference_micros for day in days):
            break
    return proof_body(days)


@router.get("/{budget_id}")
async def show(budget_id: InPath, caller: Reader, parts: Parts) -> BudgetDetail:
    """One budget: spent, remaining, forecast, and the thresholds reached in this period."""
    async with parts.database.reading() as session:
        (one,) = await standing.standings(
            session, [await budgets.find(session, org_id=caller.org_id, ref=budget_id)]
        )
        [expected] = await standing.forecasts(session, [one])
        asked = Asked(limit=MAX_LIMIT)
        page = await budgets.events(session, org_id=caller.org_id, asked=asked, budget_id=one.budget.id)
    current = [event for event in page.rows if event.period_start == one.span.start]
    return BudgetDetail(
        budget=budget_body(one),
        forecast=forecast_body(expected),
        events=[event_body(event) for event in current],
    )


@router.patch("/{budget_id}")
async def change(budget_id: InPath, body: BudgetChange, caller: Writer, parts: Parts) -> OneBudget:
    """Changes what is given; gateways follow within a second."""
    async with parts.database.session() as session:
        found = await budgets.find(session, org_id=caller.org_id, ref=budget_id)
        given = body.model_dump(exclude_none=True, exclude={"amount", "hard", "grace_keys"})
        if body.amount is not None:
            given["amount_micros"] = whole_micros("amount", body.amount)
        if body.hard is not None:
            given["is_hard"] = body.hard
        if body.grace_keys is not None:
            given["grace_keys"] = await _key_ids(session, caller.org_id, body.grace_keys)
        if body.period is not None:
            given["period"] = body.period.value
        spec = msgspec.structs.replace(found.spec, **given)
        return await _shown(
            session, await budgets.change(session, org_id=caller.org_id, budget_id=found.id, spec=spec)
        )


@router.delete("/{budget_id}", status_code=204)
async def remove(budget_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a budget with its overrides and events; the ledger keeps what was spent."""
    async with parts.database.session() as session:
        await budgets.remove(session, org_id=caller.org_id, budget_id=budget_id)
    return Response(status_code=204)


@router.get("/{budget_id}/overrides")
async def list_overrides(budget_id: InPath, caller: Reader, parts: Parts) -> OverrideList:
    """The overrides that hold now, oldest first."""
    async with parts.database.reading() as session:
        found = await budgets.find(session, org_id=caller.org_id, ref=budget_id)
    return OverrideList(overrides=[override_body(override) for override in found.overrides])


@router.post("/{budget_id}/overrides", status_code=201)
async def add_override(budget_id: InPath, body: NewOverride, caller: Writer, parts: Parts) -> OneOverride:
    """Adds money to a budget until a moment, with the reason why."""
    async with parts.database.session() as session:
        override = await budgets.add_override(
            session,
            budget=await budgets.find(session, org_id=caller.org_id, ref=budget_id),
            extra_micros=whole_micros("extra", body.extra),
            reason=body.reason,
            until=body.until,
            made_by=caller.key_id or caller.user_id,
        )
    return OneOverride(override=override_body(override))


@router.delete("/{budget_id}/overrides/{override_id}", status_code=204)
async def remove_override(budget_id: InPath, override_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Ends an override at once."""
    async with parts.database.session() as session:
        await budgets.remove_override(
            session, org_id=caller.org_id, budget_id=budget_id, override_id=override_id
        )
    return Response(status_code=204)


async def _key_ids(session: Session, org_id: str, refs: list[str]) -> tuple[str, ...]:
    return tuple([await budgets.key_id(session, org_id=org_id, ref=ref, field="grace_keys") for ref in refs])


async def _shown(session: Session, budget: Budget) -> OneBudget:
    """What its period spent already may have reached thresholds."""
    await standing.raise_thresholds(session, [budget])
    (one,) = await standing.standings(session, [budget])
    return OneBudget(budget=budget_body(one))


def _check_name(name: str) -> None:
    if len(name) > 255:
        msg = "name: at most 255 characters"
        raise InvalidInput(msg)
