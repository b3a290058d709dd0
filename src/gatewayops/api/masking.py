"""`/v1/masking`: what is taken out of records, and trying it on a sample that is kept nowhere."""

import asyncio
from typing import Annotated, Literal

from fastapi import Depends, Path, Response
from pydantic import Field

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, LateShape
from gatewayops.base.errors import InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.record.masking import classes, masker_of, own_rules
from gatewayops.store import snapshot
from gatewayops.store.control import masking
from gatewayops.store.snapshot import MaskingRow

router = LateRouter(prefix="/v1/masking", tags=["Masking"])

_LARGEST_SAMPLE = 64 << 10

Reader = Annotated[Principal, Depends(principal_for("masking.read"))]
Writer = Annotated[Principal, Depends(principal_for("masking.write"))]
Kind = Literal["regex", "field", "json_path"]
RuleName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
RuleInPath = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
Pattern = Annotated[str, Field(min_length=1, max_length=500)]
Rules = Annotated[list["RuleBody"], Field(max_length=own_rules.MOST_RULES)]
Classes = Annotated[dict[str, bool], Field(max_length=100)]


class RuleBody(Body):
    """`pattern`: RE2 (regex), a field's name (field), or a path such as `$.a..b[*]` (json_path)."""

    name: RuleName
    kind: Kind
    pattern: Pattern


class RuleContent(Body):
    """A rule, whose name is in the address."""

    kind: Kind
    pattern: Pattern


class ClassChange(Body):
    """`acknowledge_secrets_in_records` is asked for before a class of secrets is switched off."""

    is_on: bool
    acknowledge_secrets_in_records: bool = False


class MaskingChange(Body):
    """Everything at once. Classes that are not named go back to their default."""

    classes: Classes = Field(default={})
    rules: Rules = Field(default=[])
    acknowledge_secrets_in_records: bool = False


class Trial(Body):
    """`rules` or `classes` left out: those that are stored."""

    sample: Annotated[str, Field(max_length=_LARGEST_SAMPLE)]
    classes: Classes | None = None
    rules: Rules | None = None


class ClassBody(LateShape):
    """A built-in class. `needs_acknowledgement`: switching it off leaves secrets in records."""

    name: str
    is_on: bool
    is_on_by_default: bool
    may_be_switched_off: bool
    needs_acknowledgement: bool


class MaskingBody(LateShape):
    """The organisation's masking: every built-in class, and its own rules by name."""

    classes: list[ClassBody]
    rules: list[RuleBody]


class OneMasking(LateShape):
    """The answer about masking."""

    masking: MaskingBody


class OneClass(LateShape):
    """The answer about one class."""

    masking_class: ClassBody


class OneRule(LateShape):
    """The answer about one rule."""

    rule: RuleBody


class Hits(LateShape):
    """How many places of the sample a rule or class found."""

    name: str
    count: int


class Tried(LateShape):
    """What a record would show of the sample."""

    masked: str
    is_changed: bool
    hits: list[Hits]


@router.get("")
async def show(caller: Reader, parts: Parts) -> OneMasking:
    """What is masked in your organisation's records."""
    async with parts.database.reading() as session:
        return _masking(await masking.of(session, org_id=caller.org_id))


@router.put("")
async def replace(body: MaskingChange, caller: Writer, parts: Parts) -> OneMasking:
    """Replaces switches and rules; gateways follow within a second, for records from then on."""
    wanted = _wanted(caller, body.classes, body.rules)
    is_known = body.acknowledge_secrets_in_records
    async with parts.database.session() as session:
        before = await masking.of(session, org_id=caller.org_id)
        off = set(wanted.switched_off) - set(before.switched_off)
        _check_switched_off(off, is_acknowledged=is_known)
        return _masking(await masking.replace(session, wanted))


@router.put("/rules/{name}")
async def put_rule(name: RuleInPath, body: RuleContent, caller: Writer, parts: Parts) -> OneRule:
    """Makes a rule, or replaces the one of this name."""
    rule = snapshot.MaskingRule(name=name, kind=body.kind, pattern=body.pattern)
    own_rules.check((rule,))
    async with parts.database.session() as session:
        await masking.put_rule(session, org_id=caller.org_id, rule=rule, most=own_rules.MOST_RULES)
    return OneRule(rule=_rule(rule))


