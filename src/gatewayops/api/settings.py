"""Settings of the control role's API."""

from typing import Annotated

import msgspec
from msgspec import Meta


class ControlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the control role listens (the gateway forwards to it) and what its API allows."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8081
    allow_private_upstreams: bool = False  # servers at private or loopback addresses, over the API
