"""Permissions as people give them: checked, so that a wrong word is refused instead of granting or denying
nothing, and brought to the one form that is compared."""

import re
from collections.abc import Iterable

from gatewayops.base.errors import InvalidInput
from gatewayops.identity.scopes import CONTROL_ACTIONS, check_mcp_action
from gatewayops.policy.access.glob import matcher
from gatewayops.store.snapshot import ANY, Permission

_SERVER = re.compile(r"[a-z0-9*][a-z0-9*-]{0,62}")
_ACTION = re.compile(r"[A-Za-z0-9_.*]{1,128}")
_MCP = "mcp."


def checked(*, effect: str, server: str, action: str, named: str = ANY) -> Permission:
    """A permission that can match something. `mcp.tools.call` is `tools.call`. Raises InvalidInput."""
    if effect not in ("allow", "deny"):
        msg = "effect: allow or deny"
        raise InvalidInput(msg)
    if not _ACTION.fullmatch(action):
        msg = "action: words with dots, and *, such as tools.call or tools.*"
        raise InvalidInput(msg)
    if not server:
        return _of_control(effect, action, named)
    if not _SERVER.fullmatch(server):
        msg = "server: a server's name, in which * stands for any text"
        raise InvalidInput(msg)
    if action in CONTROL_ACTIONS:
        msg = (
            f"action: {action} is an action of the control API, which belongs to no server; leave server out"
        )
        raise InvalidInput(msg)
    check_mcp_action("action", action)
    if not named:
        msg = "named: a tool, prompt or URI, in which * stands for any text"
        raise InvalidInput(msg)
    return Permission(effect, server, action.removeprefix(_MCP), named)


def wide_scopes(permissions: Iterable[Permission]) -> tuple[str, ...]:
    """Actions for a key that a role is to govern: all of MCP, and of the control API what the role allows.

    Not simply everything: should the role be taken away one day, these are what remains.
    """
    allowed = [each.action for each in permissions if each.effect == "allow" and not each.server]
    if ANY in allowed:
        return (ANY,)
    covered = [action for action in CONTROL_ACTIONS if any(matcher(each)(action) for each in allowed)]
    return ("mcp.*", *covered)


def _of_control(effect: str, action: str, named: str) -> Permission:
    covers = matcher(action)
    if not any(map(covers, CONTROL_ACTIONS)):
        msg = (
            f"action: {action} is no action of the control API; for an MCP action name a server, or * for all"
        )
        raise InvalidInput(msg)
    if named != ANY:
        msg = "named: actions of the control API name nothing"
        raise InvalidInput(msg)
    return Permission(effect, "", action)
