"""Makes what calls need in the control store: teams, people, keys, servers with prices, visitors of the shop.

Nothing here can be used: keys and visitors have no secret that anybody could know, and the servers' addresses
end in .invalid, which no name server answers for (RFC 2606).
"""

from random import Random

import msgspec

from gatewayops.base.ids import random_text
from gatewayops.demo.calls import ENV
from gatewayops.demo.company import Agent, Company, Person
from gatewayops.demo.marks import Marks
from gatewayops.demo.runs import Caller, Visitor, visitors_since
from gatewayops.demo.traffic import Period
from gatewayops.store.control import (
    demo_rows,
    directory,
    end_users,
    keys,
    limits,
    oauth_clients,
    policies,
    prices,
)
from gatewayops.store.control import servers as control_servers
from gatewayops.store.control.access import Subject
from gatewayops.store.control.database import Session
from gatewayops.store.control.keys import HashedSecret, KeySpec
from gatewayops.store.control.limits import LimitSpec
from gatewayops.store.control.limits import Subject as LimitSubject
from gatewayops.store.control.oauth_clients import ClientSpec
from gatewayops.store.control.prices import Tariff
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.store.snapshot import PLATFORM_OAUTH, Permission

LABELS = {"demo": "seeded"}
_NO_HASH = "none"  # of no secret
_VISITORS = (12, 400)  # at least, at most
_CALLS_A_VISITOR = 250  # of all calls


class Objects(msgspec.Struct):
    """What was made, for those who make calls and what comes of them."""

    org_id: str
    marks: Marks
    teams: dict[str, str] = {}  # ids by the company's names
    projects: dict[str, str] = {}
    servers: dict[str, str] = {}
    names: dict[str, str] = {}  # what the servers are called here
    callers: list[Caller] = []
    visitors: list[Visitor] = []


