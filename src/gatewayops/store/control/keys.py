"""API keys: hashes of their secrets, their scopes, whom they act for. Secrets never come here."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, or_, select

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import ApiKey, ApiKeySecret, User

OVERLAP = timedelta(hours=24)
_MAX_CANDIDATES = 4  # secrets that share a prefix by chance; each costs a bcrypt


class KeySpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided when a key is made; ids are empty when it is not bound to one."""

    name: str
    env: str
    servers: tuple[str, ...]
    actions: tuple[str, ...]
    expires_at: datetime | None = None
    user_id: str = ""
    team_id: str = ""
    project_id: str = ""
    created_by: str = ""
    labels: dict[str, str] = {}


class HashedSecret(msgspec.Struct, frozen=True):
    """What is kept of a secret."""

    prefix: str
    hash: str


class Key(msgspec.Struct, frozen=True):
    """A key; `prefix` is that of its newest secret."""

    id: str
    org_id: str
    spec: KeySpec
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys; what is empty is any. `text` is in the name, or the prefix begins with it."""

    with_revoked: bool = False
    text: str = ""
    user_id: str = ""
    created_by: str = ""


class Candidate(msgspec.Struct, frozen=True):
    """A stored secret that the presented one may be."""

    secret_id: str
    hash: str


async def add(session: Session, *, org_id: str, spec: KeySpec, secret: HashedSecret) -> Key:
    """A new key with its first secret."""
    row = ApiKey(
        id=new_id("key"),
        org_id=org_id,
        name=spec.name,
        env=spec.env,
        prefix=secret.prefix,
        servers=list(spec.servers),
        actions=list(spec.actions),
        labels=spec.labels,
        user_id=spec.user_id or None,
        team_id=spec.team_id or None,
        project_id=spec.project_id or None,
        created_by=spec.created_by,
        expires_at=spec.expires_at,
        revoked_at=None,
    )
    await rows.add(session, row, taken="the key exists")
    await _add_secret(session, row, secret)
    await revision.bump(session)
    return _key(row)


async def rotate(session: Session, *, org_id: str, key_id: str, secret: HashedSecret) -> tuple[Key, datetime]:
    """Adds a secret; the others end 24 h from now, or earlier where they already did. Returns that moment.

    Raises NotFound, and Conflict for a key that is revoked.
    """
    row = await _row(session, org_id, key_id)
    if row.revoked_at is not None:
        msg = "the key is revoked; make a new one"
        raise Conflict(msg)
    until = clock.now() + OVERLAP
    lives_longer = or_(ApiKeySecret.valid_until.is_(None), ApiKeySecret.valid_until > until)
    for older in await session.scalars(
        select(ApiKeySecret).where(ApiKeySecret.key_id == row.id, lives_longer)
    ):
        older.valid_until = until
    row.prefix = secret.prefix
    await _add_secret(session, row, secret)
    await revision.bump(session)
    return _key(row), until


async def revoke(session: Session, *, org_id: str, key_id: str) -> Key:
    """Ends a key at once; again is no error and keeps the first moment. Raises NotFound."""
    row = await _row(session, org_id, key_id)
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        await revision.bump(session)
    return _key(row)


async def find(session: Session, *, org_id: str, key_id: str) -> Key:
    """Raises NotFound."""
    return _key(await _row(session, org_id, key_id))


async def page(session: Session, *, org_id: str, asked: Asked, sought: Sought) -> Page[Key]:
    """The organisation's keys, newest first."""
    query = select(ApiKey).where(ApiKey.org_id == org_id)
    if not sought.with_revoked:
        query = query.where(ApiKey.revoked_at.is_(None))
    if sought.user_id:
        query = query.where(ApiKey.user_id == sought.user_id)
    if sought.created_by:
        query = query.where(or_(ApiKey.created_by == sought.created_by, ApiKey.id == sought.created_by))
    if sought.text:
        query = query.where(
            or_(
                ApiKey.name.icontains(sought.text, autoescape=True),
                ApiKey.prefix.startswith(sought.text, autoescape=True),
            )
        )
    found = await page_of(session, query, ApiKey, asked)
    return Page(rows=tuple(map(_key, found.rows)), cursor=found.cursor)


async def candidates(session: Session, prefix: str) -> list[Candidate]:
    """Secrets of usable keys under this prefix: before authentication, so the organisation is unknown."""
    now = clock.now()
    query = (
        select(ApiKeySecret)
        .join(ApiKey, ApiKey.id == ApiKeySecret.key_id)
        .where(ApiKeySecret.prefix == prefix, *_is_usable(now))
        .limit(_MAX_CANDIDATES)
    )
    return [Candidate(secret_id=row.id, hash=row.hash) for row in await session.scalars(query)]


async def of_secret(session: Session, secret_id: str) -> Key | None:
    """The key of a secret whose hash matched; None when key or secret have ended meanwhile."""
    query = (
        select(ApiKey)
        .join(ApiKeySecret, ApiKey.id == ApiKeySecret.key_id)
        .where(ApiKeySecret.id == secret_id, *_is_usable(clock.now()))
    )
    row = await session.scalar(query)
    return None if row is None else _key(row)


def belongs_to_nobody_disabled() -> ColumnElement[bool]:
    """A key acts for its user, so it does not count while they are shut out."""
    shut_out = select(User.id).where(User.disabled_at.is_not(None))
    return or_(ApiKey.user_id.is_(None), ApiKey.user_id.not_in(shut_out))


def _is_usable(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        ApiKey.revoked_at.is_(None),
        belongs_to_nobody_disabled(),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
        or_(ApiKeySecret.valid_until.is_(None), ApiKeySecret.valid_until > now),
    )


async def _add_secret(session: Session, key: ApiKey, secret: HashedSecret) -> None:
    row = ApiKeySecret(
        id=new_id("sec"),
        org_id=key.org_id,
        key_id=key.id,
        prefix=secret.prefix,
        hash=secret.hash,
        valid_until=None,
    )
    await rows.add(session, row, taken="the secret exists")


async def _row(session: Session, org_id: str, key_id: str) -> ApiKey:
    row = await session.scalar(select(ApiKey).where(ApiKey.org_id == org_id, ApiKey.id == key_id))
    if row is None:
        msg = "no key of that id"
        raise NotFound(msg)
    return row


def _key(row: ApiKey) -> Key:
    spec = KeySpec(
        name=row.name,
        env=row.env,
        servers=tuple(row.servers),
        actions=tuple(row.actions),
        expires_at=row.expires_at,
        user_id=row.user_id or "",
        team_id=row.team_id or "",
        project_id=row.project_id or "",
        created_by=row.created_by,
        labels=row.labels,
    )
    return Key(
        id=row.id,
        org_id=row.org_id,
        spec=spec,
        prefix=row.prefix,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