@router.delete("/rules/{name}", status_code=204)
async def remove_rule(name: RuleInPath, caller: Writer, parts: Parts) -> Response:
    """Removes a rule; what was recorded stays as it is."""
    async with parts.database.session() as session:
        await masking.remove_rule(session, org_id=caller.org_id, name=name)
    return Response(status_code=204)


@router.put("/classes/{name}")
async def switch(name: RuleInPath, body: ClassChange, caller: Writer, parts: Parts) -> OneClass:
    """Switches a built-in class on or off."""
    _check_classes((name,))
    if not body.is_on:
        _check_switched_off({name}, is_acknowledged=body.acknowledge_secrets_in_records)
    state = None if body.is_on == classes.is_on_by_default(name) else body.is_on
    async with parts.database.session() as session:
        now = await masking.switch(session, org_id=caller.org_id, states={name: state})
    return OneClass(masking_class=_class(name, now))


@router.post("/preview")
async def preview(body: Trial, caller: Reader, parts: Parts) -> Tried:
    """Shows what a sample would become, and which rule finds how much in it. The sample is kept nowhere."""
    async with parts.database.reading() as session:
        stored = await masking.of(session, org_id=caller.org_id)
    given = _wanted(caller, body.classes or {}, body.rules or [])
    has_classes, has_rules = body.classes is not None, body.rules is not None
    row = MaskingRow(
        org_id=caller.org_id,
        switched_on=given.switched_on if has_classes else stored.switched_on,
        switched_off=given.switched_off if has_classes else stored.switched_off,
        rules=given.rules if has_rules else stored.rules,
    )
    return await asyncio.to_thread(_try, row, body.sample)


def _try(row: MaskingRow, sample: str) -> Tried:
    masker = masker_of(row)
    raw = sample.encode("utf-8", "replace")
    masked, _ = masker.body(raw, 4 * len(raw) + _LARGEST_SAMPLE)
    hits = [Hits(name=name, count=count) for name, count in sorted(masker.hits(raw).items())]
    return Tried(masked=masked, is_changed=masked != raw.decode(), hits=hits)


def _wanted(caller: Principal, states: dict[str, bool], rules: list[RuleBody]) -> MaskingRow:
    """The row that this makes: only what differs from the defaults. Raises InvalidInput."""
    _check_classes(tuple(states))
    found = tuple(
        snapshot.MaskingRule(name=rule.name, kind=rule.kind, pattern=rule.pattern) for rule in rules
    )
    own_rules.check(found)
    changed = {name: is_on for name, is_on in states.items() if is_on != classes.is_on_by_default(name)}
    return MaskingRow(
        org_id=caller.org_id,
        switched_on=tuple(name for name, is_on in changed.items() if is_on),
        switched_off=tuple(name for name, is_on in changed.items() if not is_on),
        rules=found,
    )


def _check_classes(names: tuple[str, ...]) -> None:
    if not set(names) <= set(classes.CLASSES):
        msg = f"classes: each is one of {', '.join(classes.CLASSES)}"
        raise InvalidInput(msg)


def _check_switched_off(names: set[str], *, is_acknowledged: bool) -> None:
    if names & classes.ALWAYS_ON:
        msg = "classes.gatewayops_key: stays on, for a key in a record would serve whoever reads it"
        raise InvalidInput(msg)
    secret = sorted(names - classes.CONTACTS)
    if secret and not is_acknowledged:
        msg = (
            f"classes.{secret[0]}: off, it leaves secrets in records for all who may read traces; "
            "send acknowledge_secrets_in_records: true if that is meant"
        )
        raise InvalidInput(msg)


def _masking(row: MaskingRow) -> OneMasking:
    return OneMasking(
        masking=MaskingBody(
            classes=[_class(name, row) for name in classes.CLASSES],
            rules=[_rule(rule) for rule in row.rules],
        )
    )


def _class(name: str, row: MaskingRow) -> ClassBody:
    is_default = classes.is_on_by_default(name)
    return ClassBody(
        name=name,
        is_on=name in row.switched_on or (is_default and name not in row.switched_off),
        is_on_by_default=is_default,
        may_be_switched_off=name not in classes.ALWAYS_ON,
        needs_acknowledgement=name not in classes.CONTACTS | classes.ALWAYS_ON,
    )


def _rule(rule: snapshot.MaskingRule) -> RuleBody:
    return RuleBody.model_construct(name=rule.name, kind=rule.kind, pattern=rule.pattern)
