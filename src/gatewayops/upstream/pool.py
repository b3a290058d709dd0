"""The connections to one origin: kept alive, opened when needed, to addresses that were checked.

Nothing follows redirects. The address that passed the check is the one connected to, so a name that
changes its mind between check and use (DNS rebinding) gains nothing.

A server that closes a connection just as a call goes out on it has lost that call, as far as anybody can
tell (RFC 9112, 9.3.1). So the pool learns how long a server keeps what nobody uses (5 s where uvicorn or
Node answers), and uses nothing that is nearly as old.
"""

import asyncio
import os
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from gatewayops.base.errors import Reason, UpstreamError, UpstreamTimeout
from gatewayops.upstream.address import resolve
from gatewayops.upstream.answer_head import AnswerHeads
from gatewayops.upstream.connection import Connection
from gatewayops.upstream.exchange import Exchange
from gatewayops.upstream.settings import UpstreamSettings

_SURE_SHARE = 0.8  # of the time after which the server closed an unused connection
_SHORTEST_S = 1.0  # sooner it closes for other reasons


class UpstreamUnreachable(UpstreamError):
    """No connection could be made; nothing was sent."""

    reason = Reason.UPSTREAM_UNREACHABLE


class ConnectTimeout(UpstreamTimeout):
    """No connection was made in time; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a URL leads: scheme, host, port."""

    host: str
    port: int
    is_tls: bool

    @classmethod
    def of(cls, url: str) -> "Origin":
        """The origin of an http or https URL that has passed address.check_url."""
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        return cls(parts.hostname or "", parts.port or (443 if is_tls else 80), is_tls)


class Pool:
    """Idle connections, newest first, so that the spare ones grow old and are closed."""

    def __init__(
        self, origin: Origin, settings: UpstreamSettings, *, connect_timeout_s: float, allows_private: bool
    ) -> None:
        """Opens nothing yet."""
        self._origin = origin
        self._settings = settings
        self._connect_timeout_s = connect_timeout_s
        self._allows_private = allows_private
        self._idle: list[Connection] = []
        self._heads = AnswerHeads()
        self._is_closed = False
        self._sure_s = 0.0  # how long unused connections surely live; 0 while that is not known
        self._tls = ssl.create_default_context() if origin.is_tls else None

    def start(self, request: bytes, *, streams_all: bool = False) -> Exchange | None:
        """Sends on an idle connection; None when there is none and `connect` must be awaited."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closed:
                continue
            if self._sure_s and _now() - connection.idle_since > self._sure_s:
                connection.close()
                continue
            return connection.start(request, streams_all=streams_all)
        return None

    async def send(self, request: bytes, *, streams_all: bool = False) -> Exchange:
        """Sends, connecting if need be; raises UpstreamUnreachable, ConnectTimeout, AddressRefused."""
        exchange = self.start(request, streams_all=streams_all)
        if exchange is None:
            exchange = (await self._connect()).start(request, streams_all=streams_all)
        return exchange

    def close_idle(self, now: float) -> None:
        """Closes what has been idle for too long; `now` is the loop's time."""
        old = now - self._settings.idle_s
        while self._idle and (self._idle[0].idle_since < old or self._idle[0].is_closed):
            self._idle.pop(0).close()

    def close(self) -> None:
        """Closes idle connections now and busy ones when their exchange ends."""
        self._is_closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _connect(self) -> Connection:
        origin = self._origin
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                addresses = await resolve(origin.host, origin.port, allows_private=self._allows_private)
                return await self._connect_to(addresses)
        except TimeoutError:
            msg = f"no connection to {origin.host}:{origin.port} within {self._connect_timeout_s:g} s"
            raise ConnectTimeout(msg) from None

    async def _connect_to(self, addresses: list[str]) -> Connection:
        origin = self._origin
        problem = "it has no address"
        for address in addresses:
            try:
                _, connection = await asyncio.get_running_loop().create_connection(
                    self._new_connection,
                    address,
                    origin.port,
                    ssl=self._tls,
                    server_hostname=origin.host if self._tls else None,
                )
            except ssl.SSLError as error:
                problem = f"TLS failed: {error.reason or 'no common ground'}"
            except OSError as error:
                problem = os.strerror(error.errno).lower() if error.errno else "connection failed"
            else:
                return connection
        msg = f"{origin.host}:{origin.port} cannot be reached: {problem}"
        raise UpstreamUnreachable(msg)

    def _new_connection(self) -> Connection:
        return Connection(
            max_answer_bytes=self._settings.max_answer_bytes, on_change=self._take_back, heads=self._heads
        )

    def _take_back(self, connection: Connection) -> None:
        if connection.is_closed:
            if connection in self._idle:
                self._idle.remove(connection)
                self._learn(_now() - connection.idle_since)
        elif self._is_closed or len(self._idle) >= self._settings.max_idle:
            connection.close()
        else:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)

    def _learn(self, lived_s: float) -> None:
        """The newest counts: what a restart seemed to say is corrected by the next long pause."""
        if lived_s >= _SHORTEST_S:
            self._sure_s = lived_s * _SURE_SHARE


def _now() -> float:
    return asyncio.get_running_loop().time()
