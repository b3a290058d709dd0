"""`/v1/validation`: what the arguments of calls must be like, and a dry run that says what would happen."""

import json
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Response
from pydantic import Field

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import Body, InPath, LateShape, Listed, Name, PageAsked, Ref, paging
from gatewayops.base.errors import Forbidden, InvalidInput, NotFound, Reason
from gatewayops.identity.principal import Principal, grants
from gatewayops.policy.validation.checks import Checks
from gatewayops.policy.validation.patterns import MAX_PATTERNS, check_pattern
from gatewayops.policy.validation.settings import MAX_DEPTH, Mode
from gatewayops.policy.validation.starters import STARTERS
from gatewayops.store.control import pins, servers, validation
from gatewayops.store.control.validation import Rule, RuleSpec
from gatewayops.store.snapshot import OwnPattern, Snapshot, ToolRow

router = LateRouter(prefix="/v1/validation", tags=["Validation"])

Reader = Annotated[Principal, Depends(principal_for("validation.read"))]
Writer = Annotated[Principal, Depends(principal_for("validation.write"))]
ServerRef = Annotated[str, Field(pattern="^([a-z0-9][a-z0-9-]{0,62})?$")]  # a name; empty for any
_UNSEEN = "no inputSchema is known: no tool of that name was seen on such a server and approved"
StarterSet = Literal["sql_injection", "command_injection", "path_traversal", "prompt_injection"]


class OwnPatternBody(Body):
    """A pattern of your own, RE2 syntax, looked for in every text of the arguments."""

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
    pattern: Annotated[str, Field(min_length=1, max_length=500)]
    mode: Mode = "report"


class NewRule(Body):
    """Empty `server` or `tool` means any. What is null is left to a broader rule, at last to the settings."""

    server: ServerRef = ""
    tool: Ref = ""
    schema_mode: Mode | None = None
    max_bytes: Annotated[int, Field(ge=2, le=64 << 20)] | None = None
    max_depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)] | None = None
    max_items: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    patterns: dict[StarterSet, Mode] = Field(default={})
    own_patterns: Annotated[list[OwnPatternBody], Field(max_length=MAX_PATTERNS)] = Field(default=[])


class RuleBody(LateShape):
    """A rule."""

    id: str
    server: str
    tool: str
    schema_mode: Mode | None
    max_bytes: int | None
    max_depth: int | None
    max_items: int | None
    patterns: dict[str, Mode]
    own_patterns: list[OwnPatternBody]


class OneRule(LateShape):
    """The answer about one rule."""

    rule: RuleBody


class RuleList(Listed):
    """A page of rules."""

    rules: list[RuleBody]


class StarterBody(LateShape):
    """A set of deny patterns to start from."""

    name: str
    patterns: list[str]


class StarterList(LateShape):
    """All sets."""

    sets: list[StarterBody]


class Sample(Body):
    """`arguments`, or as the very text in `arguments_json`, which alone can show what JSON readers hide."""

    server: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
    tool: Name
    arguments: Any = None
    arguments_json: str | None = None


class Verdict(LateShape):
    """What a gateway would say. `unchecked` tells why the tool's schema is not used."""

    allowed: bool
    reason: str | None = None
    message: str | None = None
    reported: list[str] = Field(default=[])
    unchecked: str | None = None


@router.put("/rules")
async def put(body: NewRule, caller: Writer, parts: Parts) -> OneRule:
    """Sets the rule of a server's tool, of a server, or the default; replaces the one that is there."""
    check_covers(caller, body.server)
    spec = _spec(body)
    async with parts.database.session() as session:
        rule = await validation.put(session, org_id=caller.org_id, spec=spec)
    return OneRule(rule=_body(rule))


@router.get("/rules")
async def list_rules(caller: Reader, parts: Parts, asked: PageAsked) -> RuleList:
    """The organisation's rules, newest first."""
    async with parts.database.reading() as session:
        page = await validation.page(session, org_id=caller.org_id, asked=asked)
    return RuleList(rules=[_body(rule) for rule in page.rows], **paging(page))


@router.get("/rules/{rule_id}")
async def show(rule_id: InPath, caller: Reader, parts: Parts) -> OneRule:
    """One rule."""
    async with parts.database.reading() as session:
        return OneRule(rule=_body(await validation.find(session, org_id=caller.org_id, rule_id=rule_id)))


