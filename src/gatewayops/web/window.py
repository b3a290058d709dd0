"""Windows of time, as pages have them in their addresses: a length up to now, or from and to."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gatewayops.base import clock
from gatewayops.web.rest import RECENT_S
from gatewayops.web.visit import Visit

LENGTHS = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
PRESETS = (
    ("15m", "15 min"),
    ("1h", "Hour"),
    ("6h", "6 hours"),
    ("24h", "24 hours"),
    ("7d", "7 days"),
    ("30d", "30 days"),
)
_OF_LISTS = ("1h", "24h", "7d", "30d")
_OF_LISTS_USUAL = "24h"


@dataclass(frozen=True, slots=True)
class Window:
    """As the API takes it, `end` excluded; no end is now. `preset` is empty for a time of one's own."""

    preset: str
    start: str
    end: str = ""

    @property
    def is_moving(self) -> bool:
        """Whether what happens next falls into it."""
        return not self.end

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the API."""
        return {"start_time": self.start, "end_time": self.end}

    @property
    def before(self) -> dict[str, str]:
        """The same of as long just before; nothing where a time is none."""
        try:
            start, end = _utc(self.start), _utc(self.end)
            return {"start_time": (start - (end - start)).isoformat(), "end_time": start.isoformat()}
        except (ValueError, OverflowError):
            return {}

    @property
    def start_field(self) -> str:
        """For an input of a form, to the second."""
        return self.start[:19]

    @property
    def end_field(self) -> str:
        """For an input of a form, to the second."""
        return self.end[:19]


def a_moment_ago() -> datetime:
    """Up to when pages ask for figures that `Rest.recent` may remember: the same for all who look at once."""
    return clock.a_moment_ago(RECENT_S)


def asked_window(visit: Visit) -> Window:
    """Of a list: a time of one's own comes before a length; without either it is a day up to now."""
    start, end = visit.asked("start_time"), visit.asked("end_time")
    if start or end:
        return Window("", start, end)
    preset = visit.asked("window", _OF_LISTS_USUAL)
    preset = preset if preset in _OF_LISTS else _OF_LISTS_USUAL
    return Window(preset, (clock.now() - LENGTHS[preset]).isoformat())


def ended_window(visit: Visit, default: str = "1h") -> Window:
    """Of figures, which need both ends: `start_time` and `end_time`, else `window`, up to now."""
    start, end = visit.asked("start_time"), visit.asked("end_time")
    now = clock.now()
    preset = visit.asked("window", default)
    preset = preset if preset in LENGTHS else default
    if not start and not end:
        return Window(preset, _text(now - LENGTHS[preset]), _text(now))
    end = end or _text(now)
    return Window("", start or _back(end, LENGTHS[preset]), end)


def _back(end: str, length: timedelta) -> str:
    """So long before; empty (so that the API says what is wrong) where `end` is no time."""
    try:
        return _text(_utc(end) - length)
    except (ValueError, OverflowError):
        return ""


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
