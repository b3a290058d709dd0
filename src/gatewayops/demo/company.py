"""The invented company and its servers, as the two files beside this module describe them."""

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from gatewayops.cost.prices import Price

MAIL_DOMAIN = "acme-demo.example"
ROOT_TEAM = "Acme (demo)"
_HERE = Path(__file__).parent


class Team(msgspec.Struct, frozen=True):
    """A node of the tree; the ones above come first."""

    name: str
    parent: str = ""


class Project(msgspec.Struct, frozen=True):
    """What calls are made for."""

    name: str
    team: str


class Person(msgspec.Struct, frozen=True):
    """Who works with agents, and how much next to the others."""

    name: str
    team: str
    projects: tuple[str, ...]
    agents: tuple[str, ...]
    weight: float = 1.0

    @property
    def email(self) -> str:
        """`ana.ferreira@…`."""
        return f"{self.name.lower().replace(' ', '.')}@{MAIL_DOMAIN}"


class Agent(msgspec.Struct, frozen=True):
    """A client of MCP. With a team it has a key of its own, else it works with people's."""

    name: str
    hours: str
    weight: float
    steps: tuple[int, int]
    works: dict[str, float]  # servers, and how much with each
    team: str = ""
    project: str = ""
    door: str = "mcp"


class Tool(msgspec.Struct, frozen=True):
    """A tool; `asks` and `answers` are templates (see words.py)."""

    name: str
    weight: float
    median_ms: float
    spread: float  # of the logarithm of the latency
    about: str
    asks: str
    answers: str


class Server(msgspec.Struct, frozen=True):
    """An MCP server that exists nowhere; `failures` is the share of its calls."""

    name: str
    failures: float
    failure: str
    per_call: int
    input_per_mtok: int
    output_per_mtok: int
    tools: tuple[Tool, ...]
    is_protected: bool = False

    @property
    def price(self) -> Price:
        """What its calls cost."""
        return Price(self.per_call, self.input_per_mtok, self.output_per_mtok)


class Company(msgspec.Struct, frozen=True):
    """All of it."""

    teams: tuple[Team, ...]
    projects: tuple[Project, ...]
    people: tuple[Person, ...]
    agents: tuple[Agent, ...]
    servers: tuple[Server, ...]


@cache
def company() -> Company:
    """As the files say."""
    told: dict[str, object] = {}
    for name in ("company.toml", "servers.toml"):
        told |= tomllib.loads((_HERE / name).read_text())
    return msgspec.convert(told, Company)
