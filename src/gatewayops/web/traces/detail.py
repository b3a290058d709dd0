"""One trace: its figures, the waterfall, and one of its spans with what was sent, answered and allowed."""

from starlette.responses import Response

from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.names import names_in
from gatewayops.web.rest import Json, segment
from gatewayops.web.traces import waterfall
from gatewayops.web.traces.bodies import body
from gatewayops.web.visit import Visit

_ROWS = 200  # of a page without scripts; with them all rows are there
_FAILURES = 5
_COSTS = 50


async def show(visit: Visit) -> Response:
    """The whole page; htmx gets the span, or why it was allowed, alone."""
    path = f"/v1/traces/{segment(visit.request.path_params['trace_id'])}"
    asked = visit.asked("span")
    if visit.is_partial and visit.asked("why"):
        return draw_part(visit, "traces/why.html", **await _why(visit, asked))
    if visit.is_partial and asked:
        answer = await visit.rest.get(f"{path}/spans/{segment(asked)}")
        return draw_part(
            visit, "traces/span.html", **_shown(answer["span"], await names_in(visit, [answer["span"]]))
        )
    outline = await visit.rest.get(f"{path}/outline", span=asked or "telling")
    trace, found = outline["trace"], outline["span"]
    spans = trace["spans"]
    failed = waterfall.failures(spans)
    chosen = found["id"] if found else asked
    names = await names_in(visit, [trace["context"], *([found] if found else [])])
    fall = waterfall.drawn(spans)
    at = _whole(visit.asked("from"))
    return draw(
        visit,
        "traces/detail.html",
        trace=trace,
        names=names,
        parts_of_time=waterfall.latency_parts(trace["latency"]),
        failed=failed[:_FAILURES],
        label_of=waterfall.label_of,
        costs=waterfall.costs(spans)[:_COSTS],
        fall=fall,
        at=at,
        rows=fall.rows[at : at + _ROWS],
        page_rows=_ROWS,
        chosen=chosen,
        shown=_shown(found, names) if found else None,
        why=await _why(visit, chosen) if visit.asked("why") else None,
    )


def _shown(span: Json, names: dict[str, str]) -> Json:
    """What span.html draws."""
    sent, answered = (
        body(span[name], is_cut=span[f"{name}_truncated"], size=span[f"{name}_bytes"])
        for name in ("request", "response")
    )
    return {
        "span": span,
        "label": waterfall.label_of(span),
        "span_parts": waterfall.latency_parts(span["latency"]),
        "bodies": (("Request", sent), ("Response", answered)),
        "span_names": names,
    }


async def _why(visit: Visit, span_id: str) -> Json:
    """What why.html draws."""
    trace_id = visit.request.path_params["trace_id"]
    answer = await visit.rest.get("/v1/policies/explain", trace_id=trace_id, span_id=span_id)
    return {"explanation": answer["explanation"]}


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
