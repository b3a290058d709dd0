"""What one rule covers. The sentences of this file are those of `casbin_model.MODEL`, compiled."""

from collections.abc import Callable
from typing import NamedTuple

from gatewayops.policy.access.glob import matcher
from gatewayops.store.snapshot import Permission

ALLOW = "allow"
DENY = "deny"
_LIST = ".list"


class Question(NamedTuple):
    """May they? An empty `server` asks for an action of the control API; an empty action is a handshake."""

    server: str
    action: str
    named: str


Covers = Callable[[str, str, str], bool]


def compiled(permission: Permission) -> Covers:
    """Whether the permission speaks of (server, action, named), as a function that needs no parsing."""
    server, action, named = map(matcher, (permission.server, permission.action, permission.named))
    if permission.effect == ALLOW:
        return lambda on, do, what: (
            server(on) and (not do or (action(do) and (named(what) or (not what and do.endswith(_LIST)))))
        )
    return lambda on, do, what: server(on) and action(do) and named(what)


def is_control(permission: Permission) -> bool:
    """Whether it speaks of the control API rather than of MCP servers."""
    return not permission.server


def spoken(permission: Permission) -> str:
    """The permission in words.

    >>> spoken(Permission("deny", "github", "tools.call", "delete_*"))
    'deny tools.call of delete_* on github'
    """
    if is_control(permission):
        return f"{permission.effect} {permission.action} in the control API"
    what = "" if permission.named == "*" else f" of {permission.named}"
    where = "every server" if permission.server == "*" else permission.server
    action = "everything" if permission.action == "*" else permission.action
    return f"{permission.effect} {action}{what} on {where}"
