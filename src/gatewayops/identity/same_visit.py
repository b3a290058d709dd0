"""What was found out about a caller, for further questions of the same page.

A page asks the API several times on behalf of one browser. Who that is and what the rules say is looked up
once; each question is still authorised by itself. Only code within the process can put a visit into an ASGI
scope: a server makes scopes of what clients send, and clients send no keys of it. Changes look everything up.
"""

import time
from collections.abc import MutableMapping
from typing import Any

_KEY = "gatewayops.same_visit"
_GOOD_FOR_S = 2.0
_READING = "GET"


class SameVisit:
    """Of one request of a browser; forgets after two seconds, however long its page takes."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._found: dict[object, tuple[float, Any]] = {}

    def known(self, about: object) -> Any:  # noqa: ANN401 - whatever was kept
        """What was found about it a moment ago; None when it must be looked up."""
        at_s, found = self._found.get(about, (0.0, None))
        return found if time.monotonic() - at_s <= _GOOD_FOR_S else None

    def keep(self, about: object, found: object) -> None:
        """From now on."""
        self._found[about] = time.monotonic(), found

    def in_scope(self) -> dict[str, object]:
        """What marks a question as one of this visit."""
        return {_KEY: self}


def of(scope: MutableMapping[str, Any]) -> SameVisit:
    """The visit that a question belongs to; for changes and all else a new one, of which nothing is known."""
    found = scope.get(_KEY) if scope["method"] == _READING else None
    return found if isinstance(found, SameVisit) else SameVisit()
