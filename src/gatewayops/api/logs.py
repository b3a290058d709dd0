"""`/v1/logs`: the audit log and the requests, to read, to check and to take away."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query

from gatewayops.api import periods
from gatewayops.api.audit_trail import actor_of
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.log_shapes import (
    AnchorState,
    AuditBody,
    AuditList,
    AuditQuestion,
    CheckpointBody,
    CheckpointList,
    Erased,
    Erasure,
    RequestList,
    RequestQuestion,
)
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import paging
from gatewayops.api.trace_shapes import span_body
from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, Unavailable
from gatewayops.identity.principal import Principal
from gatewayops.query import traces
from gatewayops.record.audit.notary import Notary
from gatewayops.record.audit.signing import Checkpoint
from gatewayops.store import origin
from gatewayops.store.control import audit, audit_checkpoints
from gatewayops.store.control.audit import Wanted
from gatewayops.store.control.paging import Asked
from gatewayops.store.telemetry.span_filter import SpanFilter

router = LateRouter(prefix="/v1/logs", tags=["Logs"])

AuditReader = Annotated[Principal, Depends(principal_for("audit.read"))]
AuditWriter = Annotated[Principal, Depends(principal_for("audit.write"))]
RequestReader = Annotated[Principal, Depends(principal_for("traces.read"))]

_DEFAULT_RANGE = timedelta(hours=24)
_SLACK = timedelta(seconds=5)  # calls that begin while the question is asked
_SHOWN = 20


@router.get("/audit")
async def list_audit(
    asked: Annotated[AuditQuestion, Query()], caller: AuditReader, parts: Parts
) -> AuditList:
    """Entries of the organisation's audit log, newest first."""
    wanted = Wanted(
        **times(asked.start_time, asked.end_time),
        actor=asked.actor,
        action=asked.action,
        target=asked.target,
    )
    async with parts.database.reading() as session:
        page = await audit.page(
            session, org_id=caller.org_id, wanted=wanted, asked=Asked(limit=asked.limit, cursor=asked.cursor)
        )
    return AuditList(entries=[_entry(tree) for tree in page.rows], **paging(page))


@router.get("/audit/checkpoints")
async def list_checkpoints(caller: AuditReader, parts: Parts) -> CheckpointList:
    """The newest checkpoints and whether they are anchored, with the public key that signs them."""
    return await _checkpoints(parts, caller.org_id)


@router.post("/audit/checkpoints", status_code=201)
async def make_checkpoint(caller: AuditWriter, parts: Parts) -> CheckpointList:
    """Signs what the log holds now, when it has grown, and brings waiting checkpoints to the anchors."""
    notary = notary_of(parts)
    await notary.sign(is_forced=True, only=caller.org_id)
    await notary.anchor()
    return await _checkpoints(parts, caller.org_id)


@router.post("/audit/erasures")
async def erase(body: Erasure, caller: AuditWriter, parts: Parts) -> Erased:
    """Erases what the audit log keeps of a person.

    Its proofs hold without it. That it was done is an entry.
    """
    async with parts.database.session() as session:
        count = await audit.erase(
            session,
            org_id=caller.org_id,
            subject=body.subject,
            actor=actor_of(caller),
            address=origin.current().address,
        )
    return Erased(values=count)


@router.get("/requests")
async def list_requests(
    asked: Annotated[RequestQuestion, Query()], caller: RequestReader, parts: Parts
) -> RequestList:
    """Requests that the gateway answered, newest first, with masked bodies."""
    wanted = request_filter(asked, caller.org_id)
    page = await traces.list_requests(parts.telemetry, wanted, limit=asked.limit, cursor=asked.cursor)
    bodies = [span_body(span) for span in page.spans]
    return RequestList(requests=bodies, cursor=page.cursor, has_more=page.cursor is not None)


def times(start_time: str, end_time: str) -> dict[str, Any]:
    """The members of a Wanted. Raises InvalidInput."""
    start = periods.moment("start_time", start_time, is_end=False) if start_time else None
    end = periods.moment("end_time", end_time, is_end=True) if end_time else None
    if start is not None and end is not None and start >= end:
        msg = "start_time: must be before end_time"
        raise InvalidInput(msg)
    return {"start": start, "end": end}


def request_filter(asked: RequestQuestion, org_id: str) -> SpanFilter:
    """What the telemetry store is asked. Raises InvalidInput."""
    given = times(asked.start_time, asked.end_time)
    end = given["end"] or clock.now() + _SLACK
    start = given["start"] or end - _DEFAULT_RANGE
    if start >= end:
        msg = "start_time: must be before end_time"
        raise InvalidInput(msg)
    return SpanFilter(
        org_id=org_id,
        start_ns=periods.unix_ns(start),
        end_ns=periods.unix_ns(end),
        user_id=asked.user_id,
        team_id=asked.team_id,
        project_id=asked.project_id,
        key_id=asked.key_id,
        server=asked.server,
        tool=asked.tool,
        statuses=(asked.status,) if asked.status else (),
    )


def notary_of(parts: ControlParts) -> Notary:
    """Raises Unavailable where this process has no key to sign with."""
    if parts.notary is None:
        msg = "this process cannot sign: it has no audit key"
        raise Unavailable(msg)
    return parts.notary


async def _checkpoints(parts: ControlParts, org_id: str) -> CheckpointList:
    notary = notary_of(parts)
    async with parts.database.reading() as session:
        head = await audit.head(session, org_id=org_id)
        newest = await audit_checkpoints.newest(session, org_id=org_id, limit=_SHOWN)
    return CheckpointList(
        log=org_id,
        public_key=notary.signer.public_key,
        entries=head.seq,
        pruned_to=head.pruned_to,
        anchors=sorted(notary.anchors),
        checkpoints=[_checkpoint(kept, states) for kept, states in newest],
    )


def _checkpoint(kept: audit_checkpoints.Kept, states: list[audit_checkpoints.Anchoring]) -> CheckpointBody:
    signed = msgspec.json.decode(kept.signed, type=Checkpoint)
    anchors = [
        AnchorState(
            anchor=state.anchor,
            anchored_at=state.anchored_at,
            attempts=state.attempts,
            error=state.error or None,
        )
        for state in states
    ]
    return CheckpointBody(
        size=kept.size,
        at=kept.at,
        root=signed.root,
        head=signed.head,
        key=signed.key,
        signature=signed.signature,
        anchors=anchors,
    )


def _entry(tree: dict[str, Any]) -> AuditBody:
    return AuditBody(
        client_address=tree["from"], **{k: v for k, v in tree.items() if k not in ("from", "org")}
    )
