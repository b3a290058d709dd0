"""Settings of the control role's API."""

from typing import Annotated

import msgspec
from msgspec import Meta

_Listener = Annotated[
    str, Meta(pattern=r"^(|(\[[0-9A-Fa-f:]+\]|[^:\s]+):[0-9]{1,5})$")
]  # host:port; empty: off


class ControlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the control role listens (the gateway forwards to it) and what its API allows."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8081
    otlp_grpc: _Listener = "127.0.0.1:4317"  # OTLP/gRPC; exporters look for it at this port
    otlp_http: _Listener = "127.0.0.1:4318"  # OTLP/HTTP, beside the gateway's own address
    allow_private_upstreams: bool = False  # servers at private or loopback addresses, over the API
