"""`/v1/servers/{server}/tools`: the catalogue of tools; what changed in them, and its approval."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Request
from pydantic import Field

from gatewayops.api import answers
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, InPath, LateShape, Listed, PageAsked, paging
from gatewayops.api.tool_survey import survey
from gatewayops.base.errors import Forbidden, Reason
from gatewayops.identity.principal import Principal, grants
from gatewayops.policy.pins.diff import Flag, difference, flags, is_renamed, readable
from gatewayops.store.control import pinning, pins, servers
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked
from gatewayops.store.control.pin_state import Mode
from gatewayops.store.control.pinning import Pinning
from gatewayops.store.control.pins import Pin, State

router = LateRouter(prefix="/v1", tags=["Tools"])

Reader = Annotated[Principal, Depends(principal_for("pins.read"))]
Writer = Annotated[Principal, Depends(principal_for("pins.write"))]
ToolInPath = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]


class Decided(Body):
    """The hash that was looked at: only that definition is meant."""

    hash: Annotated[str, Field(pattern="^(raw-)?sha256:[0-9a-f]{64}$")]


class NewPinning(Body):
    """`block`, `warn` or `allow`; null returns to what holds above (organisation, then `block`)."""

    pinning: Mode | None


class PinningBody(LateShape):
    """What happens to tools that changed or are new, and where that was said."""

    pinning: Mode
    source: Literal["server", "organisation", "default"]


class ChangeBody(LateShape):
    """One difference; `pointer` is a JSON pointer into the definition, empty for the whole."""

    pointer: str
    kind: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


class FlagBody(LateShape):
    """Something in the offered definition that no screen shows; `text` is what it spells to a model."""

    pointer: str
    kind: str
    characters: list[str]
    text: str


class DiffBody(LateShape):
    """From the approved definition (none: the tool is new) to the one that the server offers."""

    hash: str
    approved_hash: str | None
    renamed_from: str | None
    changes: list[ChangeBody]
    warnings: list[FlagBody]
    is_cut: bool


class ToolBody(LateShape):
    """A tool as the server offers it now. `blocked`: neither listed nor called through the gateway."""

    name: str
    state: State
    blocked: bool
    listed: bool
    hash: str
    approved_hash: str | None
    warnings: list[FlagBody]
    first_seen_at: datetime
    last_seen_at: datetime
    changed_at: datetime
    decided_by: str | None
    decided_at: datetime | None


class ShownTool(ToolBody):
    """With the definition that is offered, and its difference from the approved one, if there is any.

    `approved_definition` is what the difference begins from: null where nothing was approved.
    """

    definition: Any
    approved_definition: Any
    diff: DiffBody | None


class OneTool(LateShape):
    """The answer about one tool."""

    tool: ShownTool


class OneDiff(LateShape):
    """The answer about one difference; null when the approved definition is offered."""

    diff: DiffBody | None


class ToolList(Listed):
    """A page of tools; `listed_at` null: the server was not asked yet, or never answered."""

    pinning: PinningBody
    listed_at: datetime | None
    asked_at: datetime | None
    failure: str
    tools: list[ToolBody]


@router.get("/pinning")
async def show_common(caller: Reader, parts: Parts) -> PinningBody:
    """What holds for servers of the organisation that have no mode of their own."""
    async with parts.database.reading() as session:
        return _pinning(await pinning.find(session, org_id=caller.org_id))


@router.put("/pinning")
async def put_common(body: NewPinning, caller: Writer, parts: Parts) -> PinningBody:
    """Sets what holds for servers of the organisation that have no mode of their own."""
    async with parts.database.session() as session:
        return _pinning(await pinning.put(session, org_id=caller.org_id, mode=body.pinning))


@router.put("/servers/{server}/pinning")
async def put_pinning(server: InPath, body: NewPinning, caller: Writer, parts: Parts) -> PinningBody:
    """Sets what happens to changed and new tools of this server."""
    async with parts.database.session() as session:
        server_id = await _server(session, caller, server)
        now = await pinning.put(session, org_id=caller.org_id, server_id=server_id, mode=body.pinning)
    return _pinning(now)


@router.get("/servers/{server}/tools")
async def list_tools(server: InPath, caller: Reader, parts: Parts, asked: PageAsked) -> ToolList:
    """The tools that the server has shown, newest first."""
    async with parts.database.reading() as session:
        server_id = await _server(session, caller, server)
        known = await pins.catalogue(session, org_id=caller.org_id, server_id=server_id)
        page = await pins.page(session, org_id=caller.org_id, server_id=server_id, asked=asked)
    return ToolList(
        pinning=_pinning(known.pinning),
        listed_at=known.listed_at,
        asked_at=known.asked_at,
        failure=known.failure,
        tools=[ToolBody(**_fields(pin)) for pin in page.rows],
        **paging(page),
    )


@router.post("/servers/{server}/tools/refresh", responses=answers.OF_A_SERVER)
async def refresh(request: Request, server: InPath, caller: Writer, parts: Parts) -> ToolList:
    """Asks the server for its tools now; the first 50 tools come back."""
    async with parts.database.reading() as session:
        server_id = await _server(session, caller, server)
    await survey(parts, org_id=caller.org_id, server_id=server_id)
    await request.app.state.watch.deliver()  # also what a gateway saw and told a moment before
    return await list_tools(server_id, caller, parts, Asked())


@router.get("/servers/{server}/tools/{tool:path}/diff")
async def diff(server: InPath, tool: ToolInPath, caller: Reader, parts: Parts) -> OneDiff:
    """What differs between the approved definition and the one that is offered."""
    async with parts.database.reading() as session:
        pin, gone = await _find(session, caller, server, tool)
    return OneDiff(diff=_diff(pin, *_before(pin, gone)))


@router.get("/servers/{server}/tools/{tool:path}")
async def show(server: InPath, tool: ToolInPath, caller: Reader, parts: Parts) -> OneTool:
    """One tool, with its definition."""
    async with parts.database.reading() as session:
        pin, gone = await _find(session, caller, server, tool)
    return OneTool(tool=_shown(pin, gone))


@router.post("/servers/{server}/tools/{tool:path}/approve")
async def approve(server: InPath, tool: ToolInPath, body: Decided, caller: Writer, parts: Parts) -> OneTool:
    """Approves the definition of that hash; 409 when the server offers another one by now."""
    async with parts.database.session() as session:
        server_id = await _server(session, caller, server)
        pin = await pins.approve(
            session, org_id=caller.org_id, server_id=server_id, name=tool, decision=_decision(body, caller)
        )
    return OneTool(tool=_shown(pin, []))


@router.post("/servers/{server}/tools/{tool:path}/reject")
async def reject(server: InPath, tool: ToolInPath, body: Decided, caller: Writer, parts: Parts) -> OneTool:
    """Holds the definition of that hash in every mode, also an approved one."""
    async with parts.database.session() as session:
        server_id = await _server(session, caller, server)
        pin = await pins.reject(
            session, org_id=caller.org_id, server_id=server_id, name=tool, decision=_decision(body, caller)
        )
    return OneTool(tool=_shown(pin, []))


def _decision(body: Decided, caller: Principal) -> pins.Decision:
    return pins.Decision(hash=body.hash, by=caller.user_id or caller.key_id)


async def _server(session: Session, caller: Principal, ref: str) -> str:
    server = await servers.find(session, org_id=caller.org_id, ref=ref)
    if not grants(caller.servers, server.spec.name):
        msg = f"your key does not cover the server {server.spec.name}"
        raise Forbidden(msg, Reason.SERVER_NOT_GRANTED)
    return server.id


async def _find(session: Session, caller: Principal, ref: str, tool: str) -> tuple[Pin, list[Pin]]:
    server_id = await _server(session, caller, ref)
    pin = await pins.find(session, org_id=caller.org_id, server_id=server_id, name=tool)
    is_new = pin.approved is None
    gone = await pins.gone(session, org_id=caller.org_id, server_id=server_id) if is_new else []
    return pin, gone


def _pinning(found: Pinning) -> PinningBody:
    return PinningBody(pinning=found.mode, source=found.source)


def _fields(pin: Pin) -> dict[str, Any]:
    return {
        "name": pin.name,
        "state": pin.state,
        "blocked": pin.is_blocked,
        "listed": pin.is_listed,
        "hash": pin.hash,
        "approved_hash": pin.approved_hash,
        "warnings": _warnings(flags(pin.current)),
        "first_seen_at": pin.first_seen_at,
        "last_seen_at": pin.last_seen_at,
        "changed_at": pin.changed_at,
        "decided_by": pin.decided_by,
        "decided_at": pin.decided_at,
    }


def _shown(pin: Pin, gone: list[Pin]) -> ShownTool:
    before, renamed_from = _before(pin, gone)
    return ShownTool(
        **_fields(pin),
        definition=json.loads(readable(pin.current)),
        approved_definition=json.loads(readable(before)) if before is not None else None,
        diff=_diff(pin, before, renamed_from),
    )


def _before(pin: Pin, gone: list[Pin]) -> tuple[bytes | None, str | None]:
    """What was approved of the tool, or of the one that had another name until now; and that name."""
    for old in reversed(gone):
        if old.approved is not None and is_renamed(old.approved, pin.current):
            return old.approved, old.name
    return pin.approved, None


def _diff(pin: Pin, before: bytes | None, renamed_from: str | None) -> DiffBody | None:
    if pin.hash == pin.approved_hash:
        return None
    found = difference(before, pin.current)
    return DiffBody(
        hash=pin.hash,
        approved_hash=pin.approved_hash,
        renamed_from=renamed_from,
        changes=[_change(change.pointer, change.before, change.after) for change in found.changes],
        warnings=_warnings(found.flags),
        is_cut=found.is_cut,
    )


def _change(pointer: str, before: bytes, after: bytes) -> ChangeBody:
    kind: Literal["added", "removed", "changed"] = "changed"
    if not before or not after:
        kind = "added" if after else "removed"
    return ChangeBody(
        pointer=pointer,
        kind=kind,
        before=json.loads(before) if before else None,
        after=json.loads(after) if after else None,
    )


def _warnings(found: tuple[Flag, ...]) -> list[FlagBody]:
    return [
        FlagBody(pointer=flag.pointer, kind=flag.kind, characters=list(flag.characters), text=flag.text)
        for flag in found
    ]
