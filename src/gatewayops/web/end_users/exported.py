"""Exports of end users as CSV: the API's own answer, which guards its cells."""

from starlette.responses import Response

from gatewayops.web.visit import Visit

_GOES_ON = ("content-type", "content-disposition", "cache-control")


async def show(visit: Visit) -> Response:
    """Of the kind in the address."""
    kind = visit.asked("kind", "end_users")
    answer = await visit.rest.download("/v1/end-users/export", kind=kind, format="csv")
    headers = {name: answer.headers[name] for name in _GOES_ON if name in answer.headers}
    return Response(answer.content, headers=headers)
