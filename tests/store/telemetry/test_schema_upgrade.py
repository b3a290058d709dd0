"""An installation of an earlier version goes on with its data: the schema is brought up to date in place."""

import secrets

import pytest

from gatewayops.query import traces
from gatewayops.store.telemetry import retention, schema
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.store.telemetry.span_filter import SpanFilter
from gatewayops.store.telemetry.trace_times import extent_of_trace

from .conftest import NOON_NS, PASSWORD, USER

DAY_NS = 24 * 3600 * 10**9
_SPAN = """
INSERT INTO spans (ts, org_id, trace_id, span_id, door, status, attributes)
SELECT fromUnixTimestamp64Nano({at_ns}, 'UTC'), 'org_a', '{trace}', '{trace}', 'otlp', 'success',
    map('customer', 'ada', 'region', 'eu')
"""
_INDEXES = (
    "SELECT name FROM system.data_skipping_indices WHERE database = currentDatabase() AND table = 'spans'"
)

_TIMES_ONLY = (
    "CREATE TABLE trace_times (trace UInt64, ts DateTime64(9, 'UTC'), kind Enum8('spans' = 1, 'logs' = 2)) "
    "ENGINE = MergeTree ORDER BY trace"
)


@pytest.mark.parametrize("version", [1, 2])
async def test_spans_of_an_earlier_schema_are_found_by_attribute_after_the_upgrade(
    store, version, monkeypatch
):
    database = f"t_{secrets.token_hex(6)}"
    await _insert_before(store, database, version, monkeypatch, [(NOON_NS, "a")])
    telemetry = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)
    await telemetry.change([_SPAN.format(at_ns=NOON_NS + 1, trace="b" * 32)])

    found = await _found(telemetry, "customer", "ada")
    assert found == ["b" * 32, "a" * 32]
    assert await _found(telemetry, "customer", "eu") == []
    assert "by_attribute" in {row["name"] for row in await telemetry.rows(_INDEXES)}
    await telemetry.close()


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_trace_that_began_before_the_upgrade_and_went_on_after_it_is_whole(
    store, version, monkeypatch
):
    database = f"t_{secrets.token_hex(6)}"
    await _insert_before(store, database, version, monkeypatch, [(NOON_NS - DAY_NS, "a"), (NOON_NS, "b")])
    telemetry = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)

    await telemetry.change([_SPAN.format(at_ns=NOON_NS + DAY_NS, trace="a" * 32)])

    assert await _extent(telemetry, "a") == (NOON_NS - DAY_NS, NOON_NS + DAY_NS, 2)
    assert await _extent(telemetry, "b") == (NOON_NS, NOON_NS, 1)
    assert (await traces.get_trace(telemetry, org_id="org_a", trace_id="a" * 32)).end_ns == NOON_NS + DAY_NS
    await telemetry.close()


async def test_a_store_that_knew_only_when_traces_were_lists_them_after_the_upgrade(store, monkeypatch):
    database = f"t_{secrets.token_hex(6)}"
    await _insert_before(store, database, 3, monkeypatch, [(NOON_NS, "a"), (NOON_NS + 1, "b")])
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "VERSIONS", (*schema.VERSIONS[:3], schema.Version(4, (_TIMES_ONLY,))))
        earlier.setattr(schema, "_TABLES", ("spans",))
        earlier.setattr(schema, "FOLLOW_RETENTION", ())
        before = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)
        await before.ensure_schema()
        await before.close()

    telemetry = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)

    assert await _found(telemetry, "customer", "ada") == ["b" * 32, "a" * 32]
    assert await _extent(telemetry, "a") == (NOON_NS, NOON_NS, 1)
    await telemetry.close()


async def test_two_that_upgrade_at_once_do_not_take_the_table_from_each_other(store, monkeypatch):
    """Else each would begin anew because of the other, for as long as filling takes."""
    database = f"t_{secrets.token_hex(6)}"
    await _insert_before(store, database, 3, monkeypatch, [(NOON_NS, "a")])
    quicker, later = (Telemetry(store.url, USER, PASSWORD, database, retention_days=3650) for _ in range(2))
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "VERSIONS", schema.VERSIONS[:3])
        await quicker.ensure_schema()
    await quicker.change(schema.VERSIONS[3].statements)  # those of trace_times
    made = "SELECT toString(uuid) AS uuid FROM system.tables WHERE name = 'trace_times' AND database = "
    made += "currentDatabase()"
    before = await quicker.rows(made)

    await later.ensure_schema()

    assert await later.rows(made) == before
    assert await _found(later, "customer", "ada") == ["a" * 32]
    for one in (quicker, later):
        await one.close()


async def test_what_an_insert_makes_is_one_file_after_the_upgrade_too(store, monkeypatch):
    database = f"t_{secrets.token_hex(6)}"
    await _insert_before(store, database, 1, monkeypatch, [(NOON_NS, "a")])
    telemetry = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)
    large = _SPAN.format(at_ns=NOON_NS, trace="b" * 32) + " FROM numbers(60000)"  # more than 10 MiB

    await telemetry.change([large])

    kinds = (
        "SELECT DISTINCT part_type FROM system.parts WHERE database = currentDatabase() AND table = 'spans'"
    )
    assert await telemetry.rows(kinds) == [{"part_type": "Compact"}]
    await telemetry.close()


async def test_a_retention_that_was_changed_meanwhile_outlasts_the_upgrade(store, monkeypatch):
    """Else what the operator decided to keep would be removed by it."""
    database = f"t_{secrets.token_hex(6)}"
    await _insert_before(store, database, 3, monkeypatch, [(NOON_NS, "a")])
    spans = "ALTER TABLE spans MODIFY TTL toDateTime(ts) + toIntervalDay(3000)"
    telemetry = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "VERSIONS", schema.VERSIONS[:3])
        await telemetry.change([spans])
        await telemetry.close()

    assert (await retention.current(telemetry)).spans_days == 3000
    [times] = await telemetry.rows(
        "SELECT create_table_query AS ddl FROM system.tables "
        "WHERE database = currentDatabase() AND name = 'trace_times'"
    )
    assert "toIntervalDay(3000)" in times["ddl"]
    await telemetry.close()

    changed = Telemetry(store.url, USER, PASSWORD, database, retention_days=2000)
    assert (await retention.current(changed)).spans_days == 2000
    await changed.close()


async def _insert_before(store, database, version, monkeypatch, spans):
    """As an installation of that version would have."""
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "VERSIONS", schema.VERSIONS[:version])
        earlier.setattr(schema, "_TABLES", ("spans",))
        earlier.setattr(schema, "FOLLOW_RETENTION", ())
        before = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)
        await before.change([_SPAN.format(at_ns=at_ns, trace=letter * 32) for at_ns, letter in spans])
        await before.close()


async def _extent(telemetry, letter):
    values = {"org": "org_a", "trace": letter * 32}
    [row] = await telemetry.rows(extent_of_trace(), values)
    return row["first_ns"], row["last_ns"], row["found"]


async def _found(telemetry, key, value):
    wanted = SpanFilter(org_id="org_a", start_ns=NOON_NS, end_ns=NOON_NS + 10**9, attributes=((key, value),))
    page = await traces.list_traces(telemetry, wanted, limit=10)
    return [trace.trace_id for trace in page.traces]
