"""A server's thresholds in the control store, also of servers that were there before there were any."""

import msgspec
from alembic import command
from sqlalchemy import text

from gatewayops.store import snapshot
from gatewayops.store.control import directory, migrate, servers, snapshot_feed
from gatewayops.store.control.database import Database, for_writing
from gatewayops.store.control.servers import Headers, ServerSpec

SPEC = ServerSpec(
    name="github",
    url="https://mcp.example.com/mcp",
    timeout_s=30.0,
    connect_timeout_s=5.0,
    retries=2,
    max_in_flight=100,
    allows_private=False,
)
OTHERS = snapshot.Resilience(
    retry_base_ms=1,
    retry_max_ms=2,
    retry_budget_percent=3,
    breaker_failures=4,
    breaker_percent=5,
    breaker_window_s=6.5,
    breaker_open_s=7.5,
    breaker_probes=8,
    caller_share_percent=9,
)


async def added(database: Database, spec: ServerSpec) -> servers.Server:
    async with database.session() as session:
        return await servers.add(
            session, org_id="org_default", server_id="srv_1", spec=spec, headers=Headers()
        )


async def test_thresholds_are_kept_changed_and_handed_to_gateways(database: Database) -> None:
    server = await added(database, SPEC)
    assert server.spec == SPEC
    spec = msgspec.structs.replace(SPEC, **msgspec.structs.asdict(OTHERS))
    async with database.session() as session:
        changed = await servers.change(session, server, spec=spec, headers=server.headers)
    async with database.reading() as session:
        assert (await servers.find(session, org_id="org_default", ref="github")).spec == spec
        assert (await snapshot_feed.build(session)).servers == (changed.row(),)
    assert changed.row().breaker_window_s == 6.5


async def test_servers_of_before_get_the_defaults(empty_url: str) -> None:
    database = Database.open(empty_url)
    await migrate.upgrade(database.engine)
    async with database.session() as session:
        await directory.ensure_default(session)
    await added(database, SPEC)
    async with for_writing(database.engine).begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migrate._config(sync), "0008"))
        columns = (await connection.execute(text("SELECT * FROM mcp_servers"))).keys()
    assert not set(columns) & set(snapshot.Resilience.__struct_fields__)
    await migrate.upgrade(database.engine)

    async with database.reading() as session:
        found = (await servers.find(session, org_id="org_default", ref="github")).spec
    await database.close()
    assert found == msgspec.structs.replace(SPEC, requires_verified_email=False)  # it lets in whom it let in
