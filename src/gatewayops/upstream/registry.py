"""The servers of the snapshot: each with its connections, its slots, its breaker, its part of every head."""

import logging
import time
from urllib.parse import urlsplit

import msgspec

from gatewayops.base.crypto import Opener, SealBroken
from gatewayops.base.errors import GatewayOpsError, Reason, TooMany
from gatewayops.identity.principal import Principal
from gatewayops.store.snapshot import USER_OAUTH, ServerRow
from gatewayops.upstream.accounts.held import NAME, HeldAccounts
from gatewayops.upstream.breaker import Breaker, CircuitOpen
from gatewayops.upstream.exchange import ConnectionBroken, Exchange
from gatewayops.upstream.pool import Origin, Pool
from gatewayops.upstream.retry import Retries
from gatewayops.upstream.settings import UpstreamSettings

log = logging.getLogger(__name__)

_NO_MCP = ConnectionBroken("what it answered is no MCP", got_bytes=True)


class ServerBusy(TooMany):
    """As many calls as the server may have are on their way, or as many as one caller may have there."""

    reason = Reason.SERVER_BUSY


class Upstream:
    """One MCP server: its row, its connections, how many calls it has, how it has been lately."""

    def __init__(
        self,
        row: ServerRow,
        settings: UpstreamSettings,
        *,
        headers: dict[str, str],
        accounts: HeldAccounts | None = None,
    ) -> None:
        """`headers` are its own, opened; `accounts` are those of its callers, if it wants such."""
        self.row = row
        self.accounts = accounts
        self.name = row.name
        self.in_flight = 0
        self.calls = 0  # so far
        self.breaker = Breaker(row, time.perf_counter_ns())
        self.retries = Retries(row, time.perf_counter_ns())
        self._most_a_caller = -(-row.max_in_flight * row.caller_share_percent // 100)  # rounded up
        self._held: dict[str, int] = {}  # slots by caller
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
        theirs = () if accounts is None else (NAME,)
        self.own = frozenset((*(name.lower().encode() for name in headers), *theirs))

    def request(
        self, verb: bytes, headers: list[tuple[bytes, bytes]], body: bytes, *, told: bytes = b""
    ) -> bytes:
        """The bytes of a request; the server's own headers win over `headers`; `told` is whole lines."""
        lines = [b"%b: %b\r\n" % header for header in headers if header[0] not in self.own]
        return self.request_of(verb, b"".join(lines) + told, body)

    def request_of(self, verb: bytes, lines: bytes, body: bytes) -> bytes:
        """The bytes of a request with header lines as they are; none of them is one of the server's `own`."""
        if not body:
            return b"".join((verb, self._head, lines, b"\r\n"))
        length = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        return b"".join((verb, self._head, lines, length, body))

    def of_caller(self, caller: Principal) -> bytes:
        """The header line of the caller's own account, where the server wants one. Raises SignInNeeded."""
        return b"" if self.accounts is None else self.accounts.line(caller, self.row)

    def take_slot(self, caller: str = "") -> None:
        """Counts a call in; raises ServerBusy when there is no room, or none for this caller (a key's id)."""
        held = self._held.get(caller, 0)
        if self.in_flight >= self.row.max_in_flight or (caller and held >= self._most_a_caller):
            raise self._busy()
        self._held[caller] = held + 1
        self.in_flight += 1
        self.calls += 1

    def give_slot(self, caller: str = "") -> None:
        """Counts a call out that was counted in for the same caller."""
        held = self._held.pop(caller) - 1
        if held:
            self._held[caller] = held
        self.in_flight -= 1

    def admit(self) -> None:
        """Asked before sending when the breaker is not closed: raises CircuitOpen, or lets a probe go."""
        now_ns = time.perf_counter_ns()
        if not self.breaker.admit(now_ns):
            raise CircuitOpen(self.name, retry_after_s=self.breaker.retry_after_s(now_ns))

    def answered(self, exchange: Exchange, sent_ns: int) -> None:
        """Tells the breaker of an answer, whole or a stream's head, to what was sent at `sent_ns`."""
        if exchange.status < 500 and (exchange.is_stream or not exchange.body or exchange.body[:1] == b"{"):
            self.breaker.succeeded()
        elif exchange.status < 300 and exchange.body.lstrip()[:1] not in (b"{", b"["):
            self.ended(sent_ns, error=_NO_MCP)
        else:
            self.ended(sent_ns, status=exchange.status)

    def ended(self, sent_ns: int, *, status: int = 0, error: GatewayOpsError | None = None) -> None:
        """Tells the breaker how what was sent at `sent_ns` (perf_counter_ns) ended; see Breaker.ended."""
        self.breaker.ended(time.perf_counter_ns(), sent_ns=sent_ns, status=status, error=error)

    def delay_s(self, error: GatewayOpsError, *, is_safe: bool, attempt: int, begun_ns: int) -> float | None:
        """How long to wait before the failed call may be sent again; None: it may not.

        `attempt` counts from 0 how often it was sent again before, `begun_ns` is when it was first sent: the
        time limit of the server holds for all attempts together, and an open breaker ends them.
        """
        now_ns = time.perf_counter_ns()
        if not self.breaker.is_closed or now_ns - begun_ns >= self.row.timeout_s * 1e9:
            return None
        return self.retries.delay_s(error, is_safe=is_safe, attempt=attempt, calls=self.calls, now_ns=now_ns)

    def _busy(self) -> ServerBusy:
        most = self.row.max_in_flight
        if self.in_flight >= most:
            return ServerBusy(f"{self.name} already has {most} calls under way; try again in a second")
        share = f"{self._most_a_caller} of the {most} calls that {self.name} may have"
        return ServerBusy(f"this key already has {share} under way; try again in a second")

    def start(self, request: bytes) -> Exchange | None:
        """Sends on an idle connection, if there is one."""
        return self.pool.start(request)


class Registry:
    """Servers by organisation and name. A server whose row did not change keeps its connections."""

    def __init__(self, settings: UpstreamSettings, sealer: Opener, *, public_url: str = "") -> None:
        """Empty until `replace`; `public_url` is where users connect accounts of theirs."""
        self.accounts = HeldAccounts(sealer, public_url=public_url)
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
        accounts = self.accounts if row.upstream_auth == USER_OAUTH else None
        return Upstream(row, self._settings, headers=headers, accounts=accounts)
