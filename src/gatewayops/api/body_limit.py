"""The control API's bodies are small: what is larger is refused while it arrives, not after."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """An ASGI wrapper; a body over the limit becomes 413 through the app's own answers."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int, larger: Mapping[str, int]) -> None:
        """`limit_bytes` holds for every path that is not in `larger`."""
        self._larger = larger
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts what a request sends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken = 0
        limit_bytes = self._larger.get(scope["path"], self._limit_bytes)

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit_bytes:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)
