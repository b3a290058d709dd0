"""Opens what the control role works with, from the settings: for the role, and for the CLI with --data.

`administrator` talks to the API inside this process as the administrator of the data directory, so that
the CLI and the demo need no second implementation of what the API does.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from gatewayops.api.app import create_app
from gatewayops.api.parts import ControlParts
from gatewayops.app.address import address_of
from gatewayops.app.audit_anchor import open_anchors
from gatewayops.app.layout import DataDirectory
from gatewayops.app.local_door import with_local_administrator
from gatewayops.app.stores import open_database
from gatewayops.protocol.forwarded import TrustedProxies
from gatewayops.record.audit.notary import Notary
from gatewayops.record.audit.signing import Signer
from gatewayops.settings import Settings
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.secrets.opening import open_keyring
from gatewayops.store.telemetry.client import Telemetry

_IN_PROCESS = "http://control.internal"


@asynccontextmanager
async def open_parts(settings: Settings, telemetry: Telemetry) -> AsyncIterator[ControlParts]:
    """The control store at its newest schema, with its default organisation, and the keys."""
    data = DataDirectory(settings.data).prepare()
    keyring = open_keyring(settings.secrets, data.secrets)
    async with open_database(settings) as database:
        yield ControlParts(
            database=database,
            telemetry=telemetry,
            sealer=data.sealer(),
            credentials=Credentials(database, keyring),
            settings=settings.control,
            upstream=settings.upstream,
            internal_token=data.internal_token(),
            public_url=settings.public_url,
            oauth_domain=settings.oauth.domain,
            otlp_body_bytes=settings.record.otlp_body_bytes,
            metrics_token=settings.gateway.metrics_token,
            limits=settings.limits,
            notary=Notary(
                database,
                Signer(data.audit_seed()),
                settings.audit,
                anchors=open_anchors(settings.audit),
            ),
            exports_folder=data.exports,
            validation=settings.validation,
            analytics=settings.analytics,
            alerts=settings.alerts,
            address=address_of(settings),
            outbox=data.outbox,
            trusted_proxies=TrustedProxies(settings.trusted_proxies),
        )


@asynccontextmanager
async def administrator(parts: ControlParts) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API in this process, with a token that exists nowhere else."""
    known = with_local_administrator(parts)
    app = create_app(known)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # answered and logged, as by a server
    headers = {"Authorization": f"Bearer {known.local_admin_token}"}
    async with httpx.AsyncClient(
        transport=transport, base_url=_IN_PROCESS, headers=headers, timeout=120.0
    ) as client:
        yield client
