"""`/v1/auth/keys`: making, listing, showing, revoking and rotating API keys."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, Field

from gatewayops.api.auth import principal_for
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import Body, InPath, Listed, Name, PageAsked, Ref, dollars, paging
from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput, Unavailable
from gatewayops.identity.keys import hash_of, new_secret, prefix_of
from gatewayops.identity.principal import Principal
from gatewayops.identity.scopes import DEFAULT_ACTIONS, DEFAULT_SERVERS, check_holds, check_scopes
from gatewayops.query.usage import key_usage
from gatewayops.store.control import directory, keys
from gatewayops.store.control.database import Session
from gatewayops.store.control.keys import HashedSecret, Key, KeySpec

router = APIRouter(prefix="/v1/auth/keys", tags=["API keys"])

_WARNING = "Store this secret securely. It will not be shown again."
_BOUND_TO = ("user", "team", "project")
_MAX_LABELS = 32

Reader = Annotated[Principal, Depends(principal_for("keys.read"))]
Writer = Annotated[Principal, Depends(principal_for("keys.write"))]
Patterns = Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=200)]


class NewScopes(Body):
    """What a new key may do; what is left out gets the default."""

    mcp_servers: Patterns = Field(default=list(DEFAULT_SERVERS), examples=[["filesystem", "database"]])
    actions: Patterns = Field(default=list(DEFAULT_ACTIONS), examples=[["tools.call", "tools.list"]])


class NewKey(Body):
    """`user`, `team` and `project` are ids or names (a user's: e-mail address), here or in `metadata`."""

    name: Name
    env: str = Field(default="prod", pattern="^[a-z0-9]{1,12}$")
    expires_at: AwareDatetime | None = None
    scopes: NewScopes = NewScopes()
    user: Ref = ""
    team: Ref = ""
    project: Ref = ""
    metadata: Annotated[dict[Name, Ref], Field(max_length=_MAX_LABELS)] = Field(default={})


class Scopes(BaseModel):
    """What a key may do."""

    mcp_servers: list[str]
    actions: list[str]


class Usage(BaseModel):
    """What a key has done; `cost` in dollars."""

    calls: int
    errors: int
    cost: float
    last_used: datetime | None


class KeyBody(BaseModel):
    """A key; `metadata` says whom it acts for and holds the labels given when it was made."""

    id: str
    name: str
    prefix: str
    env: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    scopes: Scopes
    metadata: dict[str, str | None]


class KeyWithSecret(KeyBody):
    """Shown once."""

    secret: str


class KeyWithUsage(KeyBody):
    """`usage` is null while the telemetry store does not answer."""

    usage: Usage | None


class KeyMade(BaseModel):
    """The answer that holds the secret."""

    key: KeyWithSecret
    warning: str


class KeyRotated(KeyMade):
    """The former secret works until `previous_valid_until`."""

    previous_valid_until: datetime


class KeyShown(BaseModel):
    """One key with what it has done."""

    key: KeyWithUsage


class KeyRevoked(BaseModel):
    """One key that is denied from now on."""

    key: KeyBody


class KeyList(Listed):
    """A page of keys."""

    keys: list[KeyBody]


@router.post("", status_code=201)
async def create(body: NewKey, caller: Writer, parts: Parts) -> KeyMade:
    """Makes a key. The secret is in this answer only. You cannot grant what your own key does not hold."""
    servers, actions = tuple(body.scopes.mcp_servers), tuple(body.scopes.actions)
    check_scopes(servers, actions)
    check_holds(caller, servers, actions)
    if body.expires_at is not None and body.expires_at <= clock.now():
        msg = "expires_at: lies in the past"
        raise InvalidInput(msg)
    secret, hashed = await _new_secret(body.env)
    async with parts.database.session() as session:
        spec = await _spec(session, body, caller)
        key = await keys.add(session, org_id=caller.org_id, spec=spec, secret=hashed)
    return KeyMade(key=_with_secret(key, secret), warning=_WARNING)


@router.get("")
async def list_keys(
    caller: Reader, parts: Parts, asked: PageAsked, *, include_revoked: bool = False
) -> KeyList:
    """The organisation's keys, newest first, without secrets."""
    async with parts.database.reading() as session:
        page = await keys.page(session, org_id=caller.org_id, asked=asked, with_revoked=include_revoked)
    return KeyList(keys=[_body(key) for key in page.rows], **paging(page))


@router.get("/{key_id}")
async def show(key_id: InPath, caller: Reader, parts: Parts) -> KeyShown:
    """One key, with its calls, errors, cost and last use."""
    async with parts.database.reading() as session:
        key = await keys.find(session, org_id=caller.org_id, key_id=key_id)
    usage = await _usage(parts, key)
    return KeyShown(key=KeyWithUsage(**_body(key).model_dump(), usage=usage))


@router.delete("/{key_id}")
async def revoke(key_id: InPath, caller: Writer, parts: Parts) -> KeyRevoked:
    """Ends a key: gateways deny it within a second, this API at once."""
    async with parts.database.session() as session:
        key = await keys.revoke(session, org_id=caller.org_id, key_id=key_id)
    return KeyRevoked(key=_body(key))


@router.post("/{key_id}/rotate")
async def rotate(key_id: InPath, caller: Writer, parts: Parts) -> KeyRotated:
    """A new secret for the key; the one before works for 24 more hours."""
    async with parts.database.reading() as session:
        key = await keys.find(session, org_id=caller.org_id, key_id=key_id)
    check_holds(caller, key.spec.servers, key.spec.actions)  # whoever rotates gets to know the secret
    secret, hashed = await _new_secret(key.spec.env)
    async with parts.database.session() as session:
        key, until = await keys.rotate(session, org_id=caller.org_id, key_id=key_id, secret=hashed)
    return KeyRotated(key=_with_secret(key, secret), previous_valid_until=until, warning=_WARNING)


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


async def _usage(parts: ControlParts, key: Key) -> Usage | None:
    try:
        found = await key_usage(parts.telemetry, org_id=key.org_id, key_ids=[key.id])
    except Unavailable:
        return None
    used = found.get(key.id)
    if used is None:
        return Usage(calls=0, errors=0, cost=0.0, last_used=None)
    cost = dollars(used.cost_micros)
    return Usage(calls=used.calls, errors=used.errors, cost=cost, last_used=used.last_used_at)


def _with_secret(key: Key, secret: str) -> KeyWithSecret:
    return KeyWithSecret(**_body(key).model_dump(), secret=secret)


def _body(key: Key) -> KeyBody:
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
        metadata={
            **spec.labels,
            "user_id": spec.user_id or None,
            "team_id": spec.team_id or None,
            "project_id": spec.project_id or None,
            "created_by": spec.created_by or None,
        },
    )
