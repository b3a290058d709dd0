"""What may become of a pinned tool: seen, missed, approved. Changes rows, asks no database."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from gatewayops.base import clock
from gatewayops.base.ids import new_id
from gatewayops.store.control.pin_tables import ToolPin

Mode = Literal["block", "warn", "allow"]

BY_FIRST_SIGHT = "first sighting"
BY_MODE = "pinning: allow"


class SeenTool(msgspec.Struct, frozen=True):
    """A tool as a server showed it. `is_trusted`: whether it may be approved on first sight."""

    name: str
    definition: bytes
    hash: str
    is_trusted: bool = True


class Effective(msgspec.Struct, frozen=True):
    """What gateways go by: the definition that counts, and whether the tool is held."""

    definition: bytes
    hash: str
    is_held: bool


def effective(pin: ToolPin, mode: Mode) -> Effective:
    """The approved definition, or under `warn` and `allow` the current one, unless it was rejected."""
    approved = pin.approved_definition or b"", pin.approved_hash or ""
    if pin.current_hash == pin.rejected_hash:
        return Effective(*approved, is_held=True)
    if pin.current_hash == pin.approved_hash:
        return Effective(*approved, is_held=False)
    if mode == "block":
        return Effective(*approved, is_held=True)
    return Effective(pin.other_definition or b"", pin.other_hash or "", is_held=False)


def new(org_id: str, server_id: str, tool: SeenTool) -> ToolPin:
    """A tool that nobody approved yet."""
    now = clock.now()
    return ToolPin(
        id=new_id("tool"),
        org_id=org_id,
        server_id=server_id,
        name=tool.name,
        other_definition=tool.definition,
        other_hash=tool.hash,
        current_hash=tool.hash,
        is_listed=True,
        changed_at=now,
        last_seen_at=now,
        created_at=now,
    )


def see(pin: ToolPin, tool: SeenTool, mode: Mode) -> None:
    """The server shows this now; an approved definition that is back is approved still."""
    if not pin.is_listed:
        pin.is_listed = True
    if pin.current_hash != tool.hash:
        pin.current_hash = tool.hash
        pin.changed_at = clock.now()
    if tool.hash not in (pin.approved_hash, pin.other_hash):
        pin.other_definition, pin.other_hash = tool.definition, tool.hash
    if mode == "allow":
        accept(pin)


def miss(pins: dict[str, ToolPin], seen: Sequence[SeenTool]) -> None:
    """What a whole list lacks is not offered any more; its approval stays."""
    there = {tool.name for tool in seen}
    for name, pin in pins.items():
        if name not in there and pin.is_listed:
            pin.is_listed = False


def accept(pin: ToolPin) -> None:
    """Approves what is shown because the mode says so; never what a person rejected."""
    if pin.current_hash not in (pin.approved_hash, pin.rejected_hash):
        approve(pin, by=BY_MODE)


def approve(pin: ToolPin, *, by: str) -> None:
    """What is shown now is approved."""
    if pin.current_hash != pin.approved_hash:
        pin.approved_definition, pin.approved_hash = pin.other_definition, pin.other_hash
    pin.other_definition = pin.other_hash = pin.rejected_hash = None
    pin.decided_by, pin.decided_at = by, clock.now()


def reject(pin: ToolPin, *, by: str) -> None:
    """What is shown now is held in every mode; if it was approved, it is no longer."""
    if pin.current_hash == pin.approved_hash:
        pin.other_definition, pin.other_hash = pin.approved_definition, pin.approved_hash
        pin.approved_definition = pin.approved_hash = None
    pin.rejected_hash = pin.current_hash
    pin.decided_by, pin.decided_at = by, clock.now()
