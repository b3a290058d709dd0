"""Nobody hands out more than they hold.

The comparison is by pattern and errs towards no: what two permissions of the giver cover only together
counts as not held. Who is at the machine (`--data`) holds everything.
"""

from collections.abc import Iterable

from gatewayops.base.errors import Forbidden, Reason
from gatewayops.identity.principal import Principal, grants
from gatewayops.identity.scopes import CONTROL_ACTIONS
from gatewayops.policy.access.glob import covers, matcher, overlap
from gatewayops.policy.access.matching import ALLOW, DENY, is_control, spoken
from gatewayops.policy.access.rulebook import RuleBook
from gatewayops.policy.decision import ALLOW as ALLOWED
from gatewayops.policy.grants import Grants
from gatewayops.store.snapshot import ANY, Permission

_MAX_SCOPES = 2_000  # pairs of servers and actions that one key's scopes are compared by


def check_holds(book: RuleBook, giver: Principal, permissions: Iterable[Permission]) -> None:
    """Raises Forbidden unless the giver holds each, as an allow: by scopes, roles and policies."""
    for permission in permissions:
        if not giver.is_local_admin and not _holds(book, giver, permission):
            msg = f"you do not hold what this would give: {_bare(permission)}"
            raise Forbidden(msg, Reason.ROLE_NOT_GRANTED)


def check_not_wider(book: RuleBook, giver: Principal, taker: Principal) -> None:
    """Raises Forbidden where roles and policies let the taker do what they don't let the giver.

    Scopes are compared elsewhere (identity.scopes.check_holds).
    """
    if giver.is_local_admin:
        return
    allows, denies = _sides(book, giver)
    wanted, withheld = _sides(book, taker)
    is_governed = book.governs(giver)
    if not book.governs(taker):
        wanted = _of_scopes(taker)
    for permission in wanted:
        is_within = not is_governed or any(_covers(held, permission) for held in allows)
        escaped = [deny for deny in denies if _meet(deny, permission) and not _covered(deny, withheld)]
        if not is_within or escaped:
            msg = (
                f"the key would have more than yours: {spoken(permission)}"
                if not is_within
                else f"the key would escape what binds yours: {spoken(escaped[0])}"
            )
            raise Forbidden(msg, Reason.ROLE_NOT_GRANTED)


def check_keeps(grants_now: Grants, caller: Principal, action: str) -> None:
    """Raises Forbidden when the caller's own change would take `action` from them: a way of no return."""
    if grants_now.decide_control(caller, action) is not ALLOWED:
        msg = f"you would lock yourself out: after this you may not {action}"
        raise Forbidden(msg, Reason.ROLE_NOT_GRANTED)


def check_still_governed(before: RuleBook, after: RuleBook, caller: Principal) -> None:
    """Raises Forbidden when the caller's last role would go: their key's scopes alone would govern then."""
    if not caller.is_local_admin and before.governs(caller) and not after.governs(caller):
        msg = "this is the last role that governs you; somebody else must take it away"
        raise Forbidden(msg, Reason.ROLE_NOT_GRANTED)


def _holds(book: RuleBook, giver: Principal, permission: Permission) -> bool:
    if not _in_scopes(giver, permission):
        return False
    allows, denies = _sides(book, giver)
    if any(_meet(deny, permission) for deny in denies):
        return False
    return not book.governs(giver) or any(_covers(held, permission) for held in allows)


def _sides(book: RuleBook, principal: Principal) -> tuple[list[Permission], list[Permission]]:
    held = [rule.permission for rule in book.rules(principal)]
    return [each for each in held if each.effect == ALLOW], [each for each in held if each.effect == DENY]


def _in_scopes(giver: Principal, permission: Permission) -> bool:
    if is_control(permission):
        if permission.action == ANY:
            return ANY in giver.actions
        named = filter(matcher(permission.action), CONTROL_ACTIONS)
        return all(grants(giver.actions, action) for action in named)
    is_on_server = ANY in giver.servers or permission.server in giver.servers
    return is_on_server and any(_scope_covers(scope, permission.action) for scope in giver.actions)


def _scope_covers(scope: str, action: str) -> bool:
    if scope in (ANY, "mcp.*"):
        return True
    return covers(scope.removeprefix("mcp."), action)


def _of_scopes(principal: Principal) -> list[Permission]:
    """What scopes alone allow, as permissions; everything when they are too many to compare one by one."""
    everything = [Permission(ALLOW, ANY, ANY), Permission(ALLOW, "", ANY)]
    if len(principal.servers) * len(principal.actions) > _MAX_SCOPES:
        return everything
    found: list[Permission] = []
    for action in principal.actions:
        if not action.startswith("mcp."):
            found.append(Permission(ALLOW, "", action))
        found += [Permission(ALLOW, server, action.removeprefix("mcp.")) for server in principal.servers]
    return [each for each in found if not is_control(each) or _is_real(each)]


def _is_real(permission: Permission) -> bool:
    return any(map(matcher(permission.action), CONTROL_ACTIONS))


def _covers(wide: Permission, narrow: Permission) -> bool:
    if is_control(wide) != is_control(narrow):
        return False
    pairs = (wide.server, narrow.server), (wide.action, narrow.action), (wide.named, narrow.named)
    return all(covers(*pair) for pair in pairs)


def _covered(permission: Permission, by: list[Permission]) -> bool:
    return any(_covers(wide, permission) for wide in by)


def _meet(one: Permission, other: Permission) -> bool:
    if is_control(one) != is_control(other):
        return False
    pairs = (one.server, other.server), (one.action, other.action), (one.named, other.named)
    return all(overlap(*pair) for pair in pairs)


def _bare(permission: Permission) -> str:
    return spoken(permission).partition(" ")[2]
