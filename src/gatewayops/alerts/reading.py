"""Asks for the figures that rules are judged by: calls of the telemetry store, budgets of the ledger."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from gatewayops.alerts import seasonal
from gatewayops.alerts.figures import Burn, Counts, Group, Measured, Spent
from gatewayops.alerts.rule import Kind
from gatewayops.alerts.seasonal import WEEK_S, WEEKS, Series
from gatewayops.base.errors import Reason
from gatewayops.cost.budgets import standing
from gatewayops.query.asking import SpanReader, SumReader, with_sums
from gatewayops.store.control import alert_rules, budgets
from gatewayops.store.control.alert_rules import Rule, RuleSpec, Slo, SloSpec
from gatewayops.store.control.database import Database
from gatewayops.store.telemetry import alert_sql

_NS = 1_000_000_000
_MAX_GROUPS = 200
_LATE_S = 30  # calls take a second or two to be found; windows that are compared wait for all of theirs
_DAY_S = 86_400
_UNAUTHENTICATED = (
    Reason.KEY_MISSING,
    Reason.KEY_UNKNOWN,
    Reason.KEY_EXPIRED,
    Reason.KEY_CHECKS_BUSY,
    Reason.TOKEN_INVALID,  # not token_missing: every client that signs in begins with that
    Reason.TOKEN_EXPIRED,
    Reason.TOKEN_REVOKED,
)
# What the gateway refused for the caller's sake: it says nothing about how a server is.
REFUSALS = (
    *_UNAUTHENTICATED,
    Reason.TOKEN_MISSING,
    Reason.SCOPE_INSUFFICIENT,
    Reason.HOST_NOT_ALLOWED,
    Reason.ORIGIN_NOT_ALLOWED,
    Reason.NOT_FOUND,
    Reason.CONFLICT,
    Reason.SERVER_UNKNOWN,
    Reason.SERVER_NOT_GRANTED,
    Reason.ACTION_NOT_GRANTED,
    Reason.ROLE_NOT_GRANTED,
    Reason.TOOL_HELD,
    Reason.RATE_EXCEEDED,
    Reason.BUDGET_SPENT,
    Reason.ARGUMENTS_INVALID,
    Reason.PATTERN_DENIED,
    Reason.SESSION_UNKNOWN,
    Reason.MALFORMED_JSON,
    Reason.INVALID_REQUEST,
    Reason.TOO_LARGE,
    Reason.HEADER_MISMATCH,
    Reason.METHOD_NOT_ALLOWED,
    Reason.CLIENT_SLOW,
    Reason.CLIENT_GONE,
)


class Attained(msgspec.Struct, frozen=True):
    """How an objective stands over its period: calls that count, and those of them that failed."""

    calls: int
    failures: int

    @property
    def percent(self) -> float:
        """The share that succeeded; of no calls, all did."""
        return 100.0 * (1 - self.failures / self.calls) if self.calls else 100.0

    def budget_left_percent(self, objective_percent: float) -> float:
        """What is left of the failures that the objective allows; negative when there were more."""
        allowed = self.calls * (1 - objective_percent / 100)
        return 100.0 * (1 - self.failures / allowed) if allowed else 100.0


class Reader(Protocol):
    """Gives what a rule is judged by; FigureReader, and tests."""

    async def read(self, rule: Rule, now: datetime) -> list[Measured]:
        """A group each of what the rule is split by. Raises Unavailable."""


class FigureReader:
    """One an evaluator. Rules that need the same figures at the same moment share the question."""

    def __init__(self, telemetry: SpanReader, database: Database) -> None:
        """Asks nothing yet."""
        self._telemetry = telemetry
        self._database = database
        self._asked_at: datetime | None = None
        self._answers: dict[tuple[object, ...], list[dict[str, Any]]] = {}
        self._judged: dict[str, tuple[Rule, int, list[Measured]]] = {}

    async def read(self, rule: Rule, now: datetime) -> list[Measured]:
        """Figures up to `now`."""
        match Kind(rule.spec.kind):
            case Kind.BUDGET:
                return await self._budgets(rule)
            case Kind.SLO_BURN:
                return await self._burn(rule, now)
            case Kind.UNUSUAL:
                return await self._seasonal(rule, now)
            case _:
                return await self._counts(rule, now)

    async def _counts(self, rule: Rule, now: datetime) -> list[Measured]:
        spec = rule.spec
        if now != self._asked_at:
            self._asked_at, self._answers = now, {}
        sql = alert_sql.figures(filters=_filters(spec), split_by=spec.split_by)
        values = _values(rule.org_id, spec, now=now, seconds=spec.window_s) | {"limit": _MAX_GROUPS}
        asked = (sql, rule.org_id, spec.server, spec.tool, spec.team_id, spec.window_s)
        rows = self._answers.get(asked)
        if rows is None:
            rows = self._answers[asked] = await self._telemetry.rows(sql, values)
        at = alert_sql.PERCENTILES.index(spec.percentile) if spec.percentile in alert_sql.PERCENTILES else 0
        return [Measured(_group(spec, row), _counts_of(row, at)) for row in rows]

    async def _burn(self, rule: Rule, now: datetime) -> list[Measured]:
        async with self._database.reading() as session:
            slo = await alert_rules.find_slo(session, org_id=rule.org_id, ref=rule.spec.slo_id)
        sql = alert_sql.burn(filters=_slo_filters(slo.spec))
        longest_s = max(alert_sql.BURN_WINDOWS_S.values())
        values = _values(rule.org_id, slo.spec, now=now, seconds=longest_s)
        row = (await self._telemetry.rows(sql, values))[0]
        sample = Burn(
            judged={name: row[f"judged_{name}"] for name in alert_sql.BURN_WINDOWS_S},
            failures={name: row[f"failures_{name}"] for name in alert_sql.BURN_WINDOWS_S},
            objective_percent=slo.spec.objective_percent,
            period_days=slo.spec.period_days,
        )
        subject = _path(slo.spec.server, slo.spec.tool)
        return [Measured(Group("", subject, slo.spec.server, slo.spec.tool), sample)]

    async def _seasonal(self, rule: Rule, now: datetime) -> list[Measured]:
        """Asked once a window, for it reads weeks."""
        spec, step_s = rule.spec, rule.spec.window_s
        end_s = (int(now.timestamp()) - _LATE_S) // step_s * step_s
        known = self._judged.get(rule.id)
        if known is not None and known[:2] == (rule, end_s):
            return known[2]
        end = datetime.fromtimestamp(end_s, now.tzinfo)
        values = _values(rule.org_id, spec, now=end, seconds=WEEKS * WEEK_S + _DAY_S + 3_600)
        sql = alert_sql.series(filters=_filters(spec), split_by=spec.split_by)
        rows = await self._telemetry.rows(sql, values | {"step": step_s})
        found = await asyncio.to_thread(_judged, spec, rows, end_s - step_s)
        self._judged[rule.id] = (rule, end_s, found)
        return found

    async def _budgets(self, rule: Rule) -> list[Measured]:
        async with self._database.reading() as session:
            found = await budgets.of_organisations(session, (rule.org_id,))
            standings = await standing.standings(session, found)
        return [
            Measured(
                Group(one.budget.id, f'the budget "{one.budget.spec.name}"', team_id=_team(one.budget)),
                Spent(100 * one.spent_micros / max(1, one.limit_micros), one.budget.spec.period),
            )
            for one in standings
        ]


async def attained(telemetry: SumReader, slo: Slo, now: datetime) -> Attained:
    """Over the objective's period up to `now`."""
    values = _values(slo.org_id, slo.spec, now=now, seconds=slo.spec.period_days * _DAY_S)
    sql = alert_sql.attained(filters=_slo_filters(slo.spec))
    [row] = await telemetry.rows(sql, await with_sums(telemetry, values))
    return Attained(row["judged"], row["failures"])


