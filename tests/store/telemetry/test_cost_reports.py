"""Trend, projection, the dearest, exports for finance and the cost of tool lists, over both real stores."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from gatewayops.api import answers, cost_reports, costs
from gatewayops.api.parts import ControlParts
from gatewayops.api.settings import ControlSettings
from gatewayops.base import clock
from gatewayops.cost.budgets.bookkeeper import charge_of
from gatewayops.identity.principal import Principal
from gatewayops.query.tool_lists import list_tokens
from gatewayops.record.rows import columns_of
from gatewayops.store.control import directory, ledger, pins, servers
from gatewayops.store.control.pin_state import SeenTool
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.upstream.settings import UpstreamSettings

ORG = directory.DEFAULT_ORG
DAY_NS = 86_400 * 10**9
DOLLAR = 1_000_000
NOW = datetime(2025, 10, 11, tzinfo=UTC)  # ten days of October are over, three weeks are left
OCTOBER = {"start_date": "2025-10-01", "end_date": "2025-10-31"}
MANDATORY = {  # of FOCUS 1.2, by its column library
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd"),
    *("ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost"),
    *("PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
}
NULLABLE = {"BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit"}


@pytest.fixture(autouse=True)
def _today(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
async def reports(telemetry, database):
    app = FastAPI()
    app.state.parts = ControlParts(
        database=database,
        telemetry=telemetry,
        sealer=cast(Any, None),
        credentials=cast(Any, None),
        settings=ControlSettings(),
        upstream=UpstreamSettings(),
        internal_token="",
    )
    answers.install(app)
    for module in (costs, cost_reports):
        app.include_router(module.router)
    caller = costs.Reader.__metadata__[0].dependency
    app.dependency_overrides[caller] = lambda: Principal(org_id=ORG, key_id="key_a")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.fixture
def spend(telemetry, database, record):
    """Records calls in both stores, as the recorder and the bookkeeper do."""

    async def record_calls(*many):
        calls = [record(org_id=ORG, **fields) for fields in many]
        await telemetry.insert_spans(columns_of(calls, batch="spend"), "spend")
        async with database.session() as session:
            await ledger.add(session, [(charge_of(call), call.cost_micros) for call in calls])

    return record_calls


def on(day, hour=9):
    return int(datetime(2025, 10, 1, hour, tzinfo=UTC).timestamp()) * 10**9 + (day - 1) * DAY_NS


async def test_a_summary_has_the_trend_and_the_projection_of_the_month(reports, spend):
    await spend(
        {"ts_ns": on(2), "cost_micros": 4 * DOLLAR},
        {"ts_ns": on(8), "cost_micros": 6 * DOLLAR},
        {"ts_ns": on(-5), "cost_micros": 8 * DOLLAR},
        {"ts_ns": on(-5), "cost_micros": DOLLAR, "door": "otlp"},
    )

    told = (await reports.get("/v1/costs/summary", params=OCTOBER)).json()["summary"]

    assert (told["total_cost"], told["total_calls"]) == (10, 2)
    assert told["previous"] == {
        "period": {"start": "2025-08-31", "end": "2025-09-30"},
        "total_cost": 8,
        "total_calls": 1,
        "change": 0.25,
    }
    # spending began on the 2nd: 10 dollars in nine days, and 21 days to go
    assert told["projection"] == {
        "month": "2025-10",
        "cost": 10,
        "expected_cost": pytest.approx(10 + 10 * 21 / 9),
    }


async def test_a_period_that_is_over_has_no_projection_and_nothing_before_no_trend(reports, spend):
    await spend({"ts_ns": on(2), "cost_micros": DOLLAR})

    params = {"start_date": "2025-10-01", "end_date": "2025-10-05"}
    told = (await reports.get("/v1/costs/summary", params=params)).json()["summary"]

    assert (told["projection"], told["previous"]["change"]) == (None, None)


@pytest.mark.parametrize("params", [{"start_date": "1970-01-01", "end_date": "2099-12-31"}, {}], ids=str)
async def test_any_period_has_an_answer(reports, spend, params):
    await spend({"ts_ns": on(2), "cost_micros": DOLLAR})

    for what in ("summary", "top", "tool-lists", "export"):
        assert (await reports.get(f"/v1/costs/{what}", params=params)).status_code == 200


async def test_the_dearest_tools_and_traces(reports, spend):
    dear, cheap = "aa" * 16, "bb" * 16
    await spend(
        {"ts_ns": on(2), "server": "db", "tool": "scan", "trace_id": dear, "cost_micros": 7},
        {"ts_ns": on(2, 10), "server": "db", "tool": "scan", "trace_id": dear, "cost_micros": 7},
        {"ts_ns": on(3), "server": "files", "tool": "read", "trace_id": cheap, "cost_micros": 9},
    )

    told = (await reports.get("/v1/costs/top", params=OCTOBER)).json()

    assert [(row["server"], row["tool"], row["cost"], row["calls"]) for row in told["tools"]] == [
        ("db", "scan", 0.000014, 2),
        ("files", "read", 0.000009, 1),
    ]
    assert [(row["trace_id"], row["cost"], row["servers"]) for row in told["traces"]] == [
        (f"tr_{dear}", 0.000014, ["db"]),
        (f"tr_{cheap}", 0.000009, ["files"]),
    ]
    assert told["traces"][0]["start_time"] == "2025-10-02T09:00:00.000000Z"
    one = (await reports.get("/v1/costs/top", params=OCTOBER | {"limit": 1})).json()
    assert (len(one["tools"]), len(one["traces"])) == (1, 1)


@pytest.fixture
async def charged(database, spend):
    """Calls of three days by two teams: amounts whose sum no float holds, and names that play tricks."""
    async with database.session() as session:
        red = await directory.add_team(session, org_id=ORG, name='red, "the" team')
        apollo = await directory.add_project(session, org_id=ORG, name="=HYPERLINK(1)", team=red.id)
    trick = {"server": "db", "tool": "=1+1"}
    known = {"team_id": red.id, "project_id": apollo.id, "user_id": "user_1"}
    await spend(
        *({"ts_ns": on(1, 0), **known, **trick, "cost_micros": 900_000_000_000_001} for _ in range(12)),
        {"ts_ns": on(1, 23), **known, **trick, "cost_micros": 2},
        {"ts_ns": on(2), "server": "", "tool": "", "method": "tools/list", "cost_micros": 0},
        {"ts_ns": on(3), "server": "db", "tool": "@x", "cost_micros": 5},
        {"ts_ns": on(3), "server": "db", "tool": "@x", "door": "otlp", "cost_micros": 0},
    )
    return red, apollo


async def rows_of(reports, form):
    answer = await reports.get("/v1/costs/export", params=OCTOBER | {"format": form})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="costs-{form}-2025-10-01-2025-10-31.csv"' in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_an_export_adds_up_to_the_ledger_to_the_micro_dollar(reports, charged, database):
    red, apollo = charged
    async with database.reading() as session:
        entered = await ledger.by_day(session, org_id=ORG, since=date(2025, 10, 1))

    rows = await rows_of(reports, "csv")

    assert [(row["day"], row["calls"], row["cost"]) for row in rows] == [
        ("2025-10-01", "13", "10800000000.000014"),
        ("2025-10-02", "1", "0.000000"),
        ("2025-10-03", "1", "0.000005"),
    ]
    assert (rows[0]["team_id"], rows[0]["team"]) == (red.id, 'red, "the" team')
    assert (rows[0]["project_id"], rows[0]["user_id"]) == (apollo.id, "user_1")
    exported = {date.fromisoformat(row["day"]): Decimal(row["cost"]) * DOLLAR for row in rows}
    assert exported == entered


async def test_no_cell_of_an_export_is_a_formula(reports, charged):
    for form in ("csv", "focus"):
        cells = [cell for row in await rows_of(reports, form) for cell in row.values()]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert "'=1+1" in {row["tool"] for row in await rows_of(reports, "csv")}


async def test_an_export_with_the_columns_of_focus(reports, charged):
    red, apollo = charged
    rows = await rows_of(reports, "focus")

    first = rows[0]
    assert set(first) >= MANDATORY
    for row in rows:
        assert not [name for name in MANDATORY if name not in NULLABLE and not row[name]]
        assert len({row[name] for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")}) == 1
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("10800000000.000019")
    assert first["ChargeClass"] == ""
    assert {name: first[name] for name in FOCUS_ROW} == FOCUS_ROW | {
        "SubAccountId": red.id,
        "BillingAccountId": ORG,
    }
    assert json.loads(first["Tags"]) == {
        "gatewayops/project_id": apollo.id,
        "gatewayops/project": "=HYPERLINK(1)",
        "gatewayops/user_id": "user_1",
    }
    assert (rows[1]["ServiceName"], rows[1]["ResourceId"], rows[1]["SubAccountId"]) == ("GatewayOps", "", "")


FOCUS_ROW = {
    "BilledCost": "10800000000.000014",
    "BillingAccountId": "",
    "BillingAccountName": "Default organisation",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2025-10-01T00:00:00Z",
    "BillingPeriodEnd": "2025-11-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeDescription": "13 calls of db/=1+1",
    "ChargePeriodStart": "2025-10-01T00:00:00Z",
    "ChargePeriodEnd": "2025-10-02T00:00:00Z",
    "ConsumedQuantity": "13",
    "ConsumedUnit": "Calls",
    "PricingQuantity": "13",
    "PricingUnit": "Calls",
    "ResourceId": "db/=1+1",
    "ResourceType": "MCP Tool",
    "ServiceCategory": "Integration",
    "ServiceName": "db",
    "SubAccountId": "",
    "SubAccountName": 'red, "the" team',
}


async def test_what_tool_lists_cost_and_which_tools_nobody_calls(reports, database, spend):
    definitions = {name: b'{"name":"%s","description":"%s"}' % (name.encode(), b"x" * 400) for name in "abc"}
    async with database.session() as session:
        spec = ServerSpec("big", "https://big.example", 30.0, 5.0, 0, 10, allows_private=False)
        server = await servers.add(
            session, org_id=ORG, server_id="srv_1", spec=spec, headers=Headers((), b"")
        )
        seen = [
            SeenTool(name, raw, f"sha256:{name}", is_trusted=name != "c") for name, raw in definitions.items()
        ]
        await pins.take(session, org_id=ORG, server_id=server.id, seen=seen, is_whole=True)
    listing = {"server": "big", "tool": "", "method": "tools/list"}
    await spend(
        {"ts_ns": on(2), "server": "big", "tool": "a", "cost_micros": 0, "status": "error"},
        {
            "ts_ns": on(2),
            **listing,
            "agent": "claude",
            "response_bytes": 840,
            "output_tokens": 0,
            "cost_micros": 0,
        },
        {
            "ts_ns": on(3),
            **listing,
            "agent": "claude",
            "response_bytes": 840,
            "output_tokens": 0,
            "cost_micros": 0,
        },
        {
            "ts_ns": on(3),
            **listing,
            "agent": "cursor",
            "output_tokens": 9,
            "status": "error",
            "cost_micros": 0,
        },
    )

    told = (await reports.get("/v1/costs/tool-lists", params=OCTOBER)).json()

    size = len(definitions["a"])  # `c` is held: gateways do not list it
    assert told["servers"] == [
        {
            "server": "big",
            "tools": 2,
            "tokens": list_tokens([size, size]),
            "unused_tokens": -(-size // 4),
            "unused": [{"tool": "b", "tokens": -(-size // 4)}],
            "read_by": [{"agent": "claude", "lists": 2, "tokens": 420}],
        }
    ]
    assert list_tokens([size, size]) == -(
        -len(b'{"tools":[' + b",".join([definitions["a"]] * 2) + b"]}") // 4
    )
    quiet = {"start_date": "2020-01-01", "end_date": "2020-01-02"}
    told = (await reports.get("/v1/costs/tool-lists", params=quiet)).json()
    assert [tool["tool"] for tool in told["servers"][0]["unused"]] == ["a", "b"]
