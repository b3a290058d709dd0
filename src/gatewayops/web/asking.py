"""Several questions to the API at once, of which some may be refused without spoiling the page."""

import asyncio
from collections.abc import Awaitable

from gatewayops.web.rest import Json, Refused

_UNAUTHENTICATED = 401


async def together(*questions: Awaitable[Json]) -> list[Json]:
    """The answers in order. Raises the first Refused."""
    return list(await asyncio.gather(*questions))


async def if_allowed(question: Awaitable[Json]) -> Json | None:
    """The answer, or None where this person may not ask, or the store behind it is away."""
    try:
        return await question
    except Refused as refused:
        if refused.status == _UNAUTHENTICATED:
            raise
        return None
