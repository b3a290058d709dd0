"""Rate limits: rules by scope and subject. Subjects are given by id or name and kept by id."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, or_, select

from gatewayops.base.errors import Conflict, InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision
from gatewayops.store.control import rows as row_writes
from gatewayops.store.control.database import Session
from gatewayops.store.control.limit_tables import LimitRule
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import ApiKey, McpServer, Team, User
from gatewayops.store.snapshot import ANY, LimitRow, TeamRow

GLOBAL = "global"
_NOUNS = {"api_key": "key", "user": "user", "team": "team", "server": "server"}


class Limit(msgspec.Struct, frozen=True):
    """A rule. `calls` 0 means no limit; `subject` is an id, `*` for each, empty for the organisation.

    `subject_name` is for people: the key's name, the user's address; empty when there is none (any more).
    """

    id: str
    scope: str
    subject: str
    subject_name: str
    calls: int
    window_s: int
    burst: int
    created_at: datetime


class LimitSpec(msgspec.Struct, frozen=True):
    """What is decided about a subject's calls."""

    calls: int
    window_s: int
    burst: int = 0


class Subject(msgspec.Struct, frozen=True):
    """Whom a rule is for."""

    scope: str
    id: str
    name: str = ""


async def find_subject(session: Session, *, org_id: str, scope: str, ref: str) -> Subject:
    """By id; keys by prefix too, users by address, teams and servers by name. `*` is each of them.

    Raises NotFound, InvalidInput for a subject of global, Conflict for a prefix of several keys.
    """
    if scope == GLOBAL:
        if ref:
            msg = "subject: the scope global has none; leave it out"
            raise InvalidInput(msg)
        return Subject(scope, "")
    if ref == ANY:
        return Subject(scope, ANY)
    table = _TABLES[scope]
    query = select(table.id, _NAMES[scope]).where(table.org_id == org_id, _is_it(scope, ref)).limit(2)
    found = (await session.execute(query)).all()
    if not ref or not found:
        msg = f"subject: no {_NOUNS[scope]} of that {_WAYS[scope]}"
        raise NotFound(msg)
    if len(found) > 1:
        msg = f"subject: several fit; give the {_NOUNS[scope]}'s id"
        raise Conflict(msg)
    return Subject(scope, *found[0])


async def put(session: Session, *, org_id: str, subject: Subject, spec: LimitSpec) -> Limit:
    """Makes the rule of this subject, or replaces it."""
    row = await session.scalar(select(LimitRule).where(*_of(org_id, subject)))
    columns = msgspec.structs.asdict(spec)
    if row is None:
        row = LimitRule(id=new_id("limit"), org_id=org_id, scope=subject.scope, subject=subject.id, **columns)
        await row_writes.add(session, row, taken="another change of this limit came first")
    else:
        for column, value in columns.items():
            setattr(row, column, value)
    await revision.bump(session)
    return _limit(row, subject.name)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Limit]:
    """The organisation's rules, newest first."""
    found = await page_of(session, select(LimitRule).where(LimitRule.org_id == org_id), LimitRule, asked)
    names = await _names(session, org_id, found.rows)
    limits = tuple(_limit(row, names.get(row.subject, "")) for row in found.rows)
    return Page(rows=limits, cursor=found.cursor)


async def find(session: Session, *, org_id: str, limit_id: str) -> Limit:
    """Raises NotFound."""
    row = await _row(session, org_id, limit_id)
    return _limit(row, (await _names(session, org_id, (row,))).get(row.subject, ""))


async def remove(session: Session, *, org_id: str, limit_id: str) -> None:
    """What is broader, or the default, counts from now on. Raises NotFound."""
    await session.delete(await _row(session, org_id, limit_id))
    await revision.bump(session)


async def remove_of(session: Session, *, org_id: str, subject: Subject) -> None:
    """As `remove`, for the rule of a subject."""
    row = await session.scalar(select(LimitRule).where(*_of(org_id, subject)))
    if row is None:
        msg = "no limit was set for that subject"
        raise NotFound(msg)
    await session.delete(row)
    await revision.bump(session)


async def rows(session: Session, *, org_id: str = "") -> tuple[LimitRow, ...]:
    """For the snapshot: of all organisations; of one where it is named."""
    query = select(LimitRule)
    if org_id:
        query = query.where(LimitRule.org_id == org_id)
    return tuple(
        LimitRow(row.org_id, row.scope, row.subject, row.calls, row.window_s, row.burst)
        for row in await session.scalars(query)
    )


async def team_rows(session: Session) -> tuple[TeamRow, ...]:
    """For the snapshot: the trees of teams of all organisations."""
    found = await session.scalars(select(Team))
    return tuple(TeamRow(id=row.id, org_id=row.org_id, parent_id=row.parent_id or "") for row in found)


_TABLES: dict[str, type[ApiKey | User | Team | McpServer]] = {
    "api_key": ApiKey,
    "user": User,
    "team": Team,
    "server": McpServer,
}
_NAMES = {"api_key": ApiKey.name, "user": User.email, "team": Team.name, "server": McpServer.name}
_WAYS = {
    "api_key": "id or prefix",
    "user": "id or e-mail address",
    "team": "id or name",
    "server": "id or name",
}


def _of(org_id: str, subject: Subject) -> tuple[ColumnElement[bool], ...]:
    return LimitRule.org_id == org_id, LimitRule.scope == subject.scope, LimitRule.subject == subject.id


def _is_it(scope: str, ref: str) -> ColumnElement[bool]:
    if scope == "api_key":
        return or_(ApiKey.id == ref, (ApiKey.prefix == ref) & ApiKey.revoked_at.is_(None))
    if scope == "user":
        return or_(User.id == ref, User.email == ref.lower())
    table = Team if scope == "team" else McpServer
    return or_(table.id == ref, table.name == ref)


async def _names(session: Session, org_id: str, found: Iterable[LimitRule]) -> dict[str, str]:
    """Subjects' ids to their names; ids are unique across the tables."""
    wanted: dict[str, list[str]] = {}
    for rule in found:
        wanted.setdefault(rule.scope, []).append(rule.subject)
    names: dict[str, str] = {}
    for scope, subjects in wanted.items():
        table = _TABLES.get(scope)
        if table is not None:
            query = select(table.id, _NAMES[scope]).where(table.org_id == org_id, table.id.in_(subjects))
            names.update([(row_id, name) for row_id, name in await session.execute(query)])
    return names


async def _row(session: Session, org_id: str, limit_id: str) -> LimitRule:
    row = await session.scalar(select(LimitRule).where(LimitRule.org_id == org_id, LimitRule.id == limit_id))
    if row is None:
        msg = "no limit of that id"
        raise NotFound(msg)
    return row


def _limit(row: LimitRule, subject_name: str) -> Limit:
    return Limit(
        id=row.id,
        scope=row.scope,
        subject=row.subject,
        subject_name=subject_name,
        calls=row.calls,
        window_s=row.window_s,
        burst=row.burst,
        created_at=row.created_at,
    )
