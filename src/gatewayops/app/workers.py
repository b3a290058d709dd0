"""A gateway of several workers: N processes on one port (SO_REUSEPORT), each restarted when it dies.

They count together only through Redis or Valkey, so the start refuses without one, or when it does not
answer.
"""

import asyncio
import signal
import sys

from gatewayops.app.child import Child
from gatewayops.base.errors import InvalidInput
from gatewayops.settings import Settings, child_environment

_ANSWER_S = 3.0


class RedisNeeded(InvalidInput):
    """Several workers without a Redis that answers."""


def run(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT. Raises RedisNeeded."""
    asyncio.run(_run(settings))


async def check_redis(url: str) -> None:
    """Raises RedisNeeded unless a Redis or Valkey answers PING at `url`."""
    if not url:
        msg = (
            "several gateway workers share their counters through Redis or Valkey: "
            "give --redis redis://host:6379/0 (or GATEWAYOPS_REDIS_URL), or run one worker"
        )
        raise RedisNeeded(msg)
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    try:
        client = Redis.from_url(url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S)
    except ValueError as error:
        msg = "redis_url: begins with redis://, rediss:// or unix://"
        raise RedisNeeded(msg) from error
    try:
        await asyncio.wait_for(client.ping(), _ANSWER_S)
    except (RedisError, OSError, TimeoutError) as error:
        msg = f"no Redis or Valkey answers at redis_url ({_shown(url)}): several gateway workers need it"
        raise RedisNeeded(msg) from error
    finally:
        await client.aclose()


async def _run(settings: Settings) -> None:
    await check_redis(settings.redis_url)
    control = settings.control
    environment = child_environment(settings, control_address=f"{control.host}:{control.port}")
    command = [sys.executable, "-m", "gatewayops", "gateway", "--lifeline", "--worker"]
    children = [
        Child(
            f"gateway worker {number}",
            [*command, str(number)],
            environment,
            stop_s=settings.gateway.drain_s + 2.0,
        )
        for number in range(1, settings.gateway.workers + 1)
    ]
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    running = [asyncio.create_task(child.run()) for child in children]
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait([*running, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    await asyncio.gather(*(child.stop() for child in children))
    await asyncio.gather(*running)


def _shown(url: str) -> str:
    """Without the password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
