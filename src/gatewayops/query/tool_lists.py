"""What lists of tools cost: the estimated tokens that each server's list takes from a model, and for nothing.

A list goes into the context of every conversation; what is never called there is paid for all the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gatewayops.cost.prices import estimated_tokens
from gatewayops.query.asking import SumReader, with_sums
from gatewayops.store.control import tool_lists
from gatewayops.store.control.database import Database
from gatewayops.store.control.tool_lists import ListedTool
from gatewayops.store.telemetry import cost_sql

_AROUND_BYTES = len('{"tools":[]}')


@dataclass(frozen=True, slots=True)
class UnusedTool:
    """A tool that nobody called, and the estimated tokens of its definition."""

    tool: str
    tokens: int


@dataclass(frozen=True, slots=True)
class ListReader:
    """A client that read the list in the period: how often, and the estimated tokens of what it got."""

    agent: str
    lists: int
    tokens: int


@dataclass(frozen=True, slots=True)
class ToolListCost:
    """One server's list as it is now, and what the period made of it."""

    server: str
    tool_count: int
    tokens: int
    unused: list[UnusedTool]
    readers: list[ListReader]


async def tool_list_costs(
    database: Database, telemetry: SumReader, *, org_id: str, start_ns: int, end_ns: int
) -> list[ToolListCost]:
    """Every server whose tools are known, the largest list first. Raises Unavailable."""
    async with database.reading() as session:
        listed = await tool_lists.listed(session, org_id=org_id)
    values = await with_sums(telemetry, {"org": org_id, "start": start_ns, "end": end_ns})
    called = {(row["server"], row["tool"]) for row in await telemetry.rows(cost_sql.tools_called(), values)}
    readers: dict[str, list[ListReader]] = {}
    for row in await telemetry.rows(cost_sql.lists_read(), values):
        reader = ListReader(row["agent"], row["lists"], estimated_tokens(row["read_bytes"]))
        readers.setdefault(row["server"], []).append(reader)
    by_server: dict[str, list[ListedTool]] = {}
    for tool in listed:
        by_server.setdefault(tool.server, []).append(tool)
    found = [
        ToolListCost(
            server=server,
            tool_count=len(tools),
            tokens=list_tokens(tool.size_bytes for tool in tools),
            unused=[
                UnusedTool(tool.tool, estimated_tokens(tool.size_bytes))
                for tool in tools
                if (server, tool.tool) not in called
            ],
            readers=readers.get(server, []),
        )
        for server, tools in by_server.items()
    ]
    return sorted(found, key=lambda one: (-one.tokens, one.server))


def list_tokens(sizes: Iterable[int]) -> int:
    """The estimated tokens of a list of definitions of these sizes in bytes, commas and all."""
    each = list(sizes)
    return estimated_tokens(_AROUND_BYTES + sum(each) + max(0, len(each) - 1))
