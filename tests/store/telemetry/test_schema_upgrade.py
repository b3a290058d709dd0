"""An installation of an earlier version goes on with its data: the schema is brought up to date in place."""

import secrets

import pytest

from gatewayops.query import traces
from gatewayops.store.telemetry import schema
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.store.telemetry.span_filter import SpanFilter

from .conftest import NOON_NS, PASSWORD, USER

_SPAN = """
INSERT INTO spans (ts, org_id, trace_id, span_id, door, status, attributes)
SELECT fromUnixTimestamp64Nano({at_ns}, 'UTC'), 'org_a', '{trace}', '{trace}', 'otlp', 'success',
    map('customer', 'ada', 'region', 'eu')
"""
_INDEXES = (
    "SELECT name FROM system.data_skipping_indices WHERE database = currentDatabase() AND table = 'spans'"
)


@pytest.mark.parametrize("version", [1, 2])
async def test_spans_of_an_earlier_schema_are_found_by_attribute_after_the_upgrade(
    store, version, monkeypatch
):
    database = f"t_{secrets.token_hex(6)}"
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "VERSIONS", schema.VERSIONS[:version])
        earlier.setattr(schema, "_TABLES", ("spans",))
        earlier.setattr(schema, "FOLLOW_RETENTION", ())
        before = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)
        await before.change([_SPAN.format(at_ns=NOON_NS, trace="a" * 32)])
        await before.close()

    telemetry = Telemetry(store.url, USER, PASSWORD, database, retention_days=3650)
    await telemetry.change([_SPAN.format(at_ns=NOON_NS + 1, trace="b" * 32)])

    found = await _found(telemetry, "customer", "ada")
    assert found == ["b" * 32, "a" * 32]
    assert await _found(telemetry, "customer", "eu") == []
    assert "by_attribute" in {row["name"] for row in await telemetry.rows(_INDEXES)}
    await telemetry.close()


async def _found(telemetry, key, value):
    wanted = SpanFilter(org_id="org_a", start_ns=NOON_NS, end_ns=NOON_NS + 10**9, attributes=((key, value),))
    page = await traces.list_traces(telemetry, wanted, limit=10)
    return [trace.trace_id for trace in page.traces]
