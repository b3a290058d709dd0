"""What the control API itself tells the audit log: who came in, who was refused, and who changes something.

A refusal is an entry before its answer leaves; what repeats within a minute is counted
(record.audit.windows). A key that comes in is told once an hour and address. While the store does not
answer, requests fail anyway.
"""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gatewayops.api.caller_address import address_of
from gatewayops.base import clock
from gatewayops.base.errors import Forbidden, GatewayOpsError, TooMany, Unauthenticated
from gatewayops.identity.principal import Principal
from gatewayops.protocol.trace_context import open_span
from gatewayops.record.audit.windows import Windows
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor, Draft, Target
from gatewayops.store.control import audit
from gatewayops.store.control.database import Database
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.origin import Origin

_log = logging.getLogger(__name__)

_AGAIN_AFTER = timedelta(hours=1)
_MOST_SEEN = 4_096
_LONGEST = 200
_SWEEP_S = 5.0


class OwnOrigin:
    """ASGI: each request begins without a name, and leaves none behind in a task that asks several."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is what comes next."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on."""
        with origin.kept():
            await self._app(scope, receive, send)


class AuditTrail:
    """One an app. Its owner runs `run` as a task, so that counts of what repeats are written in time."""

    def __init__(self, database: Database) -> None:
        """Writes nothing yet."""
        self._database = database
        self._windows = Windows()
        self._seen: dict[tuple[str, str], datetime] = {}

    async def run(self) -> None:
        """Writes counts until cancelled, and those that are left then."""
        try:
            while True:
                await asyncio.sleep(_SWEEP_S)
                await self._write(self._windows.close(clock.now()))
        finally:
            await self._write(self._windows.close(datetime.max.replace(tzinfo=clock.now().tzinfo)))

    async def caller(self, request: Request, action: str, checking: Awaitable[Principal]) -> Principal:
        """The principal that the check finds; from here on the task acts in its name. A refusal is told."""
        try:
            found = await checking
        except (Unauthenticated, TooMany) as error:
            await self.failed(request, action, error)
            raise
        known = _origin(request, actor_of(found))
        origin.enter(known)
        if not found.is_local_admin and not found.is_person:  # that they signed in is told already
            await self._came(found, known)
        return found

    async def failed(self, request: Request, action: str, error: GatewayOpsError) -> None:
        """Somebody without a name was turned away."""
        await self._refused(_origin(request, Actor("unknown")), DEFAULT_ORG, action, error)

    async def turned_away(self, org_id: str, action: str, error: GatewayOpsError) -> None:
        """Whoever this request acts as (`enter_as`) did not get in; in the organisation's own log."""
        await self._refused(origin.current(), org_id, action, error)

    async def denied(self, caller: Principal, action: str, error: Forbidden) -> None:
        """A known caller may not do this."""
        await self._refused(origin.current(), caller.org_id, action, error)

    async def _came(self, caller: Principal, known: Origin) -> None:
        now = clock.now()
        which = caller.key_id, known.address
        if which in self._seen and now - self._seen[which] < _AGAIN_AFTER:
            return
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[which] = now
        draft = draft_of("auth.succeeded", known, Target("key", caller.key_id, caller.key_name))
        await self._write([(caller.org_id, draft)])

    async def _refused(self, known: Origin, org_id: str, action: str, error: GatewayOpsError) -> None:
        verb = "request.denied" if isinstance(error, Forbidden) else "auth.failed"
        draft = draft_of(verb, known, Target("api", action), reason=error.reason, detail=error.detail)
        now = clock.now()
        told = self._windows.add(org_id, draft, at=now, now=now)
        due = self._windows.close(now)
        await self._write([*due, (org_id, told)] if told is not None else due)

    async def _write(self, drafts: list[tuple[str, Draft]]) -> None:
        if not drafts:
            return
        try:
            async with self._database.session() as session:
                for org_id, draft in drafts:
                    audit.note(session, org_id, draft)
        except GatewayOpsError as error:
            _log.error("the audit log lacks %d entries: %s", len(drafts), error.detail)


def actor_of(caller: Principal) -> Actor:
    """How entries name a caller."""
    if caller.is_local_admin:
        return Actor("admin", caller.key_id, caller.key_name)
    if caller.is_person:
        return Actor("user", caller.user_id, caller.key_name)
    return Actor("key", caller.key_id, caller.key_name)


def enter_as(request: Request, actor: Actor) -> Origin:
    """From here on the task acts in this name."""
    known = _origin(request, actor)
    origin.enter(known)
    return known


def _origin(request: Request, actor: Actor) -> Origin:
    headers = request.headers
    span = open_span(meta_parent=headers.get("traceparent", ""), named_trace="", header_parent="")
    return Origin(
        actor=actor,
        address=address_of(request),
        request_id=headers.get("x-request-id", "")[:_LONGEST],
        trace_id=span.trace_id if span.parent_id else "",
    )


def draft_of(action: str, known: Origin, target: Target, *, reason: str = "", detail: str = "") -> Draft:
    """An entry about what the request of that origin did."""
    return Draft(
        action=action,
        actor=known.actor,
        target=target,
        reason=reason,
        detail=detail,
        address=known.address,
        request_id=known.request_id,
        trace_id=known.trace_id,
    )
