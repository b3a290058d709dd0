"""An address for every page of the dashboard, with ids of an installation that has something to show.

For the walk through all pages, the screenshots and the bench: a page without an example here fails them.
"""

from collections.abc import Callable
from typing import Any

import httpx

from gatewayops.testing.peer_process import PeerFailed
from gatewayops.web import pages

Asked = Callable[[str], Any]

# pattern: (route of the API, its list, the field that goes into the address)
_FIRST: dict[str, tuple[str, str, str]] = {
    "/alerts/{id}": ("/v1/alerts/incidents", "incidents", "id"),
    "/alerts/rules/{id}": ("/v1/alerts/rules", "rules", "id"),
    "/keys/{key}": ("/v1/auth/keys", "keys", "id"),
    "/people/{user}": ("/v1/users", "users", "id"),
    "/roles/{role}": ("/v1/roles", "roles", "name"),
    "/roles/policies/{policy}": ("/v1/policies", "policies", "id"),
    "/end-users/{end_user}": ("/v1/end-users", "end_users", "id"),
    "/sso/{provider}": ("/v1/identity-providers", "identity_providers", "name"),
}
_DENY = {"subject_kind": "organization", "effect": "deny", "server": "demo", "action": "tools.call"}
# What is made first where a list is empty: demo data has none of it.
_MADE = {
    "/v1/policies": _DENY | {"named": "delete*", "description": "Nothing is deleted by agents"},
    "/v1/end-users": {"email": "una@example.com", "name": "Una", "password": "four unrelated words here"},
    "/v1/identity-providers": {"name": "works", "kind": "oidc", "enabled": False},
}


def examples(client: httpx.Client) -> dict[str, str]:
    """By pattern; `client` may ask all of the API. Raises PeerFailed for a page without an example."""
    found = {pattern: pattern for pattern, _ in pages.SHOWN if "{" not in pattern}
    for pattern, (route, name, field) in _FIRST.items():
        rows = client.get(route, params={"limit": 1}).json()[name]
        if not rows and route in _MADE:
            token = client.get("/v1/auth/session").json()["form_token"]
            client.post(route, json=_MADE[route], headers={"X-GatewayOps-Token": token}).raise_for_status()
            rows = client.get(route, params={"limit": 1}).json()[name]
        if not rows:
            msg = f"{route} lists nothing, so {pattern} cannot be shown"
            raise PeerFailed(msg)
        start, end = pattern.index("{"), pattern.index("}") + 1
        found[pattern] = f"{pattern[:start]}{rows[0][field]}{pattern[end:]}"
    missing = {pattern for pattern, _ in pages.SHOWN} - found.keys()
    if missing:
        msg = f"no example for {', '.join(sorted(missing))}: add it to gatewayops.testing.dashboard_pages"
        raise PeerFailed(msg)
    return found
