"""The roles: each function builds one from the settings and runs it until it is told to stop.

Imports happen inside, role by role: the gateway process must not carry what only control needs, and the
CLI must start at once.
"""

import os

from gatewayops.app.layout import DataDirectory
from gatewayops.app.logs import log_to_stderr
from gatewayops.app.quick_start import loading
from gatewayops.app.run_lock import AlreadyHeld, RunLock
from gatewayops.base.errors import Conflict, InvalidInput
from gatewayops.protocol.forwarded import TrustedProxies
from gatewayops.settings import Settings

_STORE_WAIT_S = 30.0


class StoreTaken(Conflict):
    """Another store role serves this data directory."""


class CannotListen(Conflict):
    """The address is taken, or not this machine's."""


def run_gateway(settings: Settings, *, worker: int = 0) -> None:
    """The data plane: one process, or `gateway.workers` of them, of which this is number `worker`, if any."""
    log_to_stderr()
    if settings.gateway.workers > 1 and not worker:
        from gatewayops.app import workers

        workers.run(settings)
        return
    with loading():
        from gatewayops.gateway import role
        from gatewayops.policy.governance import GovernanceSettings

    data = DataDirectory(settings.data).prepare()
    parts = role.GatewayParts(
        settings=settings.gateway,
        upstream=settings.upstream,
        record=settings.record,
        governance=GovernanceSettings(
            settings.limits, settings.budgets, settings.validation, settings.redis_url
        ),
        data=data.root,
        control_url=f"http://{settings.control.host}:{settings.control.port}",
        internal_token=data.internal_token(),
        secrets=settings.secrets,
        worker=worker or 1,
        oauth_domain=settings.oauth.domain,
        proxies=TrustedProxies(settings.trusted_proxies),
    )
    try:
        role.run(parts)
    except OSError as error:
        msg = f"cannot listen on {settings.gateway.host}:{settings.gateway.port}: {error.strerror}"
        raise CannotListen(msg) from error


def run_control(
    settings: Settings, *, store_address: str, demo_url: str = "", has_first_link: bool = False
) -> None:
    """API, recorder and jobs. `store_address` is where the embedded store listens, if it is the one used.

    `has_first_link`: while nobody can sign in, the data directory keeps a link for the first administrator.
    """
    log_to_stderr()
    with loading():
        from gatewayops.app import control_role

    control_role.run(settings, store_address=store_address, demo_url=demo_url, has_first_link=has_first_link)


def run_store(settings: Settings, *, port: int, is_temporary: bool = False) -> None:
    """The embedded telemetry store; it ends the process itself. Raises StoreTaken after 30 s of waiting.

    A temporary one serves a single CLI command and does not tell others where it is.
    """
    log_to_stderr()
    if settings.telemetry.url:
        msg = "telemetry.url names a store elsewhere: no store role is needed"
        raise InvalidInput(msg)
    data = DataDirectory(settings.data).prepare()
    lock = RunLock(data.run, "store")
    try:
        lock.take(wait_s=_STORE_WAIT_S)
    except AlreadyHeld as held:
        msg = f"another store role serves {data.root}: {held.detail}"
        raise StoreTaken(msg) from held
    lock.forget()
    if not is_temporary:
        lock.tell({"pid": os.getpid(), "address": f"127.0.0.1:{port}"})
    with loading():
        from gatewayops.store.embedded import role

    role.run(
        data.root / "telemetry",
        host="127.0.0.1",
        port=port,
        settings=settings.telemetry,
        password=data.store_password(),
        metrics_token=settings.gateway.metrics_token,
    )
