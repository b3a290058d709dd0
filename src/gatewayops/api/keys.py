"""`/v1/auth/keys`: making, listing, showing, revoking and rotating API keys."""

import asyncio
from typing import Annotated

from fastapi import Depends, Query, Request
from msgspec import structs

from gatewayops.api.access import grants_in
from gatewayops.api.auth import principal_for, principal_of
from gatewayops.api.key_shapes import (
    KeyBody,
    KeyList,
    KeyMade,
    KeyRevoked,
    KeyRotated,
    KeysAsked,
    KeyShown,
    KeyWithSecret,
    KeyWithUsage,
    NewKey,
    NewScopes,
    Scopes,
    Usage,
)
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.recent import MAY_BE_OLD
from gatewayops.api.shapes import InPath, PageAsked, dollars, paging
from gatewayops.base import clock
from gatewayops.base.errors import Forbidden, InvalidInput, NotFound, Unavailable
from gatewayops.identity import same_visit
from gatewayops.identity.keys import hash_of, new_secret, prefix_of
from gatewayops.identity.principal import Principal
from gatewayops.identity.scopes import check_holds, check_scopes
from gatewayops.policy.access.delegation import check_not_wider
from gatewayops.policy.access.permissions import wide_scopes
from gatewayops.policy.decision import ALLOW
from gatewayops.query.usage import key_usage
from gatewayops.store.control import directory, keys, roles
from gatewayops.store.control.access import Subject
from gatewayops.store.control.database import Session
from gatewayops.store.control.keys import HashedSecret, Key, KeySpec, Sought
from gatewayops.store.control.roles import Role

router = LateRouter(prefix="/v1/auth/keys", tags=["API keys"])

_WARNING = "Store this secret securely. It will not be shown again."
_BOUND_TO = ("user", "team", "project")

Reader = Annotated[Principal, Depends(principal_for("keys.read", "keys.own"))]
Writer = Annotated[Principal, Depends(principal_for("keys.write", "keys.own"))]


@router.post("", status_code=201)
async def create(body: NewKey, caller: Writer, parts: Parts) -> KeyMade:
    """Makes a key. The secret is in this answer only. You cannot grant what your own key does not hold.

    With `keys.own` and without `keys.write`, the key acts for whom yours acts for.
    """
    role = await _role(parts, caller, body.role)
    servers, actions = _scopes(body.scopes, role)
    check_scopes(servers, actions)
    check_holds(caller, servers, actions)
    if body.expires_at is not None and body.expires_at <= clock.now():
        msg = "expires_at: lies in the past"
        raise InvalidInput(msg)
    secret, hashed = await _new_secret(body.env)
    async with parts.database.session() as session:
        spec = await _spec(session, body, caller)
        spec = structs.replace(spec, servers=servers, actions=actions)
        if await _may_only_own(session, caller, "keys.write"):
            spec = _own(spec, body, caller)
        key = await keys.add(session, org_id=caller.org_id, spec=spec, secret=hashed)
        if role is not None:
            subject = Subject("key", key.id, spec.name)
            await roles.bind(session, org_id=caller.org_id, role=role, subject=subject)
        await _check_not_wider(session, caller, key)
    return KeyMade(key=_with_secret(key, secret, [role.name] if role else []), warning=_WARNING)


@router.get("", dependencies=[MAY_BE_OLD])
async def list_keys(
    request: Request, caller: Reader, parts: Parts, asked: PageAsked, which: Annotated[KeysAsked, Query()]
) -> KeyList:
    """The organisation's keys, newest first, without secrets; with `keys.own` only, one's own."""
    check, visit = request.app.state.key_check, same_visit.of(request.scope)
    sees_all = await check.decide(caller, "keys.read", visit=visit) is ALLOW
    async with parts.database.reading() as session:
        user_id = ""
        if which.user:
            user_id = (await directory.find_user(session, org_id=caller.org_id, ref=which.user)).id
        sought = Sought(with_revoked=which.include_revoked, text=which.query, user_id=user_id, created_by="")
        if not sees_all:
            sought = structs.replace(sought, user_id=caller.user_id or user_id)
            sought = structs.replace(sought, created_by="" if caller.user_id else caller.key_id)
        page = await keys.page(session, org_id=caller.org_id, asked=asked, sought=sought)
        held = await _roles_of(session, *page.rows)
    used = await _usages(parts, *page.rows) if which.include_usage else None
    rows = [
        KeyWithUsage(**_body(key, held.get(key.id, [])).model_dump(), usage=used[key.id] if used else None)
        for key in page.rows
    ]
    return KeyList(keys=rows, **paging(page))


