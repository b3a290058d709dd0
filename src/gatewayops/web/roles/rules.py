"""Rows of permissions as fields of a form: those that there are and some empty ones, without a script."""

from gatewayops.web.rest import Json
from gatewayops.web.visit import Form, Visit

FREE = 3
KINDS = [("team", "Team"), ("user", "Person"), ("key", "API key"), ("organization", "Everybody here")]
_MOST = 200
_TABS = [
    ("Roles", "/roles", "roles.read"),
    ("Policies", "/roles/policies", "policies.read"),
    ("Why?", "/roles/explain", "policies.read"),
]


def tabs(visit: Visit) -> list[tuple[str, str]]:
    """The pages of the area that this person may open."""
    return [(label, path) for label, path, action in _TABS if visit.may(action)]


def with_free_rows(permissions: list[Json]) -> list[Json]:
    """What there is, then rows to fill in."""
    free = {"effect": "allow", "server": "", "action": "", "named": "*"}
    return [*permissions, *(free for _ in range(FREE))]


def given(form: Form) -> list[Json]:
    """The rows that say something and are not to go."""
    rows = (_row(form, f".{at}") for at in range(_MOST + FREE) if not form.is_on(f"gone.{at}"))
    return [row for row in rows if row["action"]]


def one(form: Form) -> Json:
    """The single rule of a policy."""
    return _row(form, "")


def _row(form: Form, ending: str) -> Json:
    return {
        "effect": form[f"effect{ending}"] or "allow",
        "server": form[f"server{ending}"],
        "action": form[f"action{ending}"],
        "named": form[f"named{ending}"] or "*",
    }
