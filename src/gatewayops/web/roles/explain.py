"""Why may somebody do something, or not: the rule, the role, and from whom it is inherited."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import choices_of
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json, Refused
from gatewayops.web.roles import rules
from gatewayops.web.visit import Visit

_KINDS = ("tool", "resource", "prompt", "action")
_ASKING = ("principal", "server", *_KINDS, "trace_id", "span_id")
_BAD_REQUEST, _NOT_FOUND = 400, 404


async def show(visit: Visit) -> Response:
    """The form, filled in as the address has it, and the answer once it asks something."""
    asked = {name: visit.asked(name) for name in _ASKING}
    kind = visit.asked("kind")
    if kind in _KINDS and visit.asked("named"):
        asked[kind] = visit.asked("named")
    is_asked = bool(asked["trace_id"] or (asked["principal"] and any(asked[one] for one in _KINDS)))
    (answer, fault), servers, keys = await asyncio.gather(
        _answer(visit, asked) if is_asked else _nothing(),
        choices_of(visit.rest, "/v1/servers", "servers"),
        choices_of(visit.rest, "/v1/auth/keys", "keys"),
    )
    chosen = next((one for one in _KINDS if asked[one]), "tool")
    return draw(
        visit,
        "roles/explain.html",
        tabs=rules.tabs(visit),
        asked=asked,
        kind=chosen,
        named=asked[chosen],
        servers=servers,
        keys=keys,
        answer=answer,
        fault=fault,
    )


async def _answer(visit: Visit, asked: Json) -> tuple[Json | None, str]:
    try:
        found = await visit.rest.get("/v1/policies/explain", **asked)
    except Refused as refused:
        if refused.status not in (_BAD_REQUEST, _NOT_FOUND):
            raise
        return None, refused.message
    return found["explanation"], ""


async def _nothing() -> tuple[Json | None, str]:
    return None, ""
