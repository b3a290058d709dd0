"""What went wrong in the period: a server that failed, one that was slow, an agent that ran away."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from gatewayops.base.errors import Reason
from gatewayops.record.call_record import CallRecord

_FRIDAY = 4
_WORKING_HOUR = 9


class Kind(StrEnum):
    """What it was."""

    FAILING = "failing"
    SLOW = "slow"
    RUNAWAY = "runaway"


class Incident(msgspec.Struct, frozen=True):
    """`of` is a server's name, for a runaway the agent's."""

    kind: Kind
    of: str
    start: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it is under way then."""
        return self.start <= at < self.end


_STORY = (
    (Kind.SLOW, "postgres", 0.35, 3),
    (Kind.FAILING, "jira", 0.62, 2),
    (Kind.RUNAWAY, "triage-bot", 0.85, 5),
)
_REFUSED = (400, 401, 403, 429)
FAILING_EVERY = 5  # calls one fails
SLOW_FACTOR = 9.0
RUNAWAY_WEIGHT = 1.6  # its calls, next to all others of a usual hour


def incidents_of(start: datetime, end: datetime) -> tuple[Incident, ...]:
    """Those of a period: on working days if there is one near, all of them over before its end."""
    found = []
    for kind, of, part, hours in _STORY:
        begin = _working(start + (end - start) * part, earliest=start)
        length = timedelta(hours=hours)
        latest = end - timedelta(hours=1) - length
        begin = max(start, min(begin, latest))
        found.append(Incident(kind, of, begin, begin + length))
    return tuple(found)


def _working(at: datetime, *, earliest: datetime) -> datetime:
    """The morning of that day, or of the Friday before where it is a weekend's."""
    morning = at.replace(hour=_WORKING_HOUR, minute=12, second=0, microsecond=0)
    friday = morning - timedelta(days=max(0, morning.weekday() - _FRIDAY))
    return friday if friday >= earliest else at


class Toll:
    """What an incident did: figures of the calls that it touched, for what people are told of it."""

    def __init__(self, incident: Incident, name: str) -> None:
        """`name` is what the server or the agent is called here."""
        self.incident = incident
        self.name = name
        self.calls = 0
        self.failures = 0
        self.limited = 0
        self._took_ns: list[int] = []
        self._from_ns, self._upto_ns = (int(at.timestamp() * 1e9) for at in (incident.start, incident.end))

    def see(self, record: CallRecord) -> None:
        """Counts the call if it is one of those."""
        is_during = self._from_ns <= record.ts_ns < self._upto_ns
        if not is_during or self.name not in (record.server, record.agent):
            return
        self.calls += 1
        self.failures += record.status != "success" and record.http_status not in _REFUSED
        self.limited += record.reason == Reason.RATE_EXCEEDED
        self._took_ns.append(record.duration_ns)

    @property
    def p95_ms(self) -> float:
        """Of the calls' durations, nearest rank."""
        ordered = sorted(self._took_ns) or [0]
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] / 1e6
