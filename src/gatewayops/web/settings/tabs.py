"""The pages of the settings, as far as a person may see them."""

from gatewayops.web.visit import Visit

_TABS = (
    ("Organisation", "/settings", "directory.read"),
    ("Retention", "/settings/retention", "retention.read"),
    ("Masking", "/settings/masking", "masking.read"),
    ("Limits", "/settings/limits", "limits.read"),
    ("Prices", "/settings/prices", "prices.read"),
    ("Keys and secrets", "/settings/secrets", "secrets.read"),
)


def tabs(visit: Visit) -> list[tuple[str, str]]:
    """Labels and paths."""
    return [(label, path) for label, path, action in _TABS if visit.may(action)]
