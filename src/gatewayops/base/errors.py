"""The tree of errors, and the closed list of reasons why a call may end badly.

GatewayOpsError            500 internal
├── InvalidInput           400 invalid_request   what the caller sent makes no sense
│   └── TooLarge           413 too_large
├── Unauthenticated        401 unauthorized
├── Forbidden              403 forbidden
├── NotFound               404 not_found
├── Conflict               409 conflict
├── TooMany                429 rate_limited
├── UpstreamError          502 mcp_error         the MCP server behind failed
│   └── UpstreamTimeout    504 mcp_timeout
└── Unavailable            503 unavailable       a part of ours is not there right now

Packages subclass these beside the code that raises. The doors turn them into answers.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Reason(StrEnum):
    """Why a call did not succeed. Closed: metric label, audit field and `reason` of every error."""

    KEY_MISSING = "key_missing"
    KEY_UNKNOWN = "key_unknown"
    KEY_EXPIRED = "key_expired"
    KEY_CHECKS_BUSY = "key_checks_busy"
    TOKEN_MISSING = "token_missing"  # noqa: S105 - a word, no secret
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a word, no secret
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a word, no secret
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a word, no secret
    SCOPE_INSUFFICIENT = "scope_insufficient"
    HOST_NOT_ALLOWED = "host_not_allowed"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    SERVER_UNKNOWN = "server_unknown"
    SERVER_NOT_GRANTED = "server_not_granted"
    ACTION_NOT_GRANTED = "action_not_granted"
    ROLE_NOT_GRANTED = "role_not_granted"
    TOOL_HELD = "tool_held"
    RATE_EXCEEDED = "rate_exceeded"
    BUDGET_SPENT = "budget_spent"
    ARGUMENTS_INVALID = "arguments_invalid"
    PATTERN_DENIED = "pattern_denied"
    COUNTERS_UNAVAILABLE = "counters_unavailable"
    SESSION_UNKNOWN = "session_unknown"
    SIGN_IN_FAILED = "sign_in_failed"
    SECOND_FACTOR_REQUIRED = "second_factor_required"
    CONFIRMATION_REQUIRED = "confirmation_required"
    MALFORMED_JSON = "malformed_json"
    INVALID_REQUEST = "invalid_request"
    TOO_LARGE = "too_large"
    HEADER_MISMATCH = "header_mismatch"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CLIENT_SLOW = "client_slow"
    CLIENT_GONE = "client_gone"
    SERVER_BUSY = "server_busy"
    CIRCUIT_OPEN = "circuit_open"
    UPSTREAM_ADDRESS = "upstream_address"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_BROKEN = "upstream_broken"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_SIGN_IN = "upstream_sign_in"
    TOOL_ERROR = "tool_error"
    NOT_READY = "not_ready"
    RECORD_UNAVAILABLE = "record_unavailable"
    INTERNAL = "internal"


class GatewayOpsError(Exception):
    """The root: `status` is the HTTP status, `code` the stable word that REST answers carry."""

    status = 500
    code = "internal"
    reason = Reason.INTERNAL
    headers: tuple[tuple[str, str], ...] = ()  # HTTP headers that the answer carries besides
    extra: Mapping[str, Any] = MappingProxyType(
        {}
    )  # fields of the answer's body besides; a JSON-RPC error has them in data

    def __init__(self, detail: str, reason: Reason | None = None) -> None:
        """`detail` is shown to the caller: it says what to do and never holds a secret."""
        super().__init__(detail)
        self.detail = detail
        if reason is not None:
            self.reason = reason


class InvalidInput(GatewayOpsError):
    """What the caller sent makes no sense; the detail names the field."""

    status = 400
    code = "invalid_request"
    reason = Reason.INVALID_REQUEST


class TooLarge(InvalidInput):
    """A body over the limit that the settings give."""

    status = 413
    code = "too_large"
    reason = Reason.TOO_LARGE


class Unauthenticated(GatewayOpsError):
    """No key, or none that we know."""

    status = 401
    code = "unauthorized"
    reason = Reason.KEY_UNKNOWN


class Forbidden(GatewayOpsError):
    """A known caller who may not do this."""

    status = 403
    code = "forbidden"
    reason = Reason.ACTION_NOT_GRANTED


class NotFound(GatewayOpsError):
    """Nothing of that name or id in the caller's organisation."""

    status = 404
    code = "not_found"
    reason = Reason.NOT_FOUND


class Conflict(GatewayOpsError):
    """The name is taken, or the state has moved on."""

    status = 409
    code = "conflict"
    reason = Reason.CONFLICT


class TooMany(GatewayOpsError):
    """Come back later."""

    status = 429
    code = "rate_limited"
    reason = Reason.SERVER_BUSY


class UpstreamError(GatewayOpsError):
    """The MCP server behind failed or could not be reached."""

    status = 502
    code = "mcp_error"
    reason = Reason.UPSTREAM_ERROR


class UpstreamTimeout(UpstreamError):
    """The MCP server behind did not answer in time."""

    status = 504
    code = "mcp_timeout"
    reason = Reason.UPSTREAM_TIMEOUT


class Unavailable(GatewayOpsError):
    """A part of ours is not there right now; trying again may help."""

    status = 503
    code = "unavailable"
    reason = Reason.NOT_READY
