"""Settings of the audit log: what gets into it, how often it is signed, where to, how long it is kept."""

from typing import Annotated

import msgspec
from msgspec import Meta


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Anchors are addresses outside of this installation; empty means none of that kind."""

    allow_sample: Annotated[float, Meta(ge=0, le=1)] = 0.0  # share of the calls that went through
    retention_days: Annotated[int, Meta(ge=365, le=2557)] = 365
    checkpoint_entries: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    checkpoint_s: Annotated[float, Meta(ge=1, le=86_400)] = 60.0
    anchor_file: str = ""
    anchor_s3_bucket: str = ""
    anchor_s3_prefix: str = "gatewayops-audit"
    anchor_s3_endpoint: str = ""  # of a store that speaks S3; empty: Amazon's
    anchor_webhook: str = ""
