"""How calls of a tool are changed on their way: arguments, result, headers to the server.

Applied after the call is allowed and its arguments are checked; method and name are out of reach.
"""

import logging

import msgspec

from gatewayops.base.crypto import Opener
from gatewayops.base.errors import GatewayOpsError, InvalidInput, Reason, UpstreamError
from gatewayops.policy.validation.steps import Step, apply, step_of
from gatewayops.store.snapshot import Snapshot, TransformRow

_LOG = logging.getLogger(__name__)
_REMEMBERED = 10_000
_LONGEST = 300  # of a name worth remembering


class Transform:
    """All changes for one tool. `headers` are for the request to the server: lower-case names, values."""

    __slots__ = ("_request", "_response", "headers")

    def __init__(
        self,
        request: tuple[Step, ...] = (),
        response: tuple[Step, ...] = (),
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        """Steps apply in this order."""
        self._request = request
        self._response = response
        self.headers = headers

    @property
    def changes_response(self) -> bool:
        """Whether results must be held back whole to be changed."""
        return bool(self._response)

    def request(self, arguments: bytes) -> bytes:
        """The arguments to send; empty stays empty when nothing is set. Raises InvalidInput for no JSON."""
        if not self._request:
            return arguments
        before = arguments or b"{}"
        try:
            after = apply(self._request, before)
        except ValueError as error:
            msg = "arguments: not JSON that can be read"
            raise InvalidInput(msg, Reason.ARGUMENTS_INVALID) from error
        return arguments if after == before else after

    def response(self, result: bytes) -> bytes:
        """The result to answer with. Raises UpstreamError for what is no JSON: unchanged it must not pass."""
        if not self._response:
            return result
        try:
            return apply(self._response, result)
        except ValueError as error:
            msg = "the server's result is not JSON that can be read"
            raise UpstreamError(msg, Reason.UPSTREAM_BROKEN) from error


class Unusable(Transform):
    """Stands in for a transformation that cannot be read: what it should have changed must not pass."""

    def request(self, arguments: bytes) -> bytes:
        """Raises GatewayOpsError."""
        msg = "a transformation of this tool cannot be read; an administrator must save it again"
        raise GatewayOpsError(msg)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_OF_TOOLS = frozenset({"content", "structuredcontent", "iserror", "toolresult", "result"})
_WITHHELD = msgspec.json.encode(
    {
        "content": [{"type": "text", "text": "results of this server are changed, and none can be resumed"}],
        "isError": True,
    }
)


def withheld(result: bytes) -> bytes:
    """The result, unless it may be a tool's: then a failure in its place."""
    try:
        names = {name.casefold() for name in _members(result)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _WITHHELD
    return result if _OF_TOOLS.isdisjoint(names) else _WITHHELD


class Transforms:
    """Transformations by organisation, server and tool."""

    def __init__(self, sealer: Opener) -> None:
        """`sealer` opens the headers."""
        self._sealer = sealer
        self._rows: dict[str, list[TransformRow]] = {}
        self._known: dict[tuple[str, str, str], Transform | None] = {}

    def replace(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot's transformations."""
        rows: dict[str, list[TransformRow]] = {}
        for row in snapshot.transforms:
            rows.setdefault(row.org_id, []).append(row)
        self._rows, self._known = rows, {}

    def of(self, org_id: str, server: str, tool: str) -> Transform | None:
        """All that apply to the tool, in order, as one; None when there are none. Cold."""
        if org_id not in self._rows:
            return None
        key = (org_id, server, tool)
        if key in self._known:
            return self._known[key]
        rows = [row for row in self._rows[org_id] if row.server in ("", server) and row.tool in ("", tool)]
        built = self._built(rows)
        if len(tool) <= _LONGEST:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = built
        return built

    def changes_results(self, org_id: str, server: str) -> bool:
        """Whether results of any of the server's tools are changed. Cold."""
        rows = self._rows.get(org_id, ())
        return any(row.response and row.server in ("", server) for row in rows)

    def _built(self, rows: list[TransformRow]) -> Transform | None:
        if not rows:
            return None
        headers: dict[bytes, bytes] = {}
        request: list[Step] = []
        response: list[Step] = []
        for row in rows:
            try:
                headers.update(self._headers(row))
                request += (step_of("request", step) for step in row.request)
                response += (step_of("response", step) for step in row.response)
            except (GatewayOpsError, msgspec.DecodeError):
                _LOG.exception("transformation %s cannot be read; calls of its tools are refused", row.id)
                return Unusable()
        return Transform(tuple(request), tuple(response), tuple(headers.items()))

    def _headers(self, row: TransformRow) -> dict[bytes, bytes]:
        if not row.sealed_headers:
            return {}
        plain = self._sealer.open(row.sealed_headers, bound_to=row.bound_to())
        headers = msgspec.json.decode(plain, type=dict[str, str])
        return {name.lower().encode(): value.encode() for name, value in headers.items()}
