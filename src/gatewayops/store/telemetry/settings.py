"""Settings of the telemetry store."""

from typing import Annotated

import msgspec
from msgspec import Meta


class TelemetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where spans are kept; an empty url means the embedded store of the data directory."""

    url: str = ""  # http://clickhouse:8123
    user: str = "gatewayops"
    password: str = ""
    database: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]*$")] = "gatewayops"
    retention_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    memory_bytes: Annotated[int, Meta(ge=256 << 20)] = 1 << 30  # cap of the embedded store
