"""Pins: what the gateway asks about tools, on every call and on every list of tools. No I/O.

It goes by the snapshot alone: which definition of a tool counts, and whether the tool is held. What it
sees and the control role does not know yet, it gives back as `Seen`.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

import msgspec

from gatewayops.base.errors import Reason
from gatewayops.policy.decision import ALLOW, Decision, Deny
from gatewayops.policy.pins.definition import MAX_DEFINITION_BYTES
from gatewayops.policy.pins.tool_list import Listed, Passed, sift
from gatewayops.store.snapshot import Snapshot, ToolRow

_KEPT_LISTS = 1024
_KEPT_BYTES = 32 << 20


class Seen(msgspec.Struct, frozen=True):
    """A tool that control must learn of; without a tool, that the server's tools are not known at all."""

    org_id: str
    server: str
    tool: str = ""
    definition: bytes = b""
    hash: str = ""


class ToolTraits(msgspec.Struct, frozen=True):
    """What the definition that counts says of calls: only `true` says yes (MCP, ToolAnnotations)."""

    is_read_only: bool = False
    is_idempotent: bool = False


class _Annotations(msgspec.Struct):
    readOnlyHint: object = False  # noqa: N815 - MCP's name
    idempotentHint: object = False  # noqa: N815 - MCP's name


class _Definition(msgspec.Struct):
    annotations: _Annotations | None = None


@dataclass(frozen=True, slots=True)
class _Tool:
    row: ToolRow
    decision: Decision
    traits: ToolTraits


@dataclass(frozen=True, slots=True)
class _Catalogue:
    pinning: str
    tools: dict[str, _Tool] = field(default_factory=dict)


_NO_TRAITS = ToolTraits()
_read_definition = msgspec.json.Decoder(_Definition).decode


class Pins:
    """One a gateway worker; knows nothing, and holds nothing back, before `replace`."""

    def __init__(self) -> None:
        """Empty."""
        self._catalogues: dict[tuple[str, str], _Catalogue] = {}
        self._rows: tuple[object, object] = ((), ())
        self._lists: OrderedDict[tuple[str, str, bytes], bytes | None] = OrderedDict()
        self._kept_bytes = 0

    def replace(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot's tools; lists are looked at anew when any tool changed."""
        rows = (snapshot.tools, snapshot.catalogues)
        if rows == self._rows:
            return
        catalogues = {(row.org_id, row.server): _Catalogue(row.pinning) for row in snapshot.catalogues}
        for tool in snapshot.tools:
            catalogue = catalogues.get((tool.org_id, tool.server))
            if catalogue is not None:
                catalogue.tools[tool.name] = _tool(tool)
        self._catalogues = catalogues
        self._rows = rows
        self._lists.clear()
        self._kept_bytes = 0

    def decide(self, org_id: str, server: str, tool: str) -> Decision:
        """Deny(TOOL_HELD) for a held tool. One that the server never listed is the server's to refuse."""
        catalogue = self._catalogues.get((org_id, server))
        known = catalogue.tools.get(tool) if catalogue is not None else None
        return known.decision if known is not None else ALLOW

    def annotations(self, org_id: str, server: str, tool: str) -> ToolTraits:
        """What the tool's definition promises; nothing for an unknown or held tool."""
        catalogue = self._catalogues.get((org_id, server))
        known = catalogue.tools.get(tool) if catalogue is not None else None
        return known.traits if known is not None else _NO_TRAITS

    def check_list(self, org_id: str, server: str, payload: bytes) -> tuple[bytes, list[Seen]]:
        """The result of tools/list as it may pass, and what control must learn. Reads each list once.

        The payload comes back as the same object when nothing is taken out. A page of a list is as good
        as a whole: nothing is concluded from what is absent.
        """
        catalogue = self._catalogues.get((org_id, server))
        if catalogue is None:
            return payload, [Seen(org_id, server)]
        key = (org_id, server, hashlib.sha256(payload).digest())
        if key in self._lists:
            self._lists.move_to_end(key)
            kept = self._lists[key]
            return (payload if kept is None else kept), []
        passed = sift(
            payload,
            lambda tool: _may_pass(catalogue, tool),
            fails_closed=catalogue.pinning == "block",
        )
        self._keep(key, passed, payload)
        return passed.payload, [
            Seen(org_id, server, tool.name, tool.definition, tool.hash)
            for tool in passed.tools
            if _is_news(catalogue, tool)
        ]

    def _keep(self, key: tuple[str, str, bytes], passed: Passed, payload: bytes) -> None:
        kept = None if passed.payload is payload else passed.payload
        self._lists[key] = kept
        self._kept_bytes += len(kept or b"")
        while len(self._lists) > _KEPT_LISTS or self._kept_bytes > _KEPT_BYTES:
            _, old = self._lists.popitem(last=False)
            self._kept_bytes -= len(old or b"")


def _may_pass(catalogue: _Catalogue, tool: Listed) -> bool:
    known = catalogue.tools.get(tool.name)
    if known is not None and known.decision is not ALLOW:
        return False
    return catalogue.pinning != "block" or (known is not None and known.row.hash == tool.hash)


def _is_news(catalogue: _Catalogue, tool: Listed) -> bool:
    """Whether control may not know it: another definition than the one that counts, or it is held."""
    if not tool.name or len(tool.definition) > MAX_DEFINITION_BYTES:
        return False
    known = catalogue.tools.get(tool.name)
    return known is None or known.decision is not ALLOW or known.row.hash != tool.hash


def _tool(row: ToolRow) -> _Tool:
    if row.state == "approved":
        return _Tool(row, ALLOW, _traits(row.definition))
    what = "changed since it was approved" if row.hash else "was never approved"
    detail = (
        f"the tool {row.name} of {row.server} {what}; an administrator must approve it:"
        f" gatewayops tool diff {row.server} {row.name}"
    )
    return _Tool(row, Deny(Reason.TOOL_HELD, detail), _NO_TRAITS)


def _traits(definition: bytes) -> ToolTraits:
    try:
        said = _read_definition(definition).annotations
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NO_TRAITS
    if said is None:
        return _NO_TRAITS
    return ToolTraits(is_read_only=said.readOnlyHint is True, is_idempotent=said.idempotentHint is True)
