"""One call on its way: what is known so far, filled in stage by stage, read by the record at the end."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import msgspec

from gatewayops.base.errors import GatewayOpsError, InvalidInput, Reason, TooLarge
from gatewayops.gateway.head import Head
from gatewayops.identity.principal import Principal
from gatewayops.policy.terms import Terms
from gatewayops.protocol.envelope import Message, ToolCall
from gatewayops.protocol.methods import Method
from gatewayops.protocol.trace_context import Span, new_root, open_span
from gatewayops.upstream.registry import Upstream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NOBODY = Principal(org_id="org_default", key_id="")
"""Who is on record for a request whose key says nothing: the installation's own organisation sees it."""

_NO_SPAN = Span("", "", "")


class Cycle(Protocol):
    """A request on its connection (see cycle.py): ASGI, and what goes without waiting."""

    head: Head
    is_late: bool

    @property
    def client(self) -> str:
        """The client's address; empty when it has none."""

    async def receive(self) -> MutableMapping[str, Any]:
        """ASGI's."""

    async def send(self, message: MutableMapping[str, Any], /) -> None:
        """ASGI's."""

    def spawn(self, walk: Awaitable[None]) -> None:
        """Goes on in a task that a drain waits for."""

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """The whole answer; `lines` are its header lines, its length is added."""


class Outcome(msgspec.Struct, gc=False):
    """How a call ended. `payload` is the raw result or error, shown masked in the record."""

    http_status: int
    status: str = "success"  # success | error | timeout
    reason: str = ""
    rpc_code: int = 0
    detail: str = ""
    payload: bytes = b""
    size: int = 0
    cost_micros: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @classmethod
    def of(cls, error: GatewayOpsError, *, rpc_code: int = 0) -> "Outcome":
        """The outcome of a refusal or failure."""
        status = "timeout" if error.reason is Reason.UPSTREAM_TIMEOUT else "error"
        return cls(error.status, status, error.reason.value, rpc_code, error.detail)


class Call:
    """One request to an MCP route and all that is learned about it."""

    __slots__ = (
        "agent",
        "auth_ns",
        "cycle",
        "door",
        "head",
        "is_counted",
        "is_recorded",
        "message",
        "method",
        "page",
        "policy_ns",
        "principal",
        "request_bytes",
        "reserved_micros",
        "server_name",
        "session",
        "shown_request",
        "span",
        "started_ns",
        "subject",
        "terms",
        "upstream",
        "upstream_ns",
    )

    def __init__(self, cycle: "Cycle", server_name: str, door: str) -> None:
        """Starts the clock. `door` is `mcp` or `rest`."""
        self.started_ns = time.perf_counter_ns()
        self.cycle = cycle
        self.server_name = server_name
        self.door = door
        self.head = cycle.head
        self.principal = NOBODY
        self.upstream: Upstream | None = None
        self.terms: Terms | None = None
        self.message: Message | ToolCall | None = None
        self.method: Method | None = None
        self.subject = ""  # the tool, prompt or uri that the call names
        self.span = _NO_SPAN
        self.page = b""  # the origin of a page that may call
        self.agent = ""
        self.session = ""
        self.shown_request = b""
        self.request_bytes = 0
        self.reserved_micros = -1  # set aside in the budgets of its terms; -1: nothing was
        self.auth_ns = 0
        self.policy_ns = 0
        self.upstream_ns = 0
        self.is_counted = False  # against its limits
        self.is_recorded = False

    @property
    def era(self) -> str:
        """By header alone, as servers route: modern, legacy, or unknown for REST."""
        return self.head.era if self.door == "mcp" else ""

    @property
    def method_name(self) -> str:
        """The MCP method, as far as it is known."""
        return self.method.name if self.method is not None else ""

    def trace(self, *, meta_parent: str) -> None:
        """Opens our span where the caller's trace says."""
        if not meta_parent and not self.head.has_trace:
            self.span = new_root()
            return
        self.span = open_span(
            meta_parent=meta_parent,
            named_trace=self.head.text(b"x-trace-id"),
            header_parent=self.head.text(b"traceparent"),
        )

    def about(self, method: Method, subject: str) -> None:
        """Notes what is asked."""
        self.method = method
        self.subject = subject


class SlowClient(InvalidInput):
    """The body did not come in time."""

    status = 408
    code = "client_slow"
    reason = Reason.CLIENT_SLOW


class ClientGone(GatewayOpsError):
    """The client hung up before its answer; nobody reads this, the record does."""

    status = 499
    code = "client_gone"
    reason = Reason.CLIENT_GONE


async def read_body(cycle: Cycle, limit: int) -> bytes:
    """The whole body. Raises TooLarge over `limit` bytes, SlowClient if wire called it late, ClientGone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await cycle.receive()
        if message["type"] != "http.request":
            raise ClientGone("the client hung up while sending")
        body: bytes = message["body"]
        size += len(body)
        if size > limit:
            raise too_large(limit)
        if not message["more_body"]:
            break
        parts.append(body)
    if cycle.is_late:
        raise SlowClient("the body did not come in time (setting gateway.body_timeout_s)")
    return b"".join((*parts, body)) if parts else body


def too_large(limit: int) -> TooLarge:
    """Says which setting bounds it."""
    return TooLarge(f"the body is over {limit} bytes (setting gateway.max_body_bytes)")
