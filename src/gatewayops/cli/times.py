"""Times as people type them: `30d`, `90m`, `2026-05-01`, `2026-05-01T10:00:00Z`."""

import re
from datetime import UTC, datetime, timedelta

from gatewayops.cli.root import WrongUsage

_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str, *, option: str) -> timedelta:
    """A length of time such as `30d`. Raises WrongUsage, which names the option."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or int(found.group(1)) == 0:
        msg = f"{option} {text}: a number and s, m, h, d or w, such as 24h"
        raise WrongUsage(msg)
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def moment(text: str, *, option: str) -> datetime:
    """A moment in ISO 8601; without a zone it is UTC. Raises WrongUsage."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        msg = f"{option} {text}: a date or time such as 2026-05-01 or 2026-05-01T10:00:00Z"
        raise WrongUsage(msg) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def expiry(text: str, now: datetime, *, option: str = "--expires") -> str:
    """When something ends, as the API takes it: so long from now, or at a moment. Raises WrongUsage."""
    if _SPAN.fullmatch(text.strip().lower()):
        return at_border(now + span(text, option=option))
    return at_border(moment(text, option=option))


def at_border(found: datetime) -> str:
    """ISO 8601 in UTC with `Z`."""
    return found.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