@router.get("/{key_id}", dependencies=[MAY_BE_OLD])
async def show(key_id: InPath, caller: Reader, parts: Parts) -> KeyShown:
    """One key, with its calls, errors, cost and last use."""
    async with parts.database.reading() as session:
        key = await keys.find(session, org_id=caller.org_id, key_id=key_id)
        await _check_own(session, caller, key, "keys.read")
        held = await _roles_of(session, key)
    used = await _usages(parts, key)
    body = _body(key, held.get(key.id, [])).model_dump()
    return KeyShown(key=KeyWithUsage(**body, usage=used[key.id] if used else None))


@router.delete("/{key_id}")
async def revoke(key_id: InPath, caller: Writer, parts: Parts) -> KeyRevoked:
    """Ends a key: gateways deny it within a second, this API at once."""
    async with parts.database.session() as session:
        await _check_own(session, caller, await keys.find(session, org_id=caller.org_id, key_id=key_id))
        key = await keys.revoke(session, org_id=caller.org_id, key_id=key_id)
        held = await _roles_of(session, key)
    return KeyRevoked(key=_body(key, held.get(key.id, [])))


@router.post("/{key_id}/rotate")
async def rotate(key_id: InPath, caller: Writer, parts: Parts) -> KeyRotated:
    """A new secret for the key; the one before works for 24 more hours."""
    async with parts.database.reading() as session:
        key = await keys.find(session, org_id=caller.org_id, key_id=key_id)
        await _check_own(session, caller, key)
        check_holds(caller, key.spec.servers, key.spec.actions)  # whoever rotates gets to know the secret
        await _check_not_wider(session, caller, key)
        held = await _roles_of(session, key)
    secret, hashed = await _new_secret(key.spec.env)
    async with parts.database.session() as session:
        key, until = await keys.rotate(session, org_id=caller.org_id, key_id=key_id, secret=hashed)
    shown = _with_secret(key, secret, held.get(key.id, []))
    return KeyRotated(key=shown, previous_valid_until=until, warning=_WARNING)


async def _role(parts: ControlParts, caller: Principal, ref: str) -> Role | None:
    if not ref:
        return None
    async with parts.database.reading() as session:
        try:
            return await roles.find(session, org_id=caller.org_id, ref=ref)
        except NotFound as error:
            msg = "role: no role of that id or name; see GET /v1/roles"
            raise InvalidInput(msg) from error


