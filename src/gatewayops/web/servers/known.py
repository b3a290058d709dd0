"""The server that a page is about: what its pages share."""

from gatewayops.web.rest import Json, segment
from gatewayops.web.visit import Visit


def path(visit: Visit, *below: str) -> str:
    """Where the API has the server of the page's address, or what is below it."""
    return "/".join(["/v1/servers", segment(visit.request.path_params["server"]), *map(segment, below)])


def here(visit: Visit, page: str = "") -> str:
    """A page of this server."""
    found = f"/servers/{segment(visit.request.path_params['server'])}"
    return f"{found}/{page}" if page else found


async def server_of(visit: Visit) -> Json:
    """The server itself. Raises Refused."""
    found: Json = (await visit.rest.get(path(visit)))["server"]
    return found
