"""Settings of the gateway role."""

from typing import Annotated

import msgspec
from msgspec import Meta

_LOOPBACK = "127.0.0.1"
_ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - what a setting may say, not where we listen


class GatewaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The machines' door. Empty `allowed_hosts` means loopback names only."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8080
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    public_url: str = ""  # what clients use, such as https://mcp.example.com
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 4 << 20
    body_timeout_s: Annotated[float, Meta(gt=0)] = 10.0  # a client that sends slower is told so
    keepalive_s: Annotated[float, Meta(gt=0)] = 15.0  # comment lines on a silent stream
    drain_s: Annotated[float, Meta(ge=0)] = 10.0
    key_cache_s: Annotated[float, Meta(gt=0, le=3600)] = 300.0
    tool_labels: Annotated[int, Meta(ge=0)] = 200  # distinct server/tool pairs in /metrics
    metrics_token: str = ""  # empty: /metrics answers loopback only
    tells_identity: bool = False  # signed, to the servers behind: X-GatewayOps-Identity

    @property
    def clients_url(self) -> str:
        """Where clients find this gateway, no slash at the end; never what a request says of its host."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = _LOOPBACK if self.host in _ANY_HOST else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