def _scopes(given: NewScopes, role: Role | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    actions = tuple(given.actions)
    if role is not None and "actions" not in given.model_fields_set:
        actions = wide_scopes(role.permissions)
    return tuple(given.mcp_servers), actions


async def _may_only_own(session: Session, caller: Principal, action: str) -> bool:
    return (
        not caller.is_local_admin and (await grants_in(session)).decide_control(caller, action) is not ALLOW
    )


def _own(spec: KeySpec, body: NewKey, caller: Principal) -> KeySpec:
    """Acts for whom the caller acts for. Raises Forbidden when somebody else is named."""
    mine = {"user_id": caller.user_id, "team_id": caller.team_id, "project_id": caller.project_id}
    labels = dict(body.metadata)
    for noun in _BOUND_TO:
        field = f"{noun}_id"
        if _ref(body, labels, noun) and getattr(spec, field) != mine[field]:
            msg = f"{noun}: with keys.own a key acts for whom yours acts for"
            raise Forbidden(msg)
    return structs.replace(spec, **mine)


async def _check_own(session: Session, caller: Principal, key: Key, action: str = "keys.write") -> None:
    """Raises Forbidden for another's key when the caller holds keys.own only."""
    is_own = key.spec.created_by == caller.key_id or key.id == caller.key_id
    if caller.user_id:
        is_own = key.spec.user_id == caller.user_id
    if not is_own and await _may_only_own(session, caller, action):
        msg = f"you do not hold the action {action}, and keys.own is for your own keys"
        raise Forbidden(msg)


async def _check_not_wider(session: Session, caller: Principal, key: Key) -> None:
    check_not_wider((await grants_in(session)).book, caller, principal_of(key))


async def _roles_of(session: Session, *shown: Key) -> dict[str, list[str]]:
    if not shown:
        return {}
    return await roles.of_keys(session, org_id=shown[0].org_id, key_ids=[key.id for key in shown])


async def _new_secret(env: str) -> tuple[str, HashedSecret]:
    secret = new_secret(env)
    prefix = prefix_of(secret)
    assert prefix is not None
    return secret, HashedSecret(prefix=prefix, hash=await asyncio.to_thread(hash_of, secret))


async def _spec(session: Session, body: NewKey, caller: Principal) -> KeySpec:
    """Finds whom the key acts for. A team not given is the project's, else the user's."""
    labels = dict(body.metadata)
    refs = {noun: _ref(body, labels, noun) for noun in _BOUND_TO}
    user = project = None
    org_id = caller.org_id
    if refs["user"]:
        user = await directory.find_user(session, org_id=org_id, ref=refs["user"])
    if refs["project"]:
        project = await directory.find_project(session, org_id=org_id, ref=refs["project"])
    team_id = await directory.team_id(session, org_id=org_id, ref=refs["team"])
    team_id = team_id or (project.team_id if project else "") or (user.team_id if user else "")
    if "created_by" in labels:
        msg = "metadata.created_by: is set here, not by you"
        raise InvalidInput(msg)
    return KeySpec(
        name=body.name,
        env=body.env,
        servers=tuple(body.scopes.mcp_servers),
        actions=tuple(body.scopes.actions),
        expires_at=body.expires_at,
        user_id=user.id if user else "",
        team_id=team_id,
        project_id=project.id if project else "",
        created_by=caller.user_id or caller.key_id,
        labels=labels,
    )


def _ref(body: NewKey, labels: dict[str, str], noun: str) -> str:
    """The id or name given as `noun`, `metadata.<noun>_id` or `metadata.<noun>`; taken out of the labels."""
    given = [getattr(body, noun), labels.pop(f"{noun}_id", ""), labels.pop(noun, "")]
    return next((ref for ref in given if ref), "")


async def _usages(parts: ControlParts, *shown: Key) -> dict[str, Usage] | None:
    """By key; None while the telemetry store does not answer."""
    if not shown:
        return {}
    try:
        found = await key_usage(parts.telemetry, org_id=shown[0].org_id, key_ids=[key.id for key in shown])
    except Unavailable:
        return None
    return {
        key_id: Usage(
            calls=used.calls,
            errors=used.errors,
            cost=dollars(used.cost_micros),
            last_used=used.last_used_at,
        )
        for key_id, used in found.items()
    }


def _with_secret(key: Key, secret: str, held: list[str]) -> KeyWithSecret:
    return KeyWithSecret(**_body(key, held).model_dump(), secret=secret)


def _body(key: Key, held: list[str]) -> KeyBody:
    spec = key.spec
    return KeyBody(
        id=key.id,
        name=spec.name,
        prefix=key.prefix,
        env=spec.env,
        created_at=key.created_at,
        expires_at=spec.expires_at,
        revoked_at=key.revoked_at,
        scopes=Scopes(mcp_servers=list(spec.servers), actions=list(spec.actions)),
        roles=held,
        metadata={
            **spec.labels,
            "user_id": spec.user_id or None,
            "team_id": spec.team_id or None,
            "project_id": spec.project_id or None,
            "created_by": spec.created_by or None,
        },
    )
