"""Routes that are worked out when they are first asked: three hundred of them at once hold up every start.

All routers of this package come from `LateRouter`; the OpenAPI document works out what is left.
"""

import warnings
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.routing import Match, compile_path

from gatewayops.api.answers import document
from gatewayops.api.required_actions import show_actions

# FastAPI gives adapters of bodies and queries an alias that pydantic has no use for, and ignores this warning
# where it builds them; those of late shapes are built later.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

_OF_THE_PATH = ("path_regex", "path_format", "param_convertors")


class LateRoute(APIRoute):
    """Knows its address and methods from the start; what it takes and answers when somebody wants to know."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **told: Any) -> None:  # noqa: ANN401 - as APIRoute
        """`told` is what APIRoute takes besides."""
        self.path = path
        self.endpoint = endpoint
        self.name = told["name"] or endpoint.__name__
        self.methods = {method.upper() for method in told["methods"]}
        self._head = path.partition("{")[0]
        self._told = told

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """As APIRoute's, but most are ruled out by the beginning of their path."""
        if not scope["path"].startswith(self._head):
            return Match.NONE, {}
        return super().matches(scope)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of an APIRoute
        """What is not there yet is worked out now: the path's parts alone, or all."""
        if name in _OF_THE_PATH:
            self.path_regex, self.path_format, self.param_convertors = compile_path(self.path)
            return getattr(self, name)
        told = self.__dict__.pop("_told", None)
        if told is None:
            raise AttributeError(name)
        super().__init__(self.path, self.endpoint, **told)
        show_actions(self)
        document(self)
        return getattr(self, name)


LateRouter = partial(APIRouter, route_class=LateRoute)
