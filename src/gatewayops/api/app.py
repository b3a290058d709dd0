"""Builds the control API from its parts: routes, answers to errors, and the watch over revisions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from gatewayops import __version__
from gatewayops.api import (
    account_reports,
    alert_channels,
    alert_incidents,
    alert_rules,
    analytics,
    answers,
    branding,
    budgets,
    connection_pages,
    connections,
    cost_reports,
    costs,
    directory,
    end_user_export,
    end_user_identities,
    end_users,
    explain,
    exported,
    exports,
    factor_pages,
    factors,
    identity_issuers,
    identity_providers,
    internal,
    invitations,
    keys,
    limits,
    log_export,
    logs,
    masking,
    members,
    metrics,
    oauth_answers,
    oauth_authorize,
    oauth_clients,
    oauth_consent,
    oauth_device,
    oauth_elsewhere,
    oauth_links,
    oauth_logo,
    oauth_metadata,
    oauth_registration,
    oauth_sign_in,
    oauth_token,
    otlp,
    own_factor_pages,
    pins,
    policies,
    prices,
    prometheus,
    reference,
    retention,
    roles,
    runs,
    saml_pages,
    secrets,
    server_clients,
    server_health,
    servers,
    sign_in,
    sign_in_pages,
    sign_in_providers,
    sso_domains,
    sso_pages,
    tool_sightings,
    traces,
    transforms,
    user_factors,
    user_identities,
    validation,
)
from gatewayops.api.accounts import Accounts
from gatewayops.api.audit_trail import AuditTrail, OwnOrigin
from gatewayops.api.auth import KeyCheck
from gatewayops.api.body_limit import BodyLimit
from gatewayops.api.delivery import Delivery
from gatewayops.api.masking_now import MaskersNow
from gatewayops.api.oauth_state import OAuthState
from gatewayops.api.parts import ControlParts
from gatewayops.api.saml import SamlSignOn
from gatewayops.api.second_opinion import SecondOpinion
from gatewayops.api.sso import SingleSignOn
from gatewayops.protocol.otlp import PATHS
from gatewayops.store.control.snapshot_feed import RevisionWatch
from gatewayops.upstream.health import HealthBoard

__all__ = ["ControlParts", "create_app"]

_MAX_BODY_BYTES = 1 << 20
_DESCRIPTION = "Keys, roles, policies, MCP servers, prices, traces and costs of a GatewayOps installation."

_DOORS = (  # asked in this order: first what many people's clients ask
    oauth_metadata,
    oauth_clients,
    oauth_authorize,
    oauth_sign_in,
    oauth_elsewhere,
    oauth_consent,
    oauth_token,
    oauth_device,
    oauth_links,
    oauth_logo,
    oauth_registration,
    sign_in,
    factors,
    invitations,
    identity_providers,
    sso_domains,
    keys,
    servers,
    pins,
    prices,
    budgets,
    limits,
    masking,
    otlp,
    secrets,
    validation,
    transforms,
    roles,
    explain,
    policies,
    directory,
    members,
    user_factors,
    user_identities,
    end_user_export,
    end_users,
    end_user_identities,
    server_clients,
    sign_in_providers,
    branding,
    identity_issuers,
    connections,
    connection_pages,
    traces,
    runs,
    metrics,
    exported,
    retention,
    logs,
    log_export,
    exports,
    costs,
    cost_reports,
    analytics,
    alert_rules,
    alert_channels,
    alert_incidents,
    internal,
    prometheus,
    server_health,
    tool_sightings,
    account_reports,
    reference,
    sso_pages,
    saml_pages,
    sign_in_pages,
    factor_pages,
    own_factor_pages,
)


def create_app(parts: ControlParts) -> FastAPI:
    """The app; its lifespan runs the watch that feeds gateways. The store is migrated before."""
    app = FastAPI(
        title="GatewayOps API",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # the usual pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_watching,
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.key_check = KeyCheck(parts)
    app.state.audit_trail = trail = AuditTrail(parts.database)
    app.state.accounts = Accounts(parts, trail)
    app.state.sso = SingleSignOn(parts, trail)
    app.state.saml = SamlSignOn(parts, app.state.sso)
    app.state.watch = watch = RevisionWatch(parts.database)
    app.state.metrics = prometheus.ApiMetrics(watch)
    app.state.server_health = HealthBoard()
    app.state.oauth = OAuthState(parts)
    app.state.second_opinion = SecondOpinion()
    app.state.oauth.keys.on_made = watch.deliver
    app.state.maskers = MaskersNow(parts.database)
    larger = dict.fromkeys(PATHS, parts.otlp_body_bytes)
    app.add_middleware(BodyLimit, limit_bytes=_MAX_BODY_BYTES, larger=larger)
    app.add_middleware(OwnOrigin)
    app.add_middleware(Delivery, watch=watch)
    app.add_middleware(prometheus.CountedRequests, metrics=app.state.metrics)
    answers.install(app)
    oauth_answers.install(app)
    for module in _DOORS:
        app.router.routes += module.router.routes  # `include_router` would build each of them anew
    return app


@asynccontextmanager
async def _watching(app: FastAPI) -> AsyncIterator[None]:
    watch = asyncio.create_task(app.state.watch.run(), name="revision watch")
    trail = asyncio.create_task(app.state.audit_trail.run(), name="audit trail")
    try:
        yield
    finally:
        await app.state.accounts.mail.finish()
        for task in (watch, trail):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
