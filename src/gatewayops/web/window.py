"""The time that a list shows, as its page's address says: one of a few lengths up to now, or from and to."""

from dataclasses import dataclass
from datetime import timedelta

from gatewayops.base import clock
from gatewayops.web.visit import Visit

LENGTHS = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("24 hours", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
USUAL = "24h"


@dataclass(frozen=True, slots=True)
class Window:
    """`start` and `end` are for the API: no end is now. `name` is empty for a time of one's own."""

    name: str
    start: str
    end: str = ""

    @property
    def is_moving(self) -> bool:
        """Whether what happens next falls into it."""
        return not self.end


def asked_window(visit: Visit) -> Window:
    """A time of one's own comes before a length; without either it is a day."""
    start, end = visit.asked("start_time"), visit.asked("end_time")
    if start or end:
        return Window("", start, end)
    name = visit.asked("window", USUAL)
    name = name if name in LENGTHS else USUAL
    return Window(name, (clock.now() - LENGTHS[name][1]).isoformat())
