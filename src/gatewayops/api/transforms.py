"""`/v1/transforms`: how calls are changed on their way, after they are allowed and checked."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Response
from pydantic import Field

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.shapes import Body, InPath, LateShape, Listed, Name, PageAsked, Ref, paging
from gatewayops.api.upstream_headers import check_headers
from gatewayops.api.validation import ServerRef, as_json, check_covers
from gatewayops.base.errors import InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.policy.validation.steps import MAX_STEPS, step_of
from gatewayops.store.control import transforms
from gatewayops.store.control.servers import Headers
from gatewayops.store.control.transforms import Transformation, TransformSpec
from gatewayops.store.snapshot import StepRow, transform_binding

router = LateRouter(prefix="/v1/transforms", tags=["Transformations"])

# credentials belong to the server itself; the span's context is the gateway's own
_REFUSED = frozenset(("authorization", "cookie", "traceparent", "tracestate", "baggage"))

Reader = Annotated[Principal, Depends(principal_for("transforms.read"))]
Writer = Annotated[Principal, Depends(principal_for("transforms.write"))]


class StepBody(Body):
    """One change of the field that `path` names: set to `value`, remove, or rename to the name `to`."""

    op: Literal["set", "remove", "rename"]
    path: Annotated[str, Field(min_length=2, max_length=512, examples=["/options/verbose"])]
    to: str | None = None
    value: Any = None


Steps = Annotated[list[StepBody], Field(max_length=MAX_STEPS)]


class NewTransform(Body):
    """Empty `server` or `tool` means any; those of a low position come first.

    `request` changes a call's arguments, `response` its result. `headers` go to the server; their values
    are sealed and never come back. Left out of a change, they stay.
    """

    name: Name
    server: ServerRef = ""
    tool: Ref = ""
    position: Annotated[int, Field(ge=0, le=10_000)] = 0
    request: Steps = Field(default=[])
    response: Steps = Field(default=[])
    headers: dict[str, str] | None = None


class ShownStep(LateShape):
    """A step; `to` of a rename, `value` of a set."""

    op: str
    path: str
    to: str | None = None
    value: Any = None


class TransformBody(LateShape):
    """A transformation, with the names of its headers."""

    id: str
    name: str
    server: str
    tool: str
    position: int
    request: list[ShownStep]
    response: list[ShownStep]
    header_names: list[str]


class OneTransform(LateShape):
    """The answer about one transformation."""

    transform: TransformBody


class TransformList(Listed):
    """A page of transformations."""

    transforms: list[TransformBody]


@router.post("", status_code=201)
async def add(body: NewTransform, caller: Writer, parts: Parts) -> OneTransform:
    """Makes a transformation; it counts for calls within a second."""
    check_covers(caller, body.server)
    spec = _spec(body)
    transform_id = transforms.new_transform_id()
    headers = _sealed(parts, body.headers or {}, org_id=caller.org_id, transform_id=transform_id)
    async with parts.database.session() as session:
        made = await transforms.add(
            session, org_id=caller.org_id, transform_id=transform_id, spec=spec, headers=headers
        )
    return OneTransform(transform=_body(made))


@router.get("")
async def list_transforms(caller: Reader, parts: Parts, asked: PageAsked) -> TransformList:
    """The organisation's transformations, newest first."""
    async with parts.database.reading() as session:
        page = await transforms.page(session, org_id=caller.org_id, asked=asked)
    return TransformList(transforms=[_body(one) for one in page.rows], **paging(page))


@router.get("/{transform_id}")
async def show(transform_id: InPath, caller: Reader, parts: Parts) -> OneTransform:
    """One transformation."""
    async with parts.database.reading() as session:
        found = await transforms.find(session, org_id=caller.org_id, transform_id=transform_id)
    return OneTransform(transform=_body(found))


@router.put("/{transform_id}")
async def replace(transform_id: InPath, body: NewTransform, caller: Writer, parts: Parts) -> OneTransform:
    """Replaces a transformation; headers that are left out stay."""
    check_covers(caller, body.server)
    spec, headers = _spec(body), None
    if body.headers is not None:
        headers = _sealed(parts, body.headers, org_id=caller.org_id, transform_id=transform_id)
    async with parts.database.session() as session:
        known = await transforms.find(session, org_id=caller.org_id, transform_id=transform_id)
        check_covers(caller, known.spec.server)
        now = await transforms.replace(
            session, org_id=caller.org_id, transform_id=transform_id, spec=spec, headers=headers
        )
    return OneTransform(transform=_body(now))


@router.delete("/{transform_id}", status_code=204)
async def remove(transform_id: InPath, caller: Writer, parts: Parts) -> Response:
    """Removes a transformation."""
    async with parts.database.session() as session:
        known = await transforms.find(session, org_id=caller.org_id, transform_id=transform_id)
        check_covers(caller, known.spec.server)
        await transforms.remove(session, org_id=caller.org_id, transform_id=transform_id)
    return Response(status_code=204)


def _spec(body: NewTransform) -> TransformSpec:
    return TransformSpec(
        name=body.name,
        server=body.server,
        tool=body.tool,
        position=body.position,
        request=tuple(_step(f"request.{number}", step) for number, step in enumerate(body.request)),
        response=tuple(_step(f"response.{number}", step) for number, step in enumerate(body.response)),
    )


def _step(field: str, step: StepBody) -> StepRow:
    if ("value" in step.model_fields_set) != (step.op == "set"):
        msg = f"{field}.value: what set sets, and nothing else has one"
        raise InvalidInput(msg)
    if (step.to is not None) != (step.op == "rename"):
        msg = f"{field}.to: the new name of a rename, and nothing else has one"
        raise InvalidInput(msg)
    value = as_json(f"{field}.value", step.value) if step.op == "set" else b""
    row = StepRow(op=step.op, path=step.path, to=step.to or "", value=value)
    step_of(field, row)
    return row


def _sealed(parts: ControlParts, headers: dict[str, str], *, org_id: str, transform_id: str) -> Headers:
    check_headers(headers)
    for name in headers:
        if name.lower() in _REFUSED or name.lower().startswith("mcp-"):
            msg = f"headers.{name}: not by a transformation; credentials are set with the server"
            raise InvalidInput(msg)
    if not headers:
        return Headers()
    plain = msgspec.json.encode(headers)
    sealed = parts.sealer.seal(plain, bound_to=transform_binding(org_id, transform_id))
    return Headers(names=tuple(sorted(headers)), sealed=sealed)


def _body(one: Transformation) -> TransformBody:
    spec = one.spec
    return TransformBody(
        id=one.id,
        name=spec.name,
        server=spec.server,
        tool=spec.tool,
        position=spec.position,
        request=[_shown(step) for step in spec.request],
        response=[_shown(step) for step in spec.response],
        header_names=list(one.headers.names),
    )


def _shown(step: StepRow) -> ShownStep:
    value = msgspec.json.decode(step.value) if step.value else None
    return ShownStep(op=step.op, path=step.path, to=step.to or None, value=value)
