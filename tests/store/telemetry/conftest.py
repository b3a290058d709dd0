"""The real store role (../../conftest.py), its one database emptied for each test: making one takes 0.8 s."""

import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from gatewayops.api import analytics, answers, cost_reports, costs, exported, metrics, runs, traces
from gatewayops.api.parts import ControlParts
from gatewayops.api.settings import ControlSettings
from gatewayops.identity.principal import Principal
from gatewayops.record.call_record import CallRecord
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.testing.peer_process import free_port
from gatewayops.testing.store_process import PASSWORD, USER, StoreProcess
from gatewayops.upstream.settings import UpstreamSettings

from .generated_month import ANALYTICS

NOON_NS = 1_760_000_400_000_000_000  # 2025-10-09T09:00:00Z


@pytest.fixture
def mortal_store(tmp_path: Path) -> Iterator[StoreProcess]:
    """A running store that the test may kill."""
    process = StoreProcess(tmp_path / "telemetry")
    process.start()
    yield process
    process.end(signal.SIGKILL)


@pytest.fixture
async def telemetry(store: StoreProcess) -> AsyncIterator[Telemetry]:
    """A client of an empty database."""
    client = Telemetry(store.url, USER, PASSWORD, "emptied", retention_days=3650)
    await client.change(["TRUNCATE ALL TABLES FROM emptied NOT LIKE 'schema_versions'"])
    yield client
    await client.close()


@pytest.fixture
async def own_telemetry(store: StoreProcess) -> AsyncIterator[Telemetry]:
    """A client of a database that the test may change as it likes."""
    client = Telemetry(store.url, USER, PASSWORD, f"t_{secrets.token_hex(6)}", retention_days=3650)
    yield client
    await client.close()


MakeRecord = Callable[..., CallRecord]


@pytest.fixture
def record() -> MakeRecord:
    """Makes call records: each a span of its own a second after the last, with what the test changes."""
    numbers = count(1)

    def make(**changes: object) -> CallRecord:
        number = next(numbers)
        return msgspec.structs.replace(
            RECORD,
            **{
                "ts_ns": NOON_NS + number * 1_000_000_000,
                "trace_id": os.urandom(16).hex(),
                "span_id": os.urandom(8).hex(),
            }
            | changes,
        )

    return make


RECORD = CallRecord(
    ts_ns=NOON_NS,
    duration_ns=2_500_000,
    org_id="org_a",
    key_id="key_a",
    user_id="",
    team_id="",
    project_id="",
    env="prod",
    trace_id="",
    span_id="",
    parent_span_id="",
    door="mcp",
    era="modern",
    method="tools/call",
    server="demo",
    tool="echo",
    resource_uri="",
    status="success",
    reason="",
    http_status=200,
    rpc_code=0,
    error_detail="",
    auth_ns=10_000,
    policy_ns=5_000,
    upstream_ns=2_000_000,
    request_bytes=150,
    response_bytes=250,
    input_tokens=10,
    output_tokens=20,
    cost_micros=1_000,
    request_body='{"text":"hello"}',
    response_body='{"content":[{"type":"text","text":"hello"}]}',
    is_request_cut=False,
    is_response_cut=False,
    agent="pytest",
    session="",
    rpc_id="1",
    request_id="",
    protocol_version="2026-07-28",
    client_address="127.0.0.1",
)


@asynccontextmanager
async def _api_over(telemetry: Telemetry) -> AsyncIterator[httpx.AsyncClient]:
    """The routers of telemetry with a caller of `org_a`; the rest of the control role stays away."""
    parts = ControlParts(
        database=cast(Any, None),
        telemetry=telemetry,
        sealer=cast(Any, None),
        credentials=cast(Any, None),
        settings=ControlSettings(),
        upstream=UpstreamSettings(),
        internal_token="",
        analytics=ANALYTICS,
    )
    app = FastAPI()
    app.state.parts = parts
    answers.install(app)
    for module in (traces, costs, cost_reports, analytics, runs, metrics, exported):
        app.include_router(module.router)
    readers = [module.Reader for module in (traces, costs, analytics, runs, metrics)]
    for reader in (*readers, exported.LogReader, exported.MetricReader):
        caller = cast(Any, reader).__metadata__[0].dependency
        app.dependency_overrides[caller] = lambda: Principal(org_id="org_a", key_id="key_a")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.fixture
async def api(telemetry: Telemetry) -> AsyncIterator[httpx.AsyncClient]:
    """The API of traces and costs over the store."""
    async with _api_over(telemetry) as client:
        yield client


@pytest.fixture
async def away() -> AsyncIterator[httpx.AsyncClient]:
    """The same without a store."""
    telemetry = Telemetry(f"http://127.0.0.1:{free_port()}", USER, PASSWORD, "gatewayops")
    async with _api_over(telemetry) as client:
        yield client
    await telemetry.close()
