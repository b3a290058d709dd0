"""The roles that every organisation has. They are code, not rows: nobody can change or remove them."""

from gatewayops.store.snapshot import ANY, Permission, RoleRow

_ALLOW = "allow"
_CONTROL = ""  # no server: an action of the control API

ADMIN = RoleRow(
    id="role_admin",
    org_id="",
    name="admin",
    permissions=(Permission(_ALLOW, ANY, ANY), Permission(_ALLOW, _CONTROL, ANY)),
)
DEVELOPER = RoleRow(
    id="role_developer",
    org_id="",
    name="developer",
    permissions=(
        Permission(_ALLOW, ANY, ANY),
        Permission(_ALLOW, _CONTROL, "*.read"),
        Permission(_ALLOW, _CONTROL, "keys.own"),
        Permission(_ALLOW, _CONTROL, "connections.own"),
        Permission(_ALLOW, _CONTROL, "telemetry.write"),
    ),
)
VIEWER = RoleRow(
    id="role_viewer",
    org_id="",
    name="viewer",
    permissions=(
        Permission(_ALLOW, ANY, "tools.list"),
        Permission(_ALLOW, ANY, "resources.list"),
        Permission(_ALLOW, ANY, "resources.templates.list"),
        Permission(_ALLOW, ANY, "prompts.list"),
        Permission(_ALLOW, _CONTROL, "*.read"),
    ),
)

PREDEFINED = (ADMIN, DEVELOPER, VIEWER)
DESCRIPTIONS = {
    ADMIN.id: "Everything, in MCP and in the control API.",
    DEVELOPER.id: "Every MCP action on every server; reads in the control API; own keys and connections.",
    VIEWER.id: "Reads in the control API; lists of servers, which show what else is granted. Calls nothing.",
}


def predefined(ref: str) -> RoleRow | None:
    """One of them by id, or by name in any case."""
    name = ref.lower()
    return next((role for role in PREDEFINED if name in (role.id, role.name)), None)
