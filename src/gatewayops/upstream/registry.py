"""The servers of the snapshot, each with its pool and the unchanging part of its request head."""

import logging
from urllib.parse import urlsplit

import msgspec

from gatewayops.base.crypto import SealBroken, Sealer
from gatewayops.base.errors import Reason, TooMany
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.exchange import Exchange
from gatewayops.upstream.pool import Origin, Pool
from gatewayops.upstream.settings import UpstreamSettings

log = logging.getLogger(__name__)


class ServerBusy(TooMany):
    """As many calls as the server may have are on their way."""

    reason = Reason.SERVER_BUSY


class Upstream:
    """One MCP server: its row, its connections, how many calls it has."""

    def __init__(self, row: ServerRow, settings: UpstreamSettings, *, headers: dict[str, str]) -> None:
        """`headers` are its own, opened."""
        self.row = row
        self.name = row.name
        self.in_flight = 0
        self.pool = Pool(
            Origin.of(row.url),
            settings,
            connect_timeout_s=row.connect_timeout_s,
            allows_private=row.allows_private,
        )
        parts = urlsplit(row.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fixed = [f"host: {parts.netloc}", "accept-encoding: identity"]
        fixed += [f"{name}: {value}" for name, value in headers.items()]
        self._head = (f" {target} HTTP/1.1\r\n" + "\r\n".join(fixed) + "\r\n").encode("latin-1")
        self.own = frozenset(name.lower().encode() for name in headers)

    def request(self, verb: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
        """The bytes of a request; the server's own headers win over `headers`."""
        lines = [b"%b: %b\r\n" % header for header in headers if header[0] not in self.own]
        return self.request_of(verb, b"".join(lines), body)

    def request_of(self, verb: bytes, lines: bytes, body: bytes) -> bytes:
        """The bytes of a request with header lines as they are; none of them is one of the server's `own`."""
        if not body:
            return b"".join((verb, self._head, lines, b"\r\n"))
        length = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        return b"".join((verb, self._head, lines, length, body))

    def take_slot(self) -> None:
        """Counts a call in; raises ServerBusy when there is no room."""
        if self.in_flight >= self.row.max_in_flight:
            msg = f"{self.name} already has {self.row.max_in_flight} calls under way; try again in a second"
            raise ServerBusy(msg)
        self.in_flight += 1

    def give_slot(self) -> None:
        """Counts a call out."""
        self.in_flight -= 1

    def start(self, request: bytes) -> Exchange | None:
        """Sends on an idle connection, if there is one."""
        return self.pool.start(request)


class Registry:
    """Servers by organisation and name. A server whose row did not change keeps its connections."""

    def __init__(self, settings: UpstreamSettings, sealer: Sealer) -> None:
        """Empty until `replace`."""
        self._settings = settings
        self._sealer = sealer
        self._servers: dict[tuple[str, str], Upstream] = {}

    def find(self, org_id: str, name: str) -> Upstream | None:
        """The organisation's server of that name."""
        return self._servers.get((org_id, name))

    def all(self) -> list[Upstream]:
        """Every server of every organisation."""
        return list(self._servers.values())

    def replace(self, rows: tuple[ServerRow, ...]) -> None:
        """Takes over a snapshot's servers; those that went or changed lose their idle connections."""
        before = self._servers
        after: dict[tuple[str, str], Upstream] = {}
        for row in rows:
            key = (row.org_id, row.name)
            old = before.get(key)
            try:
                after[key] = old if old is not None and old.row == row else self._open(row)
            except (SealBroken, ValueError):  # one bad row must not keep the others from changing
                log.exception("server %s is left out: its headers do not open or its URL is none", row.id)
        self._servers = after
        for key, old in before.items():
            if after.get(key) is not old:
                old.pool.close()

    def _open(self, row: ServerRow) -> Upstream:
        headers: dict[str, str] = {}
        if row.sealed_headers:
            plain = self._sealer.open(row.sealed_headers, bound_to=row.bound_to())
            headers = msgspec.json.decode(plain, type=dict[str, str])
        return Upstream(row, self._settings, headers=headers)
