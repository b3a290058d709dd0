"""What a key may do: which actions there are, and that nobody hands out more than they hold."""

import re
from difflib import get_close_matches

from gatewayops.base.errors import Forbidden, InvalidInput
from gatewayops.identity.principal import Principal, grants
from gatewayops.protocol.methods import KNOWN

CONTROL_ACTIONS = (
    "keys.read",
    "keys.write",
    "keys.own",
    "roles.read",
    "roles.write",
    "policies.read",
    "policies.write",
    "servers.read",
    "servers.write",
    "pins.read",
    "pins.write",
    "prices.read",
    "prices.write",
    "budgets.read",
    "budgets.write",
    "limits.read",
    "limits.write",
    "validation.read",
    "validation.write",
    "transforms.read",
    "transforms.write",
    "directory.read",
    "directory.write",
    "end_users.read",
    "end_users.write",
    "connections.own",
    "connections.read",
    "connections.write",
    "sso.read",
    "sso.write",
    "masking.read",
    "masking.write",
    "secrets.read",
    "secrets.write",
    "audit.read",
    "audit.write",
    "exports.read",
    "exports.write",
    "traces.read",
    "costs.read",
    "analytics.read",
    "metrics.read",
    "retention.read",
    "retention.write",
    "alerts.read",
    "alerts.write",
    "telemetry.write",
)
DEFAULT_SERVERS = ("*",)
DEFAULT_ACTIONS = ("mcp.*", "traces.read", "costs.read")

_CONTROL_NOUNS = frozenset(action.split(".")[0] for action in CONTROL_ACTIONS)
_ACTION = re.compile(r"\*|[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*\.([A-Za-z0-9_]+|\*)")
_SERVER = re.compile(r"\*|[a-z0-9][a-z0-9-]{0,62}")
_MCP_ACTIONS = tuple(method.action for method in KNOWN.values() if method.action)
_MCP_NOUNS = tuple({action.split(".")[0]: None for action in _MCP_ACTIONS})
_ALIKE = 0.8


def check_scopes(servers: tuple[str, ...], actions: tuple[str, ...]) -> None:
    """Raises InvalidInput for what can never match: a typing error would otherwise deny silently."""
    for server in servers:
        if not _SERVER.fullmatch(server):
            msg = "scopes.mcp_servers: each is a server's name or *"
            raise InvalidInput(msg)
    for action in actions:
        noun, _, verb = action.partition(".")
        is_known = noun not in _CONTROL_NOUNS or verb == "*" or action in CONTROL_ACTIONS
        if not _ACTION.fullmatch(action) or not is_known:
            msg = (
                "scopes.actions: each is *, mcp.*, an MCP method such as tools.call, or one of "
                + ", ".join(CONTROL_ACTIONS)
            )
            raise InvalidInput(msg)
        if noun not in _CONTROL_NOUNS:
            check_mcp_action("scopes.actions", action)


def check_mcp_action(field: str, action: str) -> None:
    """Raises InvalidInput for what is nearly an action of MCP, such as `tool.call`: it would match nothing.

    Methods that we do not know (of vendors and extensions) pass, but for those under a noun of MCP's own.
    """
    noun, dot, _ = action.removeprefix("mcp.").partition(".")
    if "*" in noun:
        return
    if noun not in _MCP_NOUNS:
        alike = get_close_matches(noun.lower(), _MCP_NOUNS, n=1, cutoff=_ALIKE)
        if not alike:
            return
        noun = alike[0]
    elif dot:
        wanted, star, _ = action.removeprefix("mcp.").partition("*")
        if wanted in _MCP_ACTIONS or (star and any(known.startswith(wanted) for known in _MCP_ACTIONS)):
            return
    of_noun = [known for known in _MCP_ACTIONS if known.startswith(f"{noun}.")]
    msg = f"{field}: {action} is no action of MCP; of {noun} there are {', '.join(of_noun)}, and {noun}.*"
    raise InvalidInput(msg)


def check_holds(creator: Principal, servers: tuple[str, ...], actions: tuple[str, ...]) -> None:
    """Raises Forbidden when the creator's own scopes do not cover these."""
    over = [server for server in servers if not grants(creator.servers, server)]
    over += [action for action in actions if not _covers(creator.actions, action)]
    if over:
        msg = f"your key does not hold what it would grant: {', '.join(over)}"
        raise Forbidden(msg)


def _covers(actions: tuple[str, ...], wanted: str) -> bool:
    if grants(actions, wanted):
        return True
    is_mcp_method = wanted != "*" and wanted.split(".")[0] not in _CONTROL_NOUNS
    return is_mcp_method and "mcp.*" in actions
