"""Settings of the record: how it is spooled, batched and stored."""

from typing import Annotated

import msgspec
from msgspec import Meta


class RecordSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How calls are recorded."""

    body_limit_bytes: Annotated[int, Meta(ge=0, le=1 << 20)] = 64 << 10
    segment_bytes: Annotated[int, Meta(ge=1 << 16)] = 64 << 20
    batch_rows: Annotated[int, Meta(ge=1, le=100_000)] = 40_000
    export_bytes: Annotated[int, Meta(ge=1 << 20)] = 8 << 30  # what may wait for one export destination
    flush_s: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    otlp_body_bytes: Annotated[int, Meta(ge=1 << 10, le=1 << 30)] = 64 << 20  # also once unpacked
    otlp_backlog_bytes: Annotated[int, Meta(ge=1 << 20)] = 1 << 30  # in the spool; more is to come back later
