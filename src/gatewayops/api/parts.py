"""What the control role's API works with, as `app` hands it over."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from gatewayops.api.settings import ControlSettings
from gatewayops.base.crypto import Sealer
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.policy.validation.settings import ValidationSettings
from gatewayops.record.audit.notary import Notary
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.upstream.settings import UpstreamSettings

if TYPE_CHECKING:
    from gatewayops.store.telemetry.client import (
        Telemetry,
    )  # brings in a driver that many commands don't need


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlParts:
    """`local_admin_token`, when not empty, is a bearer for the person at the machine (the CLI in-process)."""

    database: Database
    telemetry: "Telemetry"
    sealer: Sealer
    credentials: Credentials
    settings: ControlSettings
    upstream: UpstreamSettings
    internal_token: str
    local_admin_token: str = ""
    notary: Notary | None = None  # signs the audit log
    limits: LimitSettings = field(default_factory=LimitSettings)
    exports_folder: Path | None = None  # the queues of exports
    validation: ValidationSettings = field(default_factory=ValidationSettings)


def parts_of(request: Request) -> ControlParts:
    """The parts of the app that takes this request."""
    parts = request.app.state.parts
    assert isinstance(parts, ControlParts)
    return parts


Parts = Annotated[ControlParts, Depends(parts_of)]
