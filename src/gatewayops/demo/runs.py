"""Who calls, and which tools one after the other."""

from bisect import bisect
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from math import exp, log
from random import Random
from typing import Generic, TypeVar

import msgspec

from gatewayops.cost.prices import Price
from gatewayops.demo.company import Agent, Company, Server, Tool
from gatewayops.demo.words import parts_of

_STAYS = 0.55  # how likely the next call is to the same server
_GOES_ON = (0.72, 0.5, 0.45)  # a visitor of the shop, from each step to the next
_FADES_DAYS = 9.0  # how fast a visitor's interest does, on average
_FROM_THE_START = 0.3  # of the visitors

T = TypeVar("T")


class Choice(Generic[T]):
    """One of several by weight, many times."""

    def __init__(self, random: Random, weighed: Sequence[tuple[T, float]]) -> None:
        """At least one weight is more than nothing."""
        self._random = random
        self._values = [value for value, _ in weighed]
        self._upto = list(accumulate(weight for _, weight in weighed))

    def __call__(self) -> T:
        """The next one."""
        return self._values[
            bisect(self._upto, self._random.random() * self._upto[-1], hi=len(self._values) - 1)
        ]


class ReadyTool(msgspec.Struct, frozen=True):
    """A tool as calls need it."""

    server: str
    name: str
    asks: tuple[str, ...]
    answers: tuple[str, ...]
    log_ns: float  # of the median latency
    spread: float
    failures: float
    failure: str
    price: Price


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a person with an agent, an agent by itself, or a visitor of the shop."""

    agent: Agent
    key_id: str
    user_id: str = ""
    team_id: str = ""
    project_id: str = ""
    address: str = ""
    weight: float = 1.0


class Visitor(msgspec.Struct, frozen=True):
    """An end user: when they first came, and how much they like it (0 to 1)."""

    caller: Caller
    since: datetime
    loyalty: float

    def weight_at(self, at: datetime) -> float:
        """How likely they are to come that day."""
        days = (at - self.since).total_seconds() / 86_400
        if days < 0:
            return 0.0
        fresh = 3.0 if days < 1 else 0.0
        return fresh + self.loyalty + exp(-days / (_FADES_DAYS * self.loyalty + 0.5))


class Workbench:
    """Chooses the steps of runs."""

    def __init__(self, random: Random, of: Company, names: dict[str, str]) -> None:
        """`names` are what the servers are called here."""
        self._random = random
        tools = {server.name: [_ready(server, tool, names) for tool in server.tools] for server in of.servers}
        self._shop = next(tools[server.name] for server in of.servers if server.is_protected)
        self._tool = {
            server.name: Choice(
                random,
                [(ready, tool.weight) for ready, tool in zip(tools[server.name], server.tools, strict=True)],
            )
            for server in of.servers
        }
        self._server = {agent.name: Choice(random, list(agent.works.items())) for agent in of.agents}

    def steps(self, agent: Agent) -> list[ReadyTool]:
        """One run."""
        if agent.hours == "shop":
            return self._visit()
        server, found = self._server[agent.name](), []
        for _ in range(self._random.randint(*agent.steps)):
            if self._random.random() > _STAYS:
                server = self._server[agent.name]()
            found.append(self._tool[server]())
        return found

    def _visit(self) -> list[ReadyTool]:
        found = []
        for tool, goes_on in zip(self._shop, (*_GOES_ON, 0.0), strict=True):
            found += [tool] * (1 if goes_on == 0.0 else self._random.choice((1, 1, 2)))
            if self._random.random() > goes_on:
                break
        return found


def visitors_since(
    random: Random, count: int, start: datetime, end: datetime
) -> list[tuple[datetime, float]]:
    """When each visitor first came, and how loyal they are."""
    found = []
    for number in range(count):
        part = 0.0 if number < count * _FROM_THE_START else random.random() ** 0.8
        found.append((start + (end - start) * part * 0.97, random.random() ** 2))
    return found


def _ready(server: Server, tool: Tool, names: dict[str, str]) -> ReadyTool:
    return ReadyTool(
        server=names[server.name],
        name=tool.name,
        asks=parts_of(tool.asks),
        answers=parts_of(tool.answers, is_text=True),
        log_ns=log(tool.median_ms * 1e6),
        spread=tool.spread,
        failures=server.failures,
        failure=server.failure,
        price=server.price,
    )
