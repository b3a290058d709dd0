"""An address for every page of the dashboard, with ids of an installation that has something to show.

For the walk through all pages, the screenshots and the bench: a page without an example here fails them.
"""

from typing import Any

import httpx

from gatewayops.testing.peer_process import PeerFailed
from gatewayops.web import pages

# pattern: (route of the API, its list, the field that goes into the address)
_FIRST: dict[str, tuple[str, str, str]] = {
    "/traces/{trace_id}": ("/v1/traces", "traces", "id"),
    "/runs/{run_id}": ("/v1/runs", "runs", "id"),
    "/alerts/{id}": ("/v1/alerts/incidents", "incidents", "id"),
    "/alerts/rules/{id}": ("/v1/alerts/rules", "rules", "id"),
    "/budgets/{id}": ("/v1/budgets", "budgets", "id"),
    "/servers/{server}/tools/{tool:path}": ("/v1/servers/demo/tools", "tools", "name"),
    "/exports/{export}": ("/v1/exports", "exports", "name"),
    "/keys/{key}": ("/v1/auth/keys", "keys", "id"),
    "/people/{user}": ("/v1/users", "users", "id"),
    "/roles/{role}": ("/v1/roles", "roles", "name"),
    "/roles/policies/{policy}": ("/v1/policies", "policies", "id"),
    "/end-users/{end_user}": ("/v1/end-users", "end_users", "id"),
    "/sso/{provider}": ("/v1/identity-providers", "identity_providers", "name"),
}
_SERVER = "demo"
_SIGNED_IN = "notes"  # people sign in there
_OF_SUCH = ("/servers/{server}/branding",)
_DENY = {"subject_kind": "organization", "effect": "deny", "server": "demo", "action": "tools.call"}
_MADE: dict[str, dict[str, Any]] = {  # what demo data has none of; at addresses that no name service knows
    # before the policy: who makes a provider must hold all that it could give
    "/v1/identity-providers": {"name": "works", "kind": "oidc", "enabled": False},
    "/v1/servers": {"name": _SIGNED_IN, "url": "https://notes.example/mcp", "auth": "platform_oauth"},
    "/v1/exports": {"name": "collector", "endpoint": "https://otlp.example", "enabled": False},
    "/v1/policies": _DENY | {"named": "delete*", "description": "Nothing is deleted by agents"},
    "/v1/end-users": {"email": "una@example.com", "name": "Una", "password": "four unrelated words here"},
}
_CONFLICT = 409


def examples(client: httpx.Client) -> dict[str, str]:
    """By pattern; `client` may ask and change all. Raises PeerFailed for a page without an example."""
    _make(client)
    found = {pattern: pattern for pattern, _ in pages.SHOWN if "{" not in pattern}
    for pattern, _ in pages.SHOWN:
        if pattern.startswith("/servers/{server}") and pattern not in _FIRST:
            found[pattern] = pattern.replace("{server}", _SIGNED_IN if pattern in _OF_SUCH else _SERVER)
    for pattern, (route, name, field) in _FIRST.items():
        rows = client.get(route, params={"limit": 1}).json()[name]
        if not rows:
            msg = f"{route} lists nothing, so {pattern} cannot be shown"
            raise PeerFailed(msg)
        start, _, end = pattern.replace("{server}", _SERVER).replace("}", "{").split("{")
        found[pattern] = f"{start}{rows[0][field]}{end}"
    two = [run["id"] for run in client.get("/v1/runs", params={"limit": 2}).json()["runs"]]
    found["/runs/compare"] = f"/runs/compare?a={two[0]}&b={two[-1]}"
    missing = {pattern for pattern, _ in pages.SHOWN} - found.keys()
    if missing:
        msg = f"no example for {', '.join(sorted(missing))}: add it to gatewayops.testing.dashboard_pages"
        raise PeerFailed(msg)
    return found


def _make(client: httpx.Client) -> None:
    """Makes what is not there yet."""
    token = client.get("/v1/auth/session").json()["form_token"]
    for route, body in _MADE.items():
        made = client.post(route, json=body, headers={"X-GatewayOps-Token": token})
        if not made.is_success and made.status_code != _CONFLICT:
            msg = f"{route}: {made.status_code} {made.text}"
            raise PeerFailed(msg)
