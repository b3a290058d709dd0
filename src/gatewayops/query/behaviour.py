"""Analytics of what users do: funnels and journeys over tools, top tools, top argument values, intents.

What reads every call of the period (funnels, journeys, values) may be a minute old.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gatewayops.base.errors import Forbidden, InvalidInput
from gatewayops.policy.access.glob import matcher
from gatewayops.query.analytics import Asked
from gatewayops.query.asking import SumReader, with_sums
from gatewayops.query.settings import AnalyticsSettings
from gatewayops.store.telemetry import behaviour_sql

_MAX_DEPTH = 10  # of a field


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a funnel, and how many users came so far."""

    tool: str
    users: int


@dataclass(frozen=True, slots=True)
class Journey:
    """Tools (`server/tool`) called one after the other in a session; how often, in how many, by how many."""

    steps: tuple[str, ...]
    times: int
    sessions: int
    users: int


@dataclass(frozen=True, slots=True)
class ToolUse:
    """How a tool was used, and how often in the period before."""

    server: str
    tool: str
    calls: int
    errors: int
    users: int
    sessions: int
    calls_before: int


@dataclass(frozen=True, slots=True)
class TopTools:
    """The most called first; `calls` are those of all tools."""

    calls: int
    tools: list[ToolUse]


@dataclass(frozen=True, slots=True)
class Value:
    """A value of an argument; of a long text the beginning."""

    value: str
    calls: int
    users: int


@dataclass(frozen=True, slots=True)
class TopValues:
    """The most frequent first; `calls` are those that have any value there."""

    calls: int
    values: list[Value]


@dataclass(frozen=True, slots=True)
class Intent:
    """Calls that serve an intent; no label: calls that no rule names."""

    label: str | None
    calls: int
    users: int
    sessions: int


async def funnel(telemetry: SumReader, asked: Asked, *, steps: Sequence[str], window_s: int) -> list[Step]:
    """How many users called the tools in this order, each within `window_s` of the first.

    A step is `tool` or `server/tool`; other calls may lie between. Raises InvalidInput for a step that one
    call could take together with the step before.
    """
    for before, step in pairwise(steps):
        if before == step or before.endswith(f"/{step}") or step.endswith(f"/{before}"):
            msg = f"step: {step} follows {before}, and one call could be both; leave one out"
            raise InvalidInput(msg)
    named = {f"step{number}": step for number, step in enumerate(steps)}
    values = asked.values | named | {"window": window_s * 10**9}
    rows = await telemetry.remembered_rows(behaviour_sql.funnel(len(steps)), values)
    reached = {row["reached"]: row["users"] for row in rows}
    return [
        Step(step, sum(users for so_far, users in reached.items() if so_far >= number))
        for number, step in enumerate(steps, 1)
    ]


async def journeys(telemetry: SumReader, asked: Asked, *, length: int, limit: int) -> list[Journey]:
    """Sequences of `length` tools within a session, most frequent first."""
    called = await with_sums(telemetry, asked.values)
    tools = await telemetry.rows(behaviour_sql.called_tools(), called)
    names = sorted({tool["name"] for tool in tools})
    if not names:
        return []
    rank = {name: number for number, name in enumerate(names, 1)}
    values = asked.values | {
        "numbers": [tool["number"] for tool in tools],
        "ranks": [rank[tool["name"]] for tool in tools],
    }
    rows = await telemetry.remembered_rows(behaviour_sql.journeys(length), values | {"limit": limit})
    found = {"found": [row["journey"] for row in rows]}
    users = await telemetry.remembered_rows(behaviour_sql.users_of_journeys(length), values | found)
    users_of = {row["journey"]: row["users"] for row in users}
    return [
        Journey(
            steps=tuple(names[step - 1] for step in behaviour_sql.steps_of(row["journey"], length)),
            times=row["times"],
            sessions=row["sessions"],
            users=users_of.get(row["journey"], 0),
        )
        for row in rows
    ]


async def top_tools(telemetry: SumReader, asked: Asked, *, limit: int) -> TopTools:
    """The most called tools."""
    values = await with_sums(telemetry, asked.values)
    rows = await telemetry.rows(behaviour_sql.tools(), values | {"limit": limit})
    pairs = [(row["server"], row["tool"]) for row in rows]
    before = {}
    if pairs:
        values = await with_sums(telemetry, asked.before.values) | {"tools": pairs}
        found = await telemetry.rows(behaviour_sql.calls_of_tools(), values)
        before = {(row["server"], row["tool"]): row["calls"] for row in found}
    return TopTools(
        calls=rows[0]["all_calls"] if rows else 0,
        tools=[
            ToolUse(
                server=row["server"],
                tool=row["tool"],
                calls=row["calls"],
                errors=row["errors"],
                users=row["users"],
                sessions=row["sessions"],
                calls_before=before.get((row["server"], row["tool"]), 0),
            )
            for row in rows
        ],
    )


async def top_values(
    telemetry: SumReader, asked: Asked, settings: AnalyticsSettings, *, tool: str, field: str, limit: int
) -> TopValues:
    """The most frequent values of a tool's argument; `field` is a dotted path into the masked arguments.

    Raises Forbidden for a field that the settings don't name, InvalidInput for no path.
    """
    path = field.split(".")
    if not all(path) or len(path) > _MAX_DEPTH:
        msg = f"field: give a dotted path of at most {_MAX_DEPTH} names, such as filters.language"
        raise InvalidInput(msg)
    if not may_show(settings, server=asked.server, tool=tool, field=field):
        msg = (
            f"field: values of {tool}.{field} are not shown; whoever runs this installation can add it to "
            "the setting analytics.argument_fields"
        )
        raise Forbidden(msg)
    keys = {f"key{number}": name for number, name in enumerate(path)}
    values = asked.values | keys | {"tool": tool, "limit": limit}
    rows = await telemetry.remembered_rows(behaviour_sql.arguments(len(path)), values)
    return TopValues(
        calls=rows[0]["all_calls"] if rows else 0,
        values=[Value(row["value"], row["calls"], row["users"]) for row in rows],
    )


def may_show(settings: AnalyticsSettings, *, server: str, tool: str, field: str) -> bool:
    """Whether the allow-list names the field; an entry with a server counts when that server is asked for."""
    names = (tool, f"{server}/{tool}") if server else (tool,)
    for allowed in settings.argument_fields:
        pattern = allowed.removesuffix(f".{field}")
        if pattern != allowed and any(map(matcher(pattern), names)):
            return True
    return False


async def intents(telemetry: SumReader, asked: Asked, settings: AnalyticsSettings) -> list[Intent]:
    """Every intent of the settings in their order, then the calls that none names, if there are any."""
    labels = list(settings.intents)
    sql, patterns = behaviour_sql.intents(list(settings.intents.values()))
    rows = await telemetry.rows(sql, await with_sums(telemetry, asked.values | patterns))
    found = {row["rule"]: (row["calls"], row["users"], row["sessions"]) for row in rows}
    named = [Intent(label, *found.get(at, (0, 0, 0))) for at, label in enumerate(labels)]
    rest = found.get(len(labels))
    return named if rest is None else [*named, Intent(None, *rest)]
