"""Addresses that differ from a page's own in a few parameters, so that links keep all other filters."""

from urllib.parse import urlencode

from gatewayops.web.visit import Visit


def changed(visit: Visit, **given: object) -> str:
    """This page with these parameters; those that are None or empty are taken out, and so is the cursor."""
    kept = [(key, value) for key, value in visit.request.query_params.multi_items() if key not in given]
    kept = [(key, value) for key, value in kept if key != "cursor"]
    added = [(key, str(value)) for key, value in given.items() if value not in (None, "")]
    query = urlencode([*kept, *added])
    return f"{visit.request.url.path}?{query}" if query else visit.request.url.path
