"""`/v1/retention`: how long calls and what was sent in them are kept, by the whole installation."""

from typing import Annotated, Literal

import msgspec
from fastapi import Depends
from pydantic import Field

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, LateShape
from gatewayops.base.errors import Forbidden, InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.store import origin
from gatewayops.store.audit_entry import Draft, Target
from gatewayops.store.control import audit, directory
from gatewayops.store.telemetry import retention
from gatewayops.store.telemetry.retention import Retention

router = LateRouter(prefix="/v1/retention", tags=["Retention"])

Reader = Annotated[Principal, Depends(principal_for("retention.read"))]
Writer = Annotated[Principal, Depends(principal_for("retention.write"))]
Days = Annotated[int, Field(ge=1, le=3650)]


class NewRetention(Body):
    """Whole days; payloads at most as long as spans, and as long as them when left out."""

    spans_days: Days
    payloads_days: Days | None = None


class RetentionBody(LateShape):
    """What is kept how long, in days."""

    spans_days: int = Field(description="calls and their figures")
    payloads_days: int = Field(description="what was sent and answered")
    scope: Literal["installation"] = "installation"  # all organisations share the store, and this with it


class OneRetention(LateShape):
    """The answer about the retention."""

    retention: RetentionBody


@router.get("")
async def show(caller: Reader, parts: Parts) -> OneRetention:
    """How long calls and payloads are kept."""
    return _shown(await retention.current(parts.telemetry))


@router.put("")
async def change(body: NewRetention, caller: Writer, parts: Parts) -> OneRetention:
    """Changes it at once; what is over by now is gone within hours, a whole day at a time.

    It holds for all organisations: where there are several, only the person at the machine may.
    """
    wanted = Retention(body.spans_days, body.payloads_days or body.spans_days)
    if wanted.payloads_days > wanted.spans_days:
        msg = "payloads_days: must not be more than spans_days"
        raise InvalidInput(msg)
    before = await retention.current(parts.telemetry)
    known = origin.current()
    draft = Draft(
        action="retention.changed",
        actor=known.actor,
        target=Target("retention", "installation"),
        before=msgspec.structs.asdict(before),
        after=msgspec.structs.asdict(wanted),
        address=known.address,
        request_id=known.request_id,
        trace_id=known.trace_id,
    )
    async with parts.database.session() as session:
        if not caller.is_local_admin and await directory.count_organisations(session) > 1:
            msg = (
                "several organisations share the store: change it at the machine, `gatewayops retention set`"
            )
            raise Forbidden(msg)
        audit.note(session, caller.org_id, draft)
        await retention.change(parts.telemetry, wanted)  # when it fails, nothing is noted
    return _shown(await retention.current(parts.telemetry))


def _shown(found: Retention) -> OneRetention:
    return OneRetention(
        retention=RetentionBody(spans_days=found.spans_days, payloads_days=found.payloads_days)
    )
