"""Which action each route needs: read from its dependencies, and written into the OpenAPI document."""

from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from gatewayops.api.auth import NeedsAction

FIELD = "x-required-actions"


def show_actions(route: APIRoute) -> None:
    """The OpenAPI document says of the operation which actions it needs, any one of them."""
    actions = required_actions(route)
    if actions:
        route.openapi_extra = (route.openapi_extra or {}) | {FIELD: list(actions)}


def required_actions(route: APIRoute) -> tuple[str, ...]:
    """The caller must hold one of these; empty for a route that asks for none."""
    found = [call.actions for call in _calls(route.dependant) if isinstance(call, NeedsAction)]
    return found[0] if found else ()


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for below in dependant.dependencies:
        yield from _calls(below)