@router.delete("/rules/{rule_id}", status_code=204)
async def remove(rule_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a rule; broader ones count from now on."""
    async with parts.database.session() as session:
        rule = await validation.find(session, org_id=caller.org_id, rule_id=rule_id)
        check_covers(caller, rule.spec.server)
        await validation.remove(session, org_id=caller.org_id, rule_id=rule_id)
    return Response(status_code=204)


@router.get("/patterns")
async def list_patterns(_caller: Reader) -> StarterList:
    """The sets of deny patterns to start from, in RE2 syntax."""
    return StarterList(sets=[StarterBody(name=name, patterns=list(of)) for name, of in STARTERS.items()])


@router.post("/check")
async def check(body: Sample, caller: Reader, parts: Parts) -> Verdict:
    """A dry run: what the rules and the tool's schema say to these arguments. Nothing is called or kept."""
    raw = _raw(body)
    checks = Checks(parts.validation)
    snapshot = await _snapshot(parts, caller.org_id, body.server, body.tool)
    checks.replace(snapshot)
    found = checks.of(caller.org_id, body.server, body.tool)
    if found is None:
        return Verdict(allowed=True)
    deny = found(raw)
    is_known = any(tool.definition for tool in snapshot.tools)
    return Verdict(
        allowed=deny is None,
        reason=deny.reason if deny else None,
        message=deny.detail if deny else None,
        reported=list(found.last_reported),
        unchecked=found.unchecked or (None if is_known else _UNSEEN),
    )


def check_covers(caller: Principal, server: str) -> None:
    """Raises Forbidden: a key decides only about servers that it covers, about any server with `*`."""
    if not grants(caller.servers, server or "*"):
        msg = f"your key does not cover {'the server ' + server if server else 'all servers'}"
        raise Forbidden(msg, Reason.SERVER_NOT_GRANTED)


def as_json(field: str, value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """What came as JSON, as JSON again; raises InvalidInput that names the field for what cannot be."""
    try:
        return json.dumps(value).encode()
    except (RecursionError, ValueError) as error:
        msg = f"{field}: nested too deep, or a number too long"
        raise InvalidInput(msg) from error


async def _snapshot(parts: ControlParts, org_id: str, server: str, tool: str) -> Snapshot:
    async with parts.database.reading() as session:
        rules = await validation.snapshot_rows(session, org_id=org_id)
        tools: tuple[ToolRow, ...] = ()
        try:
            known = await servers.find(session, org_id=org_id, ref=server)
            pin = await pins.find(session, org_id=org_id, server_id=known.id, name=tool)
        except NotFound:  # rules may speak of servers and tools to come
            pass
        else:
            definition = (pin.approved or b"") if pin.is_blocked else pin.current
            tools = (ToolRow(org_id, server, tool, definition, pin.hash, "approved"),)
    return Snapshot(revision=0, made_at=0.0, validation=rules, tools=tools)


def _raw(body: Sample) -> bytes:
    if body.arguments_json is not None:
        if body.arguments is not None:
            msg = "arguments_json: give arguments or arguments_json, not both"
            raise InvalidInput(msg)
        return body.arguments_json.encode("utf-8", "surrogatepass")  # such a half is refused as JSON
    return as_json("arguments", {} if body.arguments is None else body.arguments)


def _spec(body: NewRule) -> RuleSpec:
    names: set[str] = set(STARTERS)
    for number, own in enumerate(body.own_patterns):
        field = f"own_patterns.{number}"
        if own.name in names:
            msg = f"{field}.name: {own.name} is taken"
            raise InvalidInput(msg)
        names.add(own.name)
        check_pattern(f"{field}.pattern", own.pattern)
    return RuleSpec(
        server=body.server,
        tool=body.tool,
        schema_mode=body.schema_mode,
        max_bytes=body.max_bytes,
        max_depth=body.max_depth,
        max_items=body.max_items,
        patterns={str(name): str(mode) for name, mode in body.patterns.items()},
        own_patterns=tuple(OwnPattern(own.name, own.pattern, own.mode) for own in body.own_patterns),
    )


def _body(rule: Rule) -> RuleBody:
    fields = msgspec.to_builtins(rule.spec)
    return RuleBody(id=rule.id, **fields)
