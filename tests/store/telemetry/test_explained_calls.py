"""A recorded call explained: its trace from the real store, its key and rules from the control store."""

from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from gatewayops.api import answers, explain
from gatewayops.api.auth import KeyCheck
from gatewayops.api.parts import ControlParts
from gatewayops.api.second_opinion import SecondOpinion
from gatewayops.api.settings import ControlSettings
from gatewayops.identity.principal import Principal
from gatewayops.record.rows import columns_of
from gatewayops.store.control import directory, keys, roles
from gatewayops.store.control.access import Subject
from gatewayops.upstream.settings import UpstreamSettings

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def key(database):
    """A viewer's key."""
    org_id = directory.DEFAULT_ORG
    spec = keys.KeySpec(name="agent", env="prod", servers=("*",), actions=("mcp.*",))
    async with database.session() as session:
        secret = keys.HashedSecret(prefix="gwo_prod_abcd", hash="$2b$04$x")
        made = await keys.add(session, org_id=org_id, spec=spec, secret=secret)
        viewer = await roles.find(session, org_id=org_id, ref="viewer")
        await roles.bind(session, org_id=org_id, role=viewer, subject=Subject("key", made.id))
    return made


@pytest.fixture
async def explainer(database, telemetry):
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
    app.state.key_check = KeyCheck(app.state.parts)
    app.state.second_opinion = SecondOpinion()
    answers.install(app)
    app.include_router(explain.router)
    reader = explain.Reader.__metadata__[0].dependency
    app.dependency_overrides[reader] = lambda: Principal(org_id=directory.DEFAULT_ORG, key_id="key_a")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_recorded_refusal_is_explained_by_the_rules_as_they_are_now(
    explainer, database, telemetry, record, key
):
    org_id = directory.DEFAULT_ORG
    refused = {"status": "error", "reason": "role_not_granted", "http_status": 403, "error_detail": "no role"}
    calls = [
        record(trace_id=TRACE, org_id=org_id, key_id=key.id, method="tools/call", tool="echo", **refused),
        record(trace_id=TRACE, org_id=org_id, key_id=key.id, method="tools/list", tool=""),
    ]
    await telemetry.insert_spans(columns_of(calls, batch="b"), "b")

    answer = await explainer.get("/v1/policies/explain", params={"trace_id": f"tr_{TRACE}"})
    told = answer.json()["explanation"]
    assert (told["allowed"], told["decided_by"]) == (False, "no rule")
    assert told["question"] == {
        "principal": key.id,
        "server": "demo",
        "action": "tools.call",
        "named": "echo",
    }
    assert told["recorded"]["reason"] == "role_not_granted"
    assert told["recorded"]["span_id"] == calls[0].span_id

    asked = {"trace_id": TRACE, "span_id": calls[1].span_id}
    told = (await explainer.get("/v1/policies/explain", params=asked)).json()["explanation"]
    assert (told["allowed"], told["rule"]["role"]) == (True, "viewer")

    async with database.session() as session:
        developer = await roles.find(session, org_id=org_id, ref="developer")
        await roles.bind(session, org_id=org_id, role=developer, subject=Subject("organization", org_id))
    told = (await explainer.get("/v1/policies/explain", params={"trace_id": TRACE})).json()["explanation"]
    assert told["allowed"]
    assert told["rule"]["inherited_from"]["kind"] == "organization"
    assert told["recorded"]["status"] == "error"


async def test_a_call_without_a_known_key_has_no_rule_to_explain(explainer, telemetry, record, key):
    call = record(trace_id=TRACE, org_id=directory.DEFAULT_ORG, key_id="key_gone", reason="key_unknown")
    await telemetry.insert_spans(columns_of([call], batch="b"), "b")

    answer = await explainer.get("/v1/policies/explain", params={"trace_id": TRACE})
    assert answer.status_code == 404
    assert "key_unknown" in answer.json()["message"]
    asked = {"trace_id": TRACE, "span_id": "0000000000000000"}
    assert (await explainer.get("/v1/policies/explain", params=asked)).status_code == 404
