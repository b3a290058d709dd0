"""One run: its steps in order."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.names import names_in
from gatewayops.web.rest import segment
from gatewayops.web.visit import Visit

_STEPS = 200


async def show(visit: Visit) -> Response:
    """Each step leads to its span."""
    run_id = visit.request.path_params["run_id"]
    answer = await visit.rest.get(f"/v1/runs/{segment(run_id)}", limit=_STEPS, cursor=visit.asked("cursor"))
    names = await names_in(visit, [answer["run"]])
    return draw(
        visit, "runs/detail.html", run=answer["run"], steps=answer["steps"], answer=answer, names=names
    )
