"""The audit log's consumer of the spool: what gateways refused, and a sample of what they let through.

Each record once (record.consumers): the entries, the windows of what repeats and the position in the spool
are one transaction.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from gatewayops.base import clock
from gatewayops.base.errors import Reason
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.audit.windows import Window, Windows
from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Step
from gatewayops.store.audit_entry import Actor, Draft, Target
from gatewayops.store.control import audit, audit_windows, spool_positions
from gatewayops.store.control.database import Database, Session

_NOT_KNOWN = frozenset(
    {
        Reason.KEY_MISSING,
        Reason.KEY_UNKNOWN,
        Reason.KEY_EXPIRED,
        Reason.KEY_CHECKS_BUSY,
        Reason.TOKEN_INVALID,  # not token_missing: every client that signs in begins with that
        Reason.TOKEN_EXPIRED,
        Reason.TOKEN_REVOKED,
    }
)
_DENIED = frozenset(
    {
        Reason.HOST_NOT_ALLOWED,
        Reason.ORIGIN_NOT_ALLOWED,
        Reason.SERVER_UNKNOWN,
        Reason.SERVER_NOT_GRANTED,
        Reason.ACTION_NOT_GRANTED,
        Reason.ROLE_NOT_GRANTED,
        Reason.SCOPE_INSUFFICIENT,
        Reason.TOOL_HELD,
        Reason.RATE_EXCEEDED,
        Reason.BUDGET_SPENT,
        Reason.PATTERN_DENIED,
        Reason.HEADER_MISMATCH,
        Reason.SESSION_UNKNOWN,
        Reason.MALFORMED_JSON,  # two meanings in one body are refused as no JSON or no request
        Reason.INVALID_REQUEST,
    }
)
_REACHED = frozenset(
    {
        "",
        Reason.TOOL_ERROR,
        Reason.UPSTREAM_ERROR,
        Reason.UPSTREAM_TIMEOUT,
        Reason.UPSTREAM_BROKEN,
        Reason.UPSTREAM_UNREACHABLE,
    }
)
_VISITORS = {"end_user": "eu_", "anonymous": "anon_"}  # by what their ids begin with
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_DETAIL = 300


class AuditFollower:
    """A `record.consumers.SpoolConsumer`."""

    name = "audit"

    def __init__(self, database: Database, settings: AuditSettings) -> None:
        """Takes nothing yet."""
        self._database = database
        self._limit = int(settings.allow_sample * (1 << 32))

    async def offsets(self) -> dict[str, int]:
        """Where it stands."""
        async with self._database.reading() as session:
            return await spool_positions.offsets(session, self.name)

    async def take(self, records: Sequence[CallRecord], step: Step) -> None:
        """Entries for what is to be told of these calls. Raises PositionMoved."""
        async with self._database.session() as session:
            await spool_positions.advance(session, self.name, step)
            refused = [record for record in records if is_refused(record)]
            if refused:
                await audit_windows.alone(session)
                windows = await _kept(session)
                now = clock.now()
                for record in refused:
                    draft = windows.add(record.org_id, draft_of(record), at=_at(record), now=now)
                    if draft is not None:
                        audit.note(session, record.org_id, draft)
                await _keep(session, windows)
            for record in records:
                if self._is_sampled(record):
                    audit.note(session, record.org_id, draft_of(record))

    async def sweep(self) -> None:
        """Writes the counts of windows whose minute is over; to be called every few seconds."""
        now = clock.now()
        async with self._database.reading() as session:
            if not await audit_windows.is_any_over(session, now=now):
                return
        async with self._database.session() as session:
            await audit_windows.alone(session)
            windows = await _kept(session)
            for org_id, draft in windows.close(now):
                audit.note(session, org_id, draft)
            await _keep(session, windows)

    def _is_sampled(self, record: CallRecord) -> bool:
        """By the trace, so that a trace is told whole or not at all."""
        if not self._limit or record.reason not in _REACHED or not record.key_id:
            return False
        return int(record.trace_id[:8], 16) < self._limit


def is_refused(record: CallRecord) -> bool:
    """Whether the gateway refused the call for who called, what was asked for, or how it was dressed up."""
    return record.reason in _DENIED or record.reason in _NOT_KNOWN


def draft_of(record: CallRecord) -> Draft:
    """What the log says of a call. What clients sent is masked in the record already."""
    if record.reason in _NOT_KNOWN:
        action = "auth.failed"
    else:
        action = "call.denied" if is_refused(record) else "call.allowed"
    detail = f"{record.method}: {record.error_detail}" if record.error_detail else record.method
    return Draft(
        action=action,
        actor=_actor(record),
        target=_target(record),
        reason=record.reason,
        detail=detail[:_LONGEST_DETAIL],
        address=record.client_address,
        request_id=record.request_id,
        trace_id=record.trace_id,
        first_at=_at(record),
        last_at=_at(record),
    )


def _actor(record: CallRecord) -> Actor:
    for kind, prefix in _VISITORS.items():
        if record.user_id.startswith(prefix):
            return Actor(kind, record.user_id)
    return Actor("key", record.key_id) if record.key_id else Actor("unknown")


def _target(record: CallRecord) -> Target:
    named = record.tool or record.resource_uri
    if not record.server:
        return Target("gateway", record.door)
    if not named:
        return Target("server", record.server, record.server)
    kind = "resource" if record.resource_uri else "prompt" if record.method == "prompts/get" else "tool"
    return Target(kind, f"{record.server}/{named}", named)


def _at(record: CallRecord) -> datetime:
    return _EPOCH + timedelta(microseconds=record.ts_ns // 1_000)


async def _kept(session: Session) -> Windows:
    rows = await audit_windows.read(session)
    return Windows(
        {
            (row.org_id, row.fingerprint): Window(
                until=row.until,
                repeats=row.repeats,
                first_at=row.first_at,
                last_at=row.last_at,
                sample=row.sample,
            )
            for row in rows
        }
    )


async def _keep(session: Session, windows: Windows) -> None:
    rows, gone = [], []
    for org_id, print_ in windows.changed:
        window = windows.opened.get((org_id, print_))
        if window is None:
            gone.append((org_id, print_))
            continue
        rows.append(
            audit_windows.Row(
                org_id=org_id,
                fingerprint=print_,
                until=window.until,
                repeats=window.repeats,
                first_at=window.first_at,
                last_at=window.last_at,
                sample=window.sample,
            )
        )
    await audit_windows.write(session, rows, gone=gone)
