"""The head of a request: its line and its headers, read once for requests that begin with the same bytes.

An agent sends the same head with every call, but for a length and a tool's name. What was read from it
(who, which host, which era, what is passed on) is remembered by its bytes, so the next one needs no
parser. Nothing is decided here that depends on anything else; a fault is raised by who walks the path.
"""

import hashlib
import urllib.parse

import httptools

from gatewayops.base.errors import Forbidden
from gatewayops.gateway.hosts import HostCheck, inner_path
from gatewayops.protocol import headers as mcp
from gatewayops.protocol.forwarded import TrustedProxies
from gatewayops.protocol.methods import MODERN

Lines = list[tuple[bytes, bytes]]

_TO_SERVER = frozenset(
    {b"accept", mcp.VERSION, mcp.METHOD, mcp.NAME, b"last-event-id", b"user-agent", b"tracestate", b"baggage"}
)
_RARE = frozenset(
    {
        *(b"traceparent", b"tracestate", b"baggage", b"x-trace-id", b"x-request-id", b"last-event-id"),
        *(b"connection", b"upgrade", b"expect"),
    }
)
_PARAM = b"mcp-param-"
_BEARER = b"bearer "
_JSON = b"application/json"
_MODERN = MODERN.encode()
_REMEMBERED = 2000
_REMEMBERED_BYTES = 4 << 10
_PRODUCT_LENGTH = 100


class Head:
    """Read, and never changed: all requests with the same head share it. `version` is MCP's, as text."""

    __slots__ = (
        "at_host",
        "digest",
        "era",
        "has_name",
        "has_trace",
        "headers",
        "host_fault",
        "is_foreign",
        "is_json",
        "is_silent",
        "length",
        "lines",
        "method",
        "origin",
        "passed",
        "passed_lines",
        "path",
        "product",
        "protocol",
        "query",
        "raw_path",
        "request_id",
        "says_method",
        "says_name",
        "says_version",
        "session",
        "token",
        "twice",
        "version",
    )

    def __init__(self, method: str, url: bytes, protocol: str, lines: Lines, hosts: HostCheck) -> None:
        """`lines` with names in lower case; `protocol` is HTTP's version."""
        self.method = method
        self.protocol = protocol
        self.lines = lines
        self.headers = headers = dict(lines)
        self.raw_path, self.query = _split(url)
        path = self.raw_path.decode("ascii")
        slug = hosts.slug(headers.get(b"host"))
        self.at_host = bool(slug)  # a server's own host: its paths go by the gateway's names from here on
        if slug:
            path = inner_path(slug, path)
            self.raw_path = path.encode("ascii")
        self.path = urllib.parse.unquote(path) if "%" in path else path
        self.length = _length(headers)
        self.host_fault = _host_fault(hosts, headers)
        self.origin = headers.get(b"origin", b"")
        self.is_foreign = hosts.is_foreign(headers.get(b"host"), headers.get(b"origin"))
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
        said, name = headers.get(mcp.METHOD), headers.get(mcp.NAME)
        self.is_silent = said is None and name is None
        self.says_method = said.strip() if said is not None else None
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
        self._known: dict[bytes, Head] = {}
        self.known = self._known.get  # by the bytes up to and with the empty line; a call counts

    def read(self, method: str, url: bytes, protocol: str, lines: Lines) -> Head:
        """From what the parser found."""
        return Head(method, url, protocol, lines, self._hosts)

    def remember(self, raw: bytes, head: Head) -> None:
        """`raw` was all of a head, and what it announced came: the parser need not see its like again."""
        if len(raw) <= _REMEMBERED_BYTES and _comes_again(head):
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[raw] = head


def client_of(proxies: TrustedProxies, peer: str, lines: Lines) -> str:
    """The address of who is behind the proxies that are trusted; `peer` itself unless it is one of them."""
    if not proxies.trusts(peer):
        return peer
    return proxies.client(
        peer, (value.decode("latin-1") for name, value in lines if name == b"x-forwarded-for")
    )


def _comes_again(head: Head) -> bool:
    is_whole = head.length > 0 and head.protocol == "1.1" and head.method == "POST"
    return is_whole and head.host_fault is None and _RARE.isdisjoint(head.headers)


def _length(headers: dict[bytes, bytes]) -> int:
    """What Content-Length says; -1 when it is absent or not all there is to say."""
    value = headers.get(b"content-length", b"")
    return int(value) if value.isdigit() and b"transfer-encoding" not in headers else -1


def _split(url: bytes) -> tuple[bytes, bytes]:
    """Path and query; the absolute form that proxies are sent loses its host (RFC 9112 section 3.2)."""
    if url[:1] != b"/":
        try:
            parsed = httptools.parse_url(url)
        except httptools.HttpParserInvalidURLError:
            return url, b""
        return parsed.path or b"/", parsed.query or b""
    path, _, query = url.partition(b"?")
    return path, query


def _host_fault(hosts: HostCheck, headers: dict[bytes, bytes]) -> Forbidden | None:
    try:
        hosts.check_host(headers.get(b"host"))
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