class Maker:
    """Makes the company in one transaction."""

    def __init__(self, session: Session, random: Random, of: Company, marks: Marks) -> None:
        """`marks` learns all ids."""
        self._session = session
        self._random = random
        self._of = of
        self._org_id = marks.org_id
        self._made = Objects(marks.org_id, marks)

    async def make(self, period: Period) -> Objects:
        """Everything. Raises Conflict where even a name that says demo is taken."""
        self._taken = await demo_rows.names_taken(self._session, org_id=self._org_id)
        await self._directory()
        for server in self._of.servers:
            await self._server(server.name)
        await self._agents()
        await self._visitors(period)
        await self._rules()
        return self._made

    async def _directory(self) -> None:
        made, session, org_id = self._made, self._session, self._org_id
        for team in self._of.teams:
            name = self._free("teams", team.name)
            parent = made.teams.get(team.parent, "")
            row = await directory.add_team(session, org_id=org_id, name=name, parent=parent)
            made.teams[team.name] = made.marks.add("teams", row.id)
        for project in self._of.projects:
            name = self._free("projects", project.name)
            team_id = made.teams[project.team]
            found = await directory.add_project(session, org_id=org_id, name=name, team=team_id)
            made.projects[project.name] = made.marks.add("projects", found.id)

    async def _server(self, name: str) -> None:
        made, known = self._made, next(one for one in self._of.servers if one.name == name)
        called = self._free("mcp_servers", name, "-demo")
        spec = ServerSpec(
            name=called,
            url=f"https://{name}.acme-demo.invalid/mcp",
            timeout_s=30.0,
            connect_timeout_s=5.0,
            retries=2,
            max_in_flight=100,
            allows_private=False,
            **({"auth": PLATFORM_OAUTH, "allows_sign_up": True} if known.is_protected else {}),  # type: ignore[arg-type]
        )
        server_id = control_servers.new_server_id()
        await control_servers.add(
            self._session, org_id=self._org_id, server_id=server_id, spec=spec, headers=Headers()
        )
        made.servers[name] = made.marks.add("mcp_servers", server_id)
        made.names[name] = called
        tariff = Tariff(known.per_call, known.input_per_mtok, known.output_per_mtok)
        price = await prices.put(self._session, org_id=self._org_id, server=called, tool="", tariff=tariff)
        made.marks.add("price_rules", price.id)

    async def _agents(self) -> None:
        by_name = {agent.name: agent for agent in self._of.agents}
        for person in self._of.people:
            user = await directory.add_user(
                self._session,
                org_id=self._org_id,
                email=person.email,
                name=person.name,
                team=self._made.teams[person.team],
            )
            self._made.marks.add("users", user.id)
            for name in person.agents:
                await self._of_person(by_name[name], person, user.id)
        for agent in self._of.agents:
            if agent.team:
                spec = self._key(agent.name, team=agent.team, project=agent.project)
                self._made.callers.append(await self._caller(agent, spec))

    async def _of_person(self, agent: Agent, person: Person, user_id: str) -> None:
        for project in person.projects:
            spec = self._key(f"{agent.name}, {person.name}, {project}", team=person.team, project=project)
            spec = msgspec.structs.replace(spec, user_id=user_id)
            weight = person.weight / len(person.projects)
            self._made.callers.append(await self._caller(agent, spec, weight=weight))

    def _key(self, name: str, *, team: str, project: str) -> KeySpec:
        return KeySpec(
            name=name,
            env=ENV,
            servers=tuple(self._made.names.values()),
            actions=("mcp.*",),
            team_id=self._made.teams[team],
            project_id=self._made.projects[project],
            labels=LABELS,
        )

    async def _caller(self, agent: Agent, spec: KeySpec, *, weight: float = 1.0) -> Caller:
        secret = HashedSecret(prefix=f"gwo_{ENV}_{random_text(4)}", hash=_NO_HASH)
        key = await keys.add(self._session, org_id=self._org_id, spec=spec, secret=secret)
        self._made.marks.add("api_keys", key.id)
        self._made.marks.callers.append(key.id)
        address = f"10.20.{self._random.randint(0, 9)}.{self._random.randint(2, 250)}"
        return Caller(agent, key.id, spec.user_id, spec.team_id, spec.project_id, address, weight)

    async def _visitors(self, period: Period) -> None:
        made, session, org_id = self._made, self._session, self._org_id
        shop = next(server for server in self._of.servers if server.is_protected)
        agent = next(agent for agent in self._of.agents if shop.name in agent.works)
        spec = ClientSpec(
            name=agent.name, redirect_uris=("https://assistant.acme-demo.invalid/cb",), auth_method="none"
        )
        client = await oauth_clients.add(
            session,
            org_id=org_id,
            server_id=made.servers[shop.name],
            kind="registered",
            spec=spec,
            secret_hash="",
        )
        made.marks.add("oauth_clients", client.id)
        made.marks.callers.append(client.client_id)
        least, most = _VISITORS
        count = max(least, min(most, period.calls // _CALLS_A_VISITOR))
        for number, (since, loyalty) in enumerate(
            visitors_since(self._random, count, period.start, period.end), 1
        ):
            user_id = await self._end_user(number)
            address = f"203.0.113.{self._random.randint(1, 254)}"
            caller = Caller(agent, client.client_id, user_id, address=address)
            made.visitors.append(Visitor(caller, since, loyalty))

    async def _end_user(self, number: int) -> str:
        user = await end_users.add(
            self._session,
            org_id=self._org_id,
            email=f"visitor{number}@acme-demo.example",
            name=f"Visitor {number}",
            password_hash="",
            is_verified=True,
        )
        return self._made.marks.add("end_users", user.id)

    async def _rules(self) -> None:
        """What refuses some of the calls."""
        made, session, org_id = self._made, self._session, self._org_id
        policy = await policies.add(
            session,
            org_id=org_id,
            subject=Subject("team", made.teams["Finance"]),
            permission=Permission("deny", made.names["code-analysis"], "tools.call", "*"),
            description="Finance has no need of it (demo)",
        )
        made.marks.add("access_policies", policy.id)
        runaway = next(one for one in made.callers if one.agent.name == "triage-bot")
        limit = await limits.put(
            session, org_id=org_id, subject=LimitSubject("api_key", runaway.key_id), spec=LimitSpec(120, 60)
        )
        made.marks.add("limit_rules", limit.id)

    def _free(self, table: str, name: str, suffix: str = " (demo)") -> str:
        return name + suffix if name in self._taken[table] else name
