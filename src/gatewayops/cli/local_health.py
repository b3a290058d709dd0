"""How the servers are, for a command on a data directory: asked of the control role that runs there.

Gateways tell it alone, and it keeps what they tell in memory, so that a command must ask; when nobody
answers, nothing is known.
"""

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from gatewayops.app.layout import DataDirectory
from gatewayops.app.run_lock import RunLock
from gatewayops.settings import Settings

if TYPE_CHECKING:
    from gatewayops.upstream.health import HealthReport

_ANSWER_S = 2.0


async def running_healths(settings: Settings) -> "tuple[HealthReport, ...]":
    """What gateways told the running control role; empty when there is none, or it does not answer."""
    import httpx

    from gatewayops.upstream.health import HealthReport

    data = DataDirectory(settings.data)
    address = _control(data) or f"http://{settings.control.host}:{settings.control.port}"
    headers = {"x-gatewayops-internal": data.internal_token()}
    with suppress(httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError):
        async with httpx.AsyncClient(timeout=_ANSWER_S, trust_env=False) as client:
            answer = await client.get(f"{address}/internal/servers/health", headers=headers)
        if answer.is_success:
            return msgspec.json.decode(answer.content, type=tuple[HealthReport, ...])
    return ()


def _control(data: DataDirectory) -> str:
    """The address that `up` told, while the process it told of lives; asked without touching its lock."""
    lock = RunLock(data.run, "up")
    told = lock.told()
    lock.close()
    pids = told.get("pids")
    pid = pids.get("control") if isinstance(pids, dict) else None
    if not isinstance(pid, int):
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return str(told.get("control_url") or "")
