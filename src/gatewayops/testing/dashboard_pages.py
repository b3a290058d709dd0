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
}


def examples(client: httpx.Client) -> dict[str, str]:
    """By pattern; `client` may ask all of the API. Raises PeerFailed for a page without an example."""
    found = {pattern: pattern for pattern, _ in pages.SHOWN if "{" not in pattern}
    for pattern, (route, name, field) in _FIRST.items():
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
