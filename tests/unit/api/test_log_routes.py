"""`/v1/logs`: who may read the audit log, what it says of the API itself, and exports."""

import io
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gatewayops.api.app import ControlParts, create_app
from gatewayops.record.audit.notary import Notary
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.audit.signing import Signer
from gatewayops.record.audit.verify import verify
from gatewayops.store import origin
from gatewayops.store.control.database import Database

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]


class OneSpan:
    """A telemetry store that holds one request."""

    async def rows(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        numbers = (
            "duration_ns",
            "auth_ns",
            "policy_ns",
            "upstream_ns",
            "http_status",
            "rpc_code",
            "request_bytes",
            "response_bytes",
            "input_tokens",
            "output_tokens",
            "cost_micros",
            "has_cut_request",
            "has_cut_response",
        )
        texts = [
            "key_id",
            "user_id",
            "team_id",
            "project_id",
            "env",
            "trace_id",
            "span_id",
            "parent_span_id",
            "door",
            "era",
            "server",
            "tool",
            "resource_uri",
            "status",
            "reason",
            "error_detail",
            "request_text",
            "response_text",
            "agent",
            "session",
            "rpc_id",
            "request_id",
            "protocol_version",
            "client_address",
        ]
        row = dict.fromkeys(numbers, 0) | dict.fromkeys(texts, "") | {"start_ns": 1_764_000_000 * 10**9}
        row |= {"name": "", "kind": "", "service": "", "scope": "", "events": "", "links": ""}
        row |= {"attributes": {}, "resource": {}}
        return [row | {"method": "tools/call", "tool": "=cmd()", "request_text": '{"a": "***"}'}]


@pytest.fixture
def parts(parts: ControlParts) -> ControlParts:
    """With a key that signs, and a request to export."""
    notary = Notary(parts.database, Signer(b"k" * 32), AuditSettings())
    return replace(parts, notary=notary, telemetry=OneSpan())


async def actions(admin: httpx.AsyncClient, **params: str) -> list[str]:
    answer = await admin.get("/v1/logs/audit", params=params)
    assert answer.status_code == 200, answer.text
    return [entry["action"] for entry in reversed(answer.json()["entries"])]


async def test_what_is_done_over_rest_is_told_with_its_request(admin: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-ID": "r-1", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    await admin.post("/v1/teams", json={"name": "platform"}, headers=headers)
    [entry] = (await admin.get("/v1/logs/audit", params={"action": "team.created"})).json()["entries"]
    assert entry["actor"] == {"kind": "admin", "id": "local", "name": "local administrator"}
    assert (entry["request_id"], entry["trace_id"]) == ("r-1", trace)
    assert entry["after"] == {"name": "platform", "parent_id": None}
    assert origin.current() == origin.SYSTEM  # and nothing of it is left in this task


async def test_a_key_that_comes_in_is_told_once(client_of: ClientMaker, admin: httpx.AsyncClient) -> None:
    reader = await client_of("org_default", "prices.read")
    for _ in range(3):
        assert (await reader.get("/v1/prices")).status_code == 200
    assert await actions(admin, action="auth.*") == ["auth.succeeded"]


async def test_refusals_are_told_and_floods_counted(
    parts: ControlParts, client_of: ClientMaker, admin: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    reader = await client_of("org_default", "prices.read")
    for _ in range(5):
        assert (await reader.get("/v1/teams")).status_code == 403
        assert (await anyone.get("/v1/teams")).status_code == 401
    told = await actions(admin, target="directory.read")
    assert told == ["request.denied", "auth.failed"]


async def test_counts_are_written_when_the_app_ends(
    parts: ControlParts, client_of: ClientMaker, admin: httpx.AsyncClient
) -> None:
    app = create_app(parts)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://c") as nobody,
    ):
        for _ in range(5):
            await nobody.get("/v1/teams")
    entries = (await admin.get("/v1/logs/audit", params={"action": "auth.failed"})).json()["entries"]
    assert [entry["count"] for entry in reversed(entries)] == [1, 4]


async def test_pages_of_the_log_follow_each_other(admin: httpx.AsyncClient) -> None:
    for number in range(5):
        await admin.post("/v1/teams", json={"name": f"t{number}"})
    seen, cursor = [], ""
    while True:
        params = {"limit": "2", "cursor": cursor}
        page = (await admin.get("/v1/logs/audit", params=params)).json()
        seen += [entry["seq"] for entry in page["entries"]]
        if not page["has_more"]:
            break
        cursor = page["cursor"]
    assert seen == list(range(7, 0, -1))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/logs/audit?cursor=x", None),
        ("GET", "/v1/logs/audit?cursor=-1", None),
        ("GET", "/v1/logs/audit?start_time=nonsense", None),
        ("GET", "/v1/logs/audit?start_time=2026-02-01&end_time=2026-01-01", None),
        ("GET", "/v1/logs/audit?limit=0", None),
        ("GET", "/v1/logs/audit?actor=%00", None),
        ("GET", "/v1/logs/requests?cursor=x", None),
        ("GET", "/v1/logs/requests?status=odd", None),
        ("POST", "/v1/logs/export", {"class": "traces"}),
        ("POST", "/v1/logs/export", {"class": "audit", "format": "xml"}),
        ("POST", "/v1/logs/export", {}),
        ("POST", "/v1/logs/audit/erasures", {"subject": ""}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    admin: httpx.AsyncClient, method: str, path: str, body: dict[str, str] | None
) -> None:
    assert (await admin.request(method, path, json=body)).status_code == 400


async def test_each_log_needs_its_action(client_of: ClientMaker) -> None:
    auditor = await client_of("org_default", "audit.read")
    tracer = await client_of("org_default", "traces.read")
    for client, may, may_not in ((auditor, "audit", "requests"), (tracer, "requests", "audit")):
        assert (await client.get(f"/v1/logs/{may}")).status_code == 200
        assert (await client.get(f"/v1/logs/{may_not}")).status_code == 403
        assert (await client.post("/v1/logs/export", json={"class": may})).status_code == 200
        assert (await client.post("/v1/logs/export", json={"class": may_not})).status_code == 403
        assert (await client.post("/v1/logs/audit/checkpoints")).status_code == 403
        assert (await client.post("/v1/logs/audit/erasures", json={"subject": "x"})).status_code == 403


async def test_an_organisation_sees_its_own_log_only(
    client_of: ClientMaker, admin: httpx.AsyncClient
) -> None:
    await admin.post("/v1/teams", json={"name": "ours"})
    other = await client_of("org_other", "audit.read")
    assert "ours" not in (await other.get("/v1/logs/audit")).text
    assert (await other.get("/v1/logs/audit/checkpoints")).json()["log"] == "org_other"


@pytest.fixture
async def unpacked(admin: httpx.AsyncClient, tmp_path: Path) -> Callable[..., Any]:
    async def export(**body: str) -> Path:
        answer = await admin.post("/v1/logs/export", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/zip"
        folder = tmp_path / f"export{body['class']}"
        zipfile.ZipFile(io.BytesIO(answer.content)).extractall(folder)
        return folder

    return export


async def test_an_export_is_proven_and_is_itself_told(
    admin: httpx.AsyncClient, unpacked: Callable[..., Awaitable[Path]]
) -> None:
    await admin.post("/v1/teams", json={"name": "=1+1"})
    made = (await admin.post("/v1/logs/audit/checkpoints")).json()
    folder = await unpacked(**{"class": "audit", "format": "csv"})
    verdict = verify(folder, public_key=made["public_key"])
    assert verdict.is_proven
    assert (verdict.entries, verdict.checkpoints) == (3, 1)
    assert "'=1+1" not in (folder / "entries.jsonl").read_text()
    assert "'=1+1" in (folder / "entries.csv").read_text()  # a spreadsheet must not take it for a formula
    [entry] = (await admin.get("/v1/logs/audit", params={"action": "export.made"})).json()["entries"]
    assert (entry["target"]["id"], entry["after"]["count"]) == ("audit", 3)


async def test_the_installation_checks_its_own_log_and_says_what_is_wrong(
    admin: httpx.AsyncClient, database: Database
) -> None:
    await admin.post("/v1/teams", json={"name": "search"})
    await admin.post("/v1/logs/audit/checkpoints")
    found = (await admin.post("/v1/logs/audit/verify")).json()
    assert (found["proven"], found["entries"], found["checkpoints"]) == (True, 3, 1)
    async with database.engine.begin() as connection:
        names = await connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in names.all():
            await connection.execute(text(f"DROP TRIGGER {name}"))
        changed = (
            "UPDATE audit_entries SET body = CAST(replace(CAST(body AS TEXT), 'search', 'attack') AS BLOB)"
        )
        await connection.execute(text(changed))
    found = (await admin.post("/v1/logs/audit/verify")).json()
    assert not found["proven"]
    assert "entry" in found["faults"][0]


async def test_requests_are_listed_and_exported_with_a_signed_manifest(
    admin: httpx.AsyncClient, unpacked: Callable[..., Awaitable[Path]]
) -> None:
    [request] = (await admin.get("/v1/logs/requests")).json()["requests"]
    assert (request["method"], request["request"]) == ("tools/call", {"a": "***"})
    folder = await unpacked(**{"class": "requests", "format": "csv"})
    assert "'=cmd()" in (folder / "requests.csv").read_text()
    assert '"signature"' in (folder / "manifest.json").read_text()
    assert await actions(admin, action="export.made") == ["export.made"]


async def test_erasure_over_rest(admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/users", json={"email": "ada@example.com", "name": "Ada"})
    answer = await admin.post("/v1/logs/audit/erasures", json={"subject": "ada@example.com"})
    assert answer.json() == {"values": 2}
    assert "ada@example.com" not in (await admin.get("/v1/logs/audit")).text
