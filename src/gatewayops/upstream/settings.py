"""Settings of the connections to MCP servers."""

from typing import Annotated

import msgspec
from msgspec import Meta

CONTROL_IDLE_S = 60.0  # the same of a gateway's connections to the control role, which keeps them for longer


class UpstreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds that hold for every server; each server adds its own timeout and concurrency."""

    idle_s: Annotated[float, Meta(gt=0)] = 300.0  # an unused connection is closed after this
    max_idle: Annotated[int, Meta(ge=1)] = 100  # unused connections kept a server
    max_answer_bytes: Annotated[int, Meta(ge=1 << 16)] = 64 << 20  # one JSON answer; streams have no bound
    stream_idle_s: Annotated[float, Meta(gt=0)] = 300.0  # a stream that says nothing for so long is cut
