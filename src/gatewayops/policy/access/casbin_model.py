"""Access in Casbin's words: the model and the truth.

`Grants` compiles the same rules for speed. A property test holds the two together, and `explain` asks
both. Enforcing takes milliseconds, and importing Casbin a while: never on the path of a call.
"""

import re

import casbin
from casbin.rbac.default_role_manager.role_manager import RoleManager

from gatewayops.identity.principal import Principal
from gatewayops.policy.access.rulebook import KEY, ORGANIZATION, TEAM, USER
from gatewayops.store.predefined_roles import PREDEFINED
from gatewayops.store.snapshot import Permission, Snapshot

MODEL = """
[request_definition]
r = sub, door, server, action, named

[policy_definition]
p = sub, door, server, action, named, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.door == p.door && g(r.sub, p.sub) && glob(r.server, p.server) && \
    (p.eft == "allow" && r.action == "" || glob(r.action, p.action) && \
     (glob(r.named, p.named) || p.eft == "allow" && r.named == "" && glob(r.action, "*.list")))
"""
_MCP = "mcp"
_CONTROL = "control"
_UNGOVERNED = "ungoverned"


class Truth:
    """Casbin's enforcer for one principal of a snapshot: their chain, roles and policies."""

    def __init__(self, snapshot: Snapshot, principal: Principal) -> None:
        """Loads what belongs to the principal's organisation."""
        model = casbin.Model()
        model.load_model_from_text(MODEL)
        self._enforcer = casbin.Enforcer(model)
        self._enforcer.set_named_role_manager("g", RoleManager(len(snapshot.teams) + 10))
        self._enforcer.add_function("glob", _glob)
        self._caller = f"caller:{principal.key_id}"
        self._load(snapshot, principal)
        held = self._enforcer.get_implicit_roles_for_user(self._caller)
        if not principal.is_person and not any(name.startswith("role:") for name in held):
            self._enforcer.add_grouping_policies([[self._caller, _UNGOVERNED]])

    def allows(self, server: str, action: str, named: str) -> bool:
        """Whether roles and policies allow it; scopes are another question. No server: the control API."""
        door = _MCP if server else _CONTROL
        return bool(self._enforcer.enforce(self._caller, door, server, action, named))

    def _load(self, snapshot: Snapshot, principal: Principal) -> None:
        org_id, access = principal.org_id, snapshot.access
        top = _name(ORGANIZATION, org_id)
        links = [[self._caller, top]]
        links += [[self._caller, _name(KEY, principal.key_id)]] if principal.key_id else []
        links += [[self._caller, _name(TEAM, principal.team_id)]] if principal.team_id else []
        links += [[self._caller, _name(USER, principal.user_id)]] if principal.user_id else []
        links += [
            [_name(USER, row.id), _name(TEAM, row.team_id)]
            for row in access.users
            if row.org_id == org_id and row.team_id
        ]
        links += [
            [_name(TEAM, row.id), _name(TEAM, row.parent_id)]
            for row in snapshot.teams
            if row.org_id == org_id and row.parent_id
        ]
        links += [
            [_name(row.subject_kind, row.subject_id), f"role:{row.role_id}"]
            for row in access.bindings
            if row.org_id == org_id
        ]
        lines = [
            [f"role:{role.id}", *_words(permission)]
            for role in (*PREDEFINED, *access.roles)
            if role.org_id in ("", org_id)
            for permission in role.permissions
        ]
        lines += [
            [_name(row.subject_kind, row.subject_id), *_words(row.permission)]
            for row in access.policies
            if row.org_id == org_id
        ]
        lines += [[_UNGOVERNED, door, "*", "*", "*", "allow"] for door in (_MCP, _CONTROL)]
        self._enforcer.add_policies(_unique(lines))
        self._enforcer.add_grouping_policies(_unique(links))


def _unique(lines: list[list[str]]) -> list[list[str]]:
    """Casbin adds none of a batch that says something twice."""
    return [list(line) for line in dict.fromkeys(map(tuple, lines))]


def _name(kind: str, subject_id: str) -> str:
    return f"{kind}:{subject_id}"


def _words(permission: Permission) -> list[str]:
    door = _MCP if permission.server else _CONTROL
    return [door, permission.server, permission.action, permission.named, permission.effect]


def _glob(text: str, pattern: str) -> bool:
    """On purpose not the compiled one's code."""
    expression = ".*".join(map(re.escape, pattern.split("*")))
    return re.fullmatch(expression, text, re.DOTALL) is not None
