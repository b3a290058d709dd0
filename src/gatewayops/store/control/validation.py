"""Rules for the arguments of calls, from the organisation's default to one tool of one server.

What a rule says is checked by the caller (policy/validation); here it is kept.
"""

from typing import Any

import msgspec
from sqlalchemy import func, select

from gatewayops.base.errors import InvalidInput, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.validation_tables import ValidationRule
from gatewayops.store.snapshot import OwnPattern, ValidationRow

MAX_RULES = 2_000  # of an organisation: all of them are in every gateway's memory


class RuleSpec(msgspec.Struct, frozen=True):
    """What somebody decides about a rule; empty `server` or `tool` means any, None leaves it open."""

    server: str = ""
    tool: str = ""
    schema_mode: str | None = None
    max_bytes: int | None = None
    max_depth: int | None = None
    max_items: int | None = None
    patterns: dict[str, str] = {}
    own_patterns: tuple[OwnPattern, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    """A rule that is kept."""

    id: str
    spec: RuleSpec


async def put(session: Session, *, org_id: str, spec: RuleSpec) -> Rule:
    """Makes the rule for this server and tool, or replaces it. Raises InvalidInput over MAX_RULES."""
    which = ValidationRule.server == spec.server, ValidationRule.tool == spec.tool
    row = await session.scalar(select(ValidationRule).where(ValidationRule.org_id == org_id, *which))
    if row is None:
        query = select(func.count()).select_from(ValidationRule).where(ValidationRule.org_id == org_id)
        if (await session.scalar(query) or 0) >= MAX_RULES:
            msg = f"an organisation has at most {MAX_RULES} validation rules"
            raise InvalidInput(msg)
        row = ValidationRule(id=new_id("vrule"), org_id=org_id, **_columns(spec))
        await rows.add(session, row, taken="another change of this rule came first")
    else:
        for column, value in _columns(spec).items():
            setattr(row, column, value)
    await revision.bump(session)
    return _rule(row)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Rule]:
    """The organisation's rules, newest first."""
    query = select(ValidationRule).where(ValidationRule.org_id == org_id)
    found = await page_of(session, query, ValidationRule, asked)
    return Page(rows=tuple(map(_rule, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, rule_id: str) -> Rule:
    """Raises NotFound."""
    return _rule(await _find(session, org_id, rule_id))


async def remove(session: Session, *, org_id: str, rule_id: str) -> None:
    """Raises NotFound."""
    await session.delete(await _find(session, org_id, rule_id))
    await revision.bump(session)


async def snapshot_rows(session: Session, *, org_id: str | None = None) -> tuple[ValidationRow, ...]:
    """What gateways must know, of all organisations, or of one for a dry run."""
    query = select(ValidationRule)
    if org_id is not None:
        query = query.where(ValidationRule.org_id == org_id)
    return tuple(
        ValidationRow(org_id=row.org_id, **_fields(_rule(row).spec)) for row in await session.scalars(query)
    )


async def _find(session: Session, org_id: str, rule_id: str) -> ValidationRule:
    query = select(ValidationRule).where(ValidationRule.org_id == org_id, ValidationRule.id == rule_id)
    row = await session.scalar(query)
    if row is None:
        msg = "no validation rule of that id"
        raise NotFound(msg)
    return row


def _columns(spec: RuleSpec) -> dict[str, Any]:
    return _fields(spec) | {"own_patterns": [msgspec.structs.asdict(one) for one in spec.own_patterns]}


def _fields(spec: RuleSpec) -> dict[str, Any]:
    return {field: getattr(spec, field) for field in RuleSpec.__struct_fields__}


def _rule(row: ValidationRule) -> Rule:
    columns = {field: getattr(row, field) for field in RuleSpec.__struct_fields__}
    own = tuple(OwnPattern(**pattern) for pattern in row.own_patterns)
    return Rule(id=row.id, spec=RuleSpec(**columns | {"own_patterns": own}))
