"""An answer of the API that may be larger than one wants to keep: passed on to the browser as it comes."""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatewayops.web.inner_call import InnerCall

_KEPT = (b"content-type", b"content-length", b"content-disposition")
_OURS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_FIRST_REFUSAL = 400


class Passed(Response):
    """Asks when it is sent. Where the API refuses, `refused` makes the answer of status and body."""

    def __init__(self, app: ASGIApp, asking: InnerCall, refused: Callable[[int, bytes], Response]) -> None:
        """`app` is the API."""
        super().__init__()
        self._app, self._asking, self._refused = app, asking, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Each part goes to the browser before the next is made."""
        status, refusal = 0, bytearray()

        async def take(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [line for line in message["headers"] if line[0].lower() in _KEPT]
                message = {**message, "headers": [*headers, *_OURS]}
            elif status >= _FIRST_REFUSAL:
                refusal.extend(message.get("body", b""))
            if status < _FIRST_REFUSAL:
                await send(message)

        try:
            await self._asking.pass_on(self._app, receive, take)
        except Exception:
            if status < _FIRST_REFUSAL:
                raise
        if status >= _FIRST_REFUSAL:
            await self._refused(status, bytes(refusal))(scope, receive, send)
