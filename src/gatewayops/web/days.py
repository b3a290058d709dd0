"""Periods of whole UTC days, as pages of costs and analytics have them in their addresses."""

from dataclasses import dataclass
from datetime import date, timedelta

from gatewayops.base import clock
from gatewayops.web.visit import Visit

PRESETS = (("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"), ("month", "This month"))
_LENGTHS = {"7d": 7, "30d": 30, "90d": 90}
_DEFAULT = "30d"


@dataclass(frozen=True, slots=True)
class Days:
    """Both days included, YYYY-MM-DD as the API takes them; `preset` is empty for a custom period."""

    preset: str
    start: str
    end: str

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the API, and of our pages for the same period."""
        return {"start_date": self.start, "end_date": self.end}


def days_asked(visit: Visit) -> Days:
    """`start_date` and `end_date` of the address, else its `period`, else the last 30 days."""
    start, end = visit.asked("start_date"), visit.asked("end_date")
    today = clock.now().date()
    if start or end:
        last = end or today.isoformat()
        return Days("", start or _back(last, _LENGTHS[_DEFAULT]), last)
    preset = visit.asked("period", _DEFAULT)
    if preset == "month":
        return Days(preset, today.replace(day=1).isoformat(), today.isoformat())
    preset = preset if preset in _LENGTHS else _DEFAULT
    return Days(preset, _back(today.isoformat(), _LENGTHS[preset]), today.isoformat())


def _back(end: str, length: int) -> str:
    """The first of so many days; empty (so that the API says what is wrong) where the end is no date."""
    try:
        return (date.fromisoformat(end) - timedelta(days=length - 1)).isoformat()
    except (ValueError, OverflowError):
        return ""
