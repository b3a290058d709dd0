"""Times as people type them: `30d`, `90m`, `2026-05-01`, `2026-05-01T10:00:00Z`."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from gatewayops.cli.root import WrongUsage

Command = TypeVar("Command", bound=Callable[..., Any])

_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str, *, option: str) -> timedelta:
    """A length of time such as `30d`. Raises WrongUsage, which names the option."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or int(found.group(1)) == 0:
        msg = f"{option} {text}: a number and s, m, h, d or w, such as 24h"
        raise WrongUsage(msg)
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def length(seconds: int) -> str:
    """As `span` reads it, in the largest unit that holds it whole: `5m`, `36h`."""
    of = {"d": 86_400, "h": 3_600, "m": 60}
    unit = next((unit for unit, size in of.items() if seconds and seconds % size == 0), "s")
    return f"{seconds // of.get(unit, 1)}{unit}"


def moment(text: str, *, option: str) -> datetime:
    """A moment in ISO 8601; without a zone it is UTC. Raises WrongUsage."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        msg = f"{option} {text}: a date or time such as 2026-05-01 or 2026-05-01T10:00:00Z"
        raise WrongUsage(msg) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def window_options(command: Command) -> Command:
    """Adds --last, --from and --to, which the command gets as `last`, `start` and `end`; see `window`."""
    last = click.option("--last", metavar="SPAN", help="Such as 15m, 24h or 7d.")
    start = click.option("--from", "start", metavar="TIME", help="From this moment or day on, in UTC.")
    end = click.option("--to", "end", metavar="TIME", help="Before this moment, or to the end of this day.")
    return last(start(end(command)))


def window(last: str | None, start: str | None, end: str | None, now: datetime) -> dict[str, str]:
    """The API's start_time and end_time, as far as they were given. Raises WrongUsage."""
    if last and (start or end):
        msg = "give --last, or --from and --to"
        raise WrongUsage(msg)
    if last:
        return {"start_time": at_border(now - span(last, option="--last"))}
    for option, given in (("--from", start), ("--to", end)):
        if given:
            moment(given, option=option)
    return {name: given for name, given in (("start_time", start), ("end_time", end)) if given}


def expiry(text: str, now: datetime, *, option: str = "--expires") -> str:
    """When something ends, as the API takes it: so long from now, or at a moment. Raises WrongUsage."""
    if _SPAN.fullmatch(text.strip().lower()):
        return at_border(now + span(text, option=option))
    return at_border(moment(text, option=option))


def at_border(found: datetime) -> str:
    """ISO 8601 in UTC with `Z`."""
    return found.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
