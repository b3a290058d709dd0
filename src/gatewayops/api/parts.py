"""What the control role's API works with, as `app` hands it over."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from gatewayops.alerts.settings import AlertSettings
from gatewayops.api.settings import ControlSettings
from gatewayops.base.crypto import Sealer
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.policy.validation.settings import ValidationSettings
from gatewayops.protocol.forwarded import TrustedProxies
from gatewayops.query.settings import AnalyticsSettings
from gatewayops.record.audit.notary import Notary
from gatewayops.record.settings import RecordSettings
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.oauth_addresses import Site
from gatewayops.upstream.settings import UpstreamSettings

if TYPE_CHECKING:
    from gatewayops.record.intake import Intake
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
    public_url: str = "http://127.0.0.1:8080"  # what clients and browsers use; never taken from a request
    oauth_domain: str = ""  # servers have hosts of their own below it
    local_admin_token: str = ""
    metrics_token: str = ""  # empty: /metrics answers loopback only
    notary: Notary | None = None  # signs the audit log
    intake: "Intake | None" = None  # takes OTLP; in the running control role only
    otlp_body_bytes: int = RecordSettings().otlp_body_bytes
    limits: LimitSettings = field(default_factory=LimitSettings)
    exports_folder: Path | None = None  # the queues of exports
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    analytics: AnalyticsSettings = field(default_factory=AnalyticsSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    address: str = "http://127.0.0.1:8080"  # where browsers reach us: what links begin with
    trusted_proxies: TrustedProxies = field(default_factory=TrustedProxies)
    outbox: Path | None = None  # takes mail as files while the settings name no mail server

    @property
    def site(self) -> Site:
        """Where protected servers are found."""
        return Site(self.public_url, self.oauth_domain)


def parts_of(request: Request) -> ControlParts:
    """The parts of the app that takes this request."""
    parts = request.app.state.parts
    assert isinstance(parts, ControlParts)
    return parts


async def _parts(request: Request) -> ControlParts:
    """Not a plain function: those are called in a thread, at each request."""
    return parts_of(request)


Parts = Annotated[ControlParts, Depends(_parts)]
