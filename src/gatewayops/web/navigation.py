"""Where the dashboard leads: its areas in order, and which action of the API each needs to show anything."""

from dataclasses import dataclass

from gatewayops.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the navigation; shown to whoever holds one of `actions`. `icon` is a symbol of icons.html."""

    label: str
    path: str
    icon: str
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Places under one heading."""

    label: str
    places: tuple[Place, ...]


GROUPS = (
    Group(
        "Observe",
        (
            Place("Overview", "/", "home"),
            Place("Traces", "/traces", "list", ("traces.read",)),
            Place("Runs", "/runs", "play", ("traces.read",)),
            Place("Metrics", "/metrics/calls", "pulse", ("metrics.read",)),
            Place("Analytics", "/analytics", "people", ("analytics.read",)),
            Place("Alerts", "/alerts", "bell", ("alerts.read",)),
            Place("Logs", "/logs", "text", ("traces.read",)),
        ),
    ),
    Group(
        "Spend",
        (
            Place("Costs", "/costs", "coin", ("costs.read",)),
            Place("Budgets", "/budgets", "gauge", ("budgets.read",)),
        ),
    ),
    Group(
        "Govern",
        (
            Place("Servers", "/servers", "server", ("servers.read",)),
            Place("API keys", "/keys", "key", ("keys.read", "keys.own")),
            Place("People", "/people", "person", ("directory.read",)),
            Place("Roles and policies", "/roles", "shield", ("roles.read", "policies.read")),
            Place("End users", "/end-users", "badge", ("end_users.read",)),
            Place("Sign-in (SSO)", "/sso", "door", ("sso.read",)),
            Place("Audit log", "/audit", "book", ("audit.read",)),
        ),
    ),
    Group(
        "Set up",
        (
            Place("Exports", "/exports", "send", ("exports.read",)),
            Place("Settings", "/settings", "cog", ("directory.read", "masking.read", "retention.read")),
        ),
    ),
)


def shown_to(visit: Visit) -> list[Group]:
    """The navigation as this person sees it."""
    found = []
    for group in GROUPS:
        places = tuple(place for place in group.places if is_shown(place, visit))
        if places:
            found.append(Group(group.label, places))
    return found


def is_shown(place: Place, visit: Visit) -> bool:
    """Whether the person holds an action that the place needs."""
    return not place.actions or any(visit.may(action) for action in place.actions)


def current(path: str) -> str:
    """The navigation's path that a page at `path` belongs to."""
    places = (place.path for group in GROUPS for place in group.places)
    return next((found for found in places if _first(found) == _first(path)), "")


def _first(path: str) -> str:
    return path.strip("/").partition("/")[0]
