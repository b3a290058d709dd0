"""`/v1/limits`: how often keys, users, teams, servers' callers and the whole organisation may call."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query, Response
from pydantic import Field

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, InPath, LateShape, Listed, PageAsked, Ref, paging
from gatewayops.identity.principal import Principal
from gatewayops.policy.limits.choice import LimitBook
from gatewayops.policy.limits.rate import MAX_CALLS, WINDOWS_S, window_name
from gatewayops.store.control import keys, limits, servers
from gatewayops.store.control.limits import Limit, LimitSpec
from gatewayops.store.snapshot import LimitRow, Snapshot

router = LateRouter(prefix="/v1/limits", tags=["Limits"])

Reader = Annotated[Principal, Depends(principal_for("limits.read"))]
Writer = Annotated[Principal, Depends(principal_for("limits.write"))]
Calls = Annotated[int, Field(ge=0, le=MAX_CALLS, examples=[200])]
Window = Literal["1s", "1m", "1h"]
Scope = Literal["user", "team", "api_key", "server", "global"]


class NewLimit(Body):
    """Calls a window; 0 is no limit, also where a default is. `burst` calls may come on top.

    `subject` is a key's id or prefix, a user's id or e-mail address, a team's or server's id or name; `*` is
    each of them, with a limit of its own; empty for `global`, which is the whole organisation.
    """

    scope: Scope
    subject: Ref = ""
    limit: Calls
    window: Window = "1m"
    burst: Calls = 0


class LimitBody(LateShape):
    """A rule; `subject_name` is null for `*`, for `global`, and when the subject is gone."""

    id: str
    scope: str
    subject: str | None
    subject_name: str | None
    limit: int
    window: str
    burst: int
    created_at: datetime


class OneLimit(LateShape):
    """The answer about one rule."""

    limit: LimitBody


class LimitList(Listed):
    """A page of rules."""

    limits: list[LimitBody]


class EffectiveLimit(LateShape):
    """What a call counts against; `source` is `rule` or `default`."""

    scope: str
    subject: str | None
    limit: int
    window: str
    burst: int
    source: Literal["rule", "default"]


class EffectiveLimits(LateShape):
    """All that a key's calls count against, the narrowest first."""

    limits: list[EffectiveLimit]


@router.put("")
async def put(body: NewLimit, caller: Writer, parts: Parts) -> OneLimit:
    """Sets the limit of a subject; replaces the one that is there. Gateways follow within a second."""
    spec = LimitSpec(calls=body.limit, window_s=WINDOWS_S[body.window], burst=body.burst)
    async with parts.database.session() as session:
        subject = await limits.find_subject(session, org_id=caller.org_id, scope=body.scope, ref=body.subject)
        limit = await limits.put(session, org_id=caller.org_id, subject=subject, spec=spec)
    return OneLimit(limit=_body(limit))


@router.get("")
async def list_limits(caller: Reader, parts: Parts, asked: PageAsked) -> LimitList:
    """The organisation's rules, newest first; defaults are settings (`gatewayops settings`)."""
    async with parts.database.reading() as session:
        page = await limits.page(session, org_id=caller.org_id, asked=asked)
    return LimitList(limits=[_body(limit) for limit in page.rows], **paging(page))


@router.get("/effective")
async def effective(
    caller: Reader,
    parts: Parts,
    key: Annotated[
        str, Query(max_length=100, pattern="^[A-Za-z0-9_-]+$", description="A key's id or prefix.")
    ],
    server: Annotated[str, Query(max_length=100, pattern="^[A-Za-z0-9_-]*$", description="Id or name.")] = "",
) -> EffectiveLimits:
    """What the calls of a key count against: its own limits, and those of its user, teams and server."""
    async with parts.database.reading() as session:
        subject = await limits.find_subject(session, org_id=caller.org_id, scope="api_key", ref=key)
        spec = (await keys.find(session, org_id=caller.org_id, key_id=subject.id)).spec
        rules = await limits.rows(session, org_id=caller.org_id)
        teams = await limits.team_rows(session)
        called = (await servers.find(session, org_id=caller.org_id, ref=server)).row() if server else None
    principal = Principal(org_id=caller.org_id, key_id=subject.id, user_id=spec.user_id, team_id=spec.team_id)
    known = Snapshot(revision=0, made_at=0.0, teams=teams, servers=(called,) if called else ())
    book = LimitBook(parts.limits, rules, known)
    held = book.holding(principal, called.name if called else "")
    return EffectiveLimits(limits=[_effective(row, is_rule=book.is_rule(row)) for row in held])


@router.get("/{limit_id}")
async def show(limit_id: InPath, caller: Reader, parts: Parts) -> OneLimit:
    """One rule."""
    async with parts.database.reading() as session:
        limit = await limits.find(session, org_id=caller.org_id, limit_id=limit_id)
    return OneLimit(limit=_body(limit))


@router.delete("", status_code=204)
async def remove_of(
    caller: Writer,
    parts: Parts,
    scope: Annotated[Scope, Query()],
    subject: Annotated[Ref, Query(description="As when it was set.")] = "",
) -> Response:
    """Removes the rule of a subject; the one for each (`*`), else the default, counts from now on."""
    async with parts.database.session() as session:
        found = await limits.find_subject(session, org_id=caller.org_id, scope=scope, ref=subject)
        await limits.remove_of(session, org_id=caller.org_id, subject=found)
    return Response(status_code=204)


@router.delete("/{limit_id}", status_code=204)
async def remove(limit_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a rule; the one for each (`*`), else the default, counts from now on."""
    async with parts.database.session() as session:
        await limits.remove(session, org_id=caller.org_id, limit_id=limit_id)
    return Response(status_code=204)


def _body(limit: Limit) -> LimitBody:
    return LimitBody(
        id=limit.id,
        scope=limit.scope,
        subject=limit.subject or None,
        subject_name=limit.subject_name or None,
        limit=limit.calls,
        window=window_name(limit.window_s),
        burst=limit.burst,
        created_at=limit.created_at,
    )


def _effective(row: LimitRow, *, is_rule: bool) -> EffectiveLimit:
    return EffectiveLimit(
        scope=row.scope,
        subject=row.subject or None,
        limit=row.calls,
        window=window_name(row.window_s),
        burst=row.burst,
        source="rule" if is_rule else "default",
    )
