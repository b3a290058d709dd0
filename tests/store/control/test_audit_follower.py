"""What gateways refused gets from the spool into the audit log: once, and a flood as a few entries."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gatewayops.base import clock
from gatewayops.record.audit.follower import AuditFollower
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Follower
from gatewayops.record.spool import SpoolWriter
from gatewayops.store.control import audit
from gatewayops.store.control.audit import Wanted
from gatewayops.store.control.database import Database
from gatewayops.store.control.paging import Asked

ORG = "org_default"
EMPTY: dict[str, Any] = {
    name: {int: 0, str: "", bool: False}[kind] for name, kind in CallRecord.__annotations__.items()
}


def record(**more: Any) -> CallRecord:
    known = {
        "ts_ns": 1_764_000_000_000_000_000,
        "org_id": ORG,
        "key_id": "key_viewer",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "method": "tools/call",
        "server": "github",
        "tool": "delete_repo",
        "status": "error",
        "reason": "role_not_granted",
        "error_detail": "no role of yours grants it",
        "client_address": "203.0.113.9",
    }
    return CallRecord(**(EMPTY | known | more))


class Spooled:
    """A spool with its writer, and the audit log's follower of it."""

    def __init__(self, database: Database, root: Path, **settings: Any) -> None:
        self.database = database
        self._root = root
        self._writer = SpoolWriter(root)
        self._settings = AuditSettings(**settings)
        self.begin()

    def begin(self) -> None:
        """As a control role that starts."""
        self.auditor = AuditFollower(self.database, self._settings)
        self._follower = Follower(self._root, self.auditor)

    async def calls(self, *records: CallRecord) -> None:
        self._writer.append(*(msgspec.msgpack.encode(one) for one in records))
        await self._follower.drain()

    async def told(self) -> list[dict[str, Any]]:
        wanted = Wanted(action="call.*")
        async with self.database.reading() as session:
            calls = await audit.page(session, org_id=ORG, wanted=wanted, asked=Asked(limit=200))
            auth = await audit.page(session, org_id=ORG, wanted=Wanted(action="auth.failed"), asked=Asked())
        return sorted((*calls.rows, *auth.rows), key=lambda entry: entry["seq"])


@pytest.fixture
def spooled(database: Database, tmp_path: Path) -> Spooled:
    return Spooled(database, tmp_path / "spool")


async def test_a_denial_is_an_entry_with_who_what_and_why(spooled: Spooled) -> None:
    await spooled.calls(record())
    [entry] = await spooled.told()
    assert (entry["action"], entry["reason"]) == ("call.denied", "role_not_granted")
    assert entry["actor"]["id"] == "key_viewer"
    assert entry["target"] == {"kind": "tool", "id": "github/delete_repo", "name": "delete_repo"}
    assert (entry["from"], entry["trace_id"]) == ("203.0.113.9", record().trace_id)
    assert entry["detail"] == "tools/call: no role of yours grants it"
    assert entry["first_at"] == "2025-11-24T16:00:00.000000Z"


@pytest.mark.parametrize(("kind", "user_id"), [("end_user", "eu_ada"), ("anonymous", "anon_dd4c")])
async def test_who_comes_without_a_key_is_told_as_what_they_are(
    spooled: Spooled, kind: str, user_id: str
) -> None:
    await spooled.calls(record(key_id="cl_editor", user_id=user_id))
    [entry] = await spooled.told()
    assert (entry["actor"]["kind"], entry["actor"]["id"]) == (kind, user_id)


async def test_that_a_client_asks_where_to_sign_in_is_no_failure(spooled: Spooled) -> None:
    await spooled.calls(record(key_id="", reason="token_missing"))
    assert await spooled.told() == []


async def test_calls_that_went_through_are_no_entries(spooled: Spooled) -> None:
    await spooled.calls(record(reason="", status="success"), record(reason="tool_error"))
    assert await spooled.told() == []


async def test_a_sample_of_what_went_through_is_chosen_by_trace(database: Database, tmp_path: Path) -> None:
    spooled = Spooled(database, tmp_path / "spool", allow_sample=0.5)
    low, high = record(reason="", trace_id="7" + "f" * 31), record(reason="", trace_id="8" + "0" * 31)
    await spooled.calls(low, high, low)
    assert [(entry["action"], entry["trace_id"]) for entry in await spooled.told()] == [
        ("call.allowed", low.trace_id)
    ] * 2


@pytest.mark.parametrize(
    ("reason", "action"),
    [
        ("key_unknown", "auth.failed"),
        ("key_missing", "auth.failed"),
        ("token_invalid", "auth.failed"),
        ("token_revoked", "auth.failed"),
        ("scope_insufficient", "call.denied"),
        ("server_unknown", "call.denied"),
        ("header_mismatch", "call.denied"),
        ("host_not_allowed", "call.denied"),
        ("budget_spent", "call.denied"),
        ("tool_held", "call.denied"),
        ("invalid_request", "call.denied"),
    ],
)
async def test_each_way_to_be_refused_is_told(spooled: Spooled, reason: str, action: str) -> None:
    await spooled.calls(record(reason=reason, key_id=""))
    [entry] = await spooled.told()
    assert (entry["action"], entry["reason"], entry["actor"]["kind"]) == (action, reason, "unknown")


async def test_a_flood_is_counted_across_batches_and_starts(
    spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    await spooled.calls(*[record()] * 300)
    await spooled.calls(*[record()] * 300)
    spooled.begin()
    await spooled.calls(*[record()] * 400)
    assert [entry["count"] for entry in await spooled.told()] == [1]
    await spooled.auditor.sweep()
    assert [entry["count"] for entry in await spooled.told()] == [1]
    later = clock.now() + timedelta(minutes=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    await spooled.auditor.sweep()
    await spooled.auditor.sweep()
    assert [entry["count"] for entry in await spooled.told()] == [1, 999]


async def test_a_record_is_told_once_though_two_follow_the_same_spool(
    spooled: Spooled, database: Database
) -> None:
    await spooled.calls(record())
    spooled.begin()
    await spooled.calls(record(tool="other"))
    assert [entry["target"]["name"] for entry in await spooled.told()] == ["delete_repo", "other"]
