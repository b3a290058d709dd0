"""What the headers of a request to an MCP route say, worked out once for headers that come again.

An agent sends the same headers with every call, but for a length and a tool's name: what was read from
them (who, which host, which era, what is passed on) is remembered by the headers themselves. Nothing is
decided here that depends on anything else; a fault is raised by who walks the path, in its turn.
"""

import hashlib

from gatewayops.base.errors import Forbidden
from gatewayops.gateway.hosts import HostCheck
from gatewayops.protocol import headers as mcp
from gatewayops.protocol.methods import MODERN

Lines = list[tuple[bytes, bytes]]

_TO_SERVER = frozenset(
    {b"accept", mcp.VERSION, mcp.METHOD, mcp.NAME, b"last-event-id", b"user-agent", b"tracestate", b"baggage"}
)
_ONCE = frozenset(
    {b"traceparent", b"tracestate", b"baggage", b"x-trace-id", b"x-request-id", b"last-event-id"}
)
_PARAM = b"mcp-param-"
_BEARER = b"bearer "
_JSON = b"application/json"
_MODERN = MODERN.encode()
_REMEMBERED = 2000
_REMEMBERED_BYTES = 4 << 10
_PRODUCT_LENGTH = 100


class Head:
    """The headers of one request, read. Shared by all requests that carry the same ones: never changed."""

    __slots__ = (
        "digest",
        "era",
        "has_name",
        "has_trace",
        "headers",
        "host_fault",
        "is_json",
        "is_silent",
        "passed",
        "passed_lines",
        "product",
        "request_id",
        "says_method",
        "says_name",
        "says_version",
        "session",
        "token",
        "twice",
        "version",
    )

    def __init__(self, lines: Lines, hosts: HostCheck) -> None:
        """`lines` with names in lower case."""
        self.headers = headers = dict(lines)
        self.host_fault = _host_fault(hosts, headers)
        self.twice = _twice(lines) if len(lines) != len(headers) else b""
        content_type = headers.get(b"content-type", b"")
        self.is_json = content_type.partition(b";")[0].strip().lower() == _JSON
        authorization = headers.get(b"authorization", b"")
        self.token = authorization[7:].strip() if authorization[:7].lower() == _BEARER else b""
        self.digest = hashlib.sha256(self.token).digest()
        version = headers.get(mcp.VERSION, b"").strip()
        self.era = "modern" if version == _MODERN else "legacy"
        self.has_trace = b"traceparent" in headers or b"x-trace-id" in headers
        self.session = headers.get(mcp.SESSION)
        self.product = headers.get(b"user-agent", b"").decode("latin-1").partition("/")[0][:_PRODUCT_LENGTH]
        self.request_id = self.text(b"x-request-id")
        self.version = self.text(mcp.VERSION)
        # what the body must repeat (MCP 2026-07-28, Streamable HTTP)
        method, name = headers.get(mcp.METHOD), headers.get(mcp.NAME)
        self.is_silent = method is None and name is None
        self.says_method = method.strip() if method is not None else None
        self.has_name = name is not None
        self.says_name = mcp.decode_value(name.strip()) if name is not None else None
        self.says_version = b'"%b"' % version
        # what the server behind gets to see
        self.passed_lines = tuple(
            (name, b"%b: %b\r\n" % (name, value))
            for name, value in lines
            if name in _TO_SERVER or name[:10] == _PARAM
        )
        self.passed = b"".join([line for _, line in self.passed_lines])

    def text(self, name: bytes) -> str:
        """A header as text; empty when absent."""
        value = self.headers.get(name)
        return value.decode("latin-1").strip() if value else ""


class Heads:
    """Remembers what was read, within bounds. One a worker."""

    def __init__(self, hosts: HostCheck) -> None:
        """`hosts` says which Host and Origin pass."""
        self._hosts = hosts
        self._known: dict[tuple[tuple[bytes, bytes], ...], Head] = {}

    def of(self, lines: Lines) -> Head:
        """What these headers say."""
        key = tuple(lines)
        head = self._known.get(key)
        if head is None:
            head = Head(lines, self._hosts)
            if head.host_fault is None and _comes_again(lines):
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[key] = head
        return head


def _comes_again(lines: Lines) -> bool:
    size = 0
    for name, value in lines:
        size += len(name) + len(value)
        if name in _ONCE:
            return False
    return size <= _REMEMBERED_BYTES


def _host_fault(hosts: HostCheck, headers: dict[bytes, bytes]) -> Forbidden | None:
    try:
        hosts.check(headers.get(b"host"), headers.get(b"origin"))
    except Forbidden as fault:
        return fault
    return None


def _twice(lines: Lines) -> bytes:
    """The first routing header that came twice: first-copy and last-copy readers would disagree."""
    seen: set[bytes] = set()
    for name, _ in lines:
        if name in seen and name in mcp.ROUTING:
            return name
        seen.add(name)
    return b""