def _counts_of(row: Mapping[str, Any], percentile_at: int) -> Counts:
    ns = row["durations"][percentile_at] if row["judged"] else 0.0
    return Counts(
        calls=row["calls"],
        judged=row["judged"],
        failures=row["failures"],
        limited=row["limited"],
        refused=row["refused"],
        latency_ms=ns / 1e6,
    )


def _judged(spec: RuleSpec, rows: list[dict[str, Any]], last_at: int) -> list[Measured]:
    """The last windows of each group, next to its weeks before."""
    column = "failures" if spec.measure == "errors" else "calls"
    windows: dict[Group, dict[int, int]] = {}
    for row in rows:
        windows.setdefault(_group(spec, row), {})[row["at"]] = row[column]
    impact = max(1, spec.min_calls)
    return [
        Measured(group, seasonal.judge(series, deviations=spec.threshold, least_impact=impact))
        for group, counts in windows.items()
        for series in (whole(counts, last_at=last_at, step_s=spec.window_s),)
    ]


def whole(counts: Mapping[int, int], *, last_at: int, step_s: int) -> Series:
    """From the first window that had a call to the one that began at `last_at`; those without calls are 0."""
    return Series(tuple(float(counts.get(at, 0)) for at in range(min(counts), last_at + 1, step_s)), step_s)


def _group(spec: RuleSpec, row: Mapping[str, Any]) -> Group:
    server = row.get("server", spec.server)
    tool = row.get("tool", spec.tool)
    team = row.get("team_id", spec.team_id)
    key = {"": "", "server": server, "tool": f"{server}/{tool}", "team": team}[spec.split_by]
    where = _path(server, tool)
    of_team = f"team {team}" if team else ""
    subject = ", ".join(part for part in (where, of_team) if part) or "all servers"
    return Group(key, subject, server, tool, team)


def _path(server: str, tool: str) -> str:
    return f"{server}/{tool}" if tool else server


def _team(budget: budgets.Budget) -> str:
    return budget.spec.subject if budget.spec.scope == "team" else ""


def _filters(spec: RuleSpec) -> tuple[str, ...]:
    return tuple(name for name in ("server", "tool", "team_id") if getattr(spec, name))


def _slo_filters(spec: SloSpec) -> tuple[str, ...]:
    return ("server", "tool") if spec.tool else ("server",)


def _values(org_id: str, spec: RuleSpec | SloSpec, *, now: datetime, seconds: int) -> dict[str, Any]:
    names = _filters(spec) if isinstance(spec, RuleSpec) else _slo_filters(spec)
    return {
        "org": org_id,
        "start": int((now - timedelta(seconds=seconds)).timestamp() * _NS),
        "end": int(now.timestamp() * _NS),
        "refusals": [reason.value for reason in REFUSALS],
        "unauthenticated": [reason.value for reason in _UNAUTHENTICATED],
        **{name: getattr(spec, name) for name in names},
    }
