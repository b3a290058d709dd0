"""Questions to the API that may be refused without spoiling the page."""

from collections.abc import Awaitable

from gatewayops.web.rest import Json, Refused, Rest

_UNAUTHENTICATED = 401
_MOST = 200  # a page of the API holds no more


async def if_allowed(question: Awaitable[Json]) -> Json | None:
    """The answer, or None where this person may not ask, or the store behind it is away."""
    try:
        return await question
    except Refused as refused:
        if refused.status == _UNAUTHENTICATED:
            raise
        return None


async def choices_of(rest: Rest, path: str, name: str) -> list[Json]:
    """What to choose from: the newest 200 that `path` lists as `name`; nothing where they may not be read."""
    found = await if_allowed(rest.get(path, limit=_MOST))
    return list(found[name]) if found else []
