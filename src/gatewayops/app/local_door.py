"""The administrator's way into a running control role: a socket in the data directory.

Whoever may open it (the owner of the directory) is the administrator; no token is kept anywhere. So commands
on a data directory answer at once, see what only the running role knows, and open no database beside it.
"""

import errno
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatewayops.api.parts import ControlParts
from gatewayops.app.layout import is_listened_at

_Scope = MutableMapping[str, Any]
_App = Callable[[_Scope, Any, Any], Awaitable[None]]

_log = logging.getLogger(__name__)


def with_local_administrator(parts: ControlParts) -> ControlParts:
    """The parts with a token that exists in this process only."""
    return replace(parts, local_admin_token=secrets.token_hex(32))


def as_administrator(app: _App, parts: ControlParts) -> _App:
    """`app` for those who came through the socket: whatever they show, they are the administrator."""
    bearer = (b"authorization", f"Bearer {parts.local_admin_token}".encode())

    async def door(scope: _Scope, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        if scope["type"] == "http":
            others = [header for header in scope["headers"] if header[0] != b"authorization"]
            scope = {**scope, "headers": [*others, bearer]}
        await app(scope, receive, send)

    return door


@contextmanager
def listening(path: Path) -> Iterator[socket.socket | None]:
    """A socket there, for its owner only, gone at the end. None where it cannot be, as beside another."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind(listener, path)
    except OSError as error:
        _log.warning("commands on this data directory open it by themselves: %s: %s", path, error)
        listener.close()
        yield None
        return
    try:
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


def _bind(listener: socket.socket, path: Path) -> None:
    if is_listened_at(path):
        raise OSError(errno.EADDRINUSE, "another control role listens there")
    path.unlink(missing_ok=True)  # of a role that was killed
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
