"""Settings of the checks of arguments, where no rule of the organisation says otherwise."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_DEPTH = 200  # the schema engine itself ends at 255

Mode = Literal["off", "report", "block"]


class ValidationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The defaults; rules by server and tool may be narrower or wider."""

    schema_mode: Mode = "block"  # what a tool's own inputSchema does
    max_bytes: Annotated[int, Meta(ge=2, le=64 << 20)] = 1 << 20  # of a call's arguments
    max_depth: Annotated[int, Meta(ge=1, le=MAX_DEPTH)] = 64
    max_items: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000  # members and elements, at all levels
