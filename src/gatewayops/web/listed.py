"""A page of a list of what happened: asked for by its filters, its window of time and its cursor."""

from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit
from gatewayops.web.window import Window

_ROWS, _CSV_ROWS = 30, 200


async def page_of(visit: Visit, path: str, window: Window, filters: Json) -> Json:
    """What the API lists at `path`; more of it as CSV. Raises Refused."""
    rows = _CSV_ROWS if visit.asked("format") == "csv" else _ROWS
    return await visit.rest.get(path, **filters, **window.query, limit=rows, cursor=visit.asked("cursor"))


def asked(visit: Visit, names: tuple[str, ...]) -> Json:
    """The filters of these names, as the page's address has them."""
    return {name: visit.asked(name).strip() for name in names}
