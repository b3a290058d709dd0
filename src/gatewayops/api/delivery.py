"""A change counts when it is answered: the answer waits until the gateways that follow have the new rules.

So a key that was just made works, and one that was just revoked does not. Gateways that do not come in time
are not waited for; they learn it when they can. What raises no revision changes no rules,
and waits for nobody.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatewayops.protocol import otlp
from gatewayops.store.control import revision
from gatewayops.store.control.snapshot_feed import RevisionWatch

_READING = ("GET", "HEAD", "OPTIONS")


class Delivery:
    """An ASGI wrapper around the API; `/internal` is gateways' own and is passed through."""

    def __init__(self, app: ASGIApp, *, watch: RevisionWatch) -> None:
        """`watch` feeds the gateways."""
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Holds the head of a successful answer back until the change is known."""
        if scope["type"] != "http" or not _may_change(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return

        async def delivered(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300 and raises:
                await self._watch.deliver()
            await send(message)

        with revision.noticed() as raises:
            await self._app(scope, receive, delivered)


def _may_change(verb: str, path: str) -> bool:
    return verb not in _READING and not path.startswith("/internal/") and not otlp.is_export(verb, path)
