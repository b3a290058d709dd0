"""Two runs step by step."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.names import names_in
from gatewayops.web.visit import Visit


async def show(visit: Visit) -> Response:
    """`a` and `b` are runs, or traces that stand for theirs; either may be gone by now."""
    a, b = visit.asked("a").strip(), visit.asked("b").strip()
    if not a or not b:
        return draw(visit, "runs/no_comparison.html")
    found = await visit.rest.get("/v1/runs/compare", a=a, b=b)
    names = await names_in(visit, [found["a"], found["b"]])
    return draw(visit, "runs/comparison.html", found=found, a=found["a"], b=found["b"], names=names)
