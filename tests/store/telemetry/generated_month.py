"""A month of traffic made from a plan: who came when, in which sessions, and what they called.

The plan is the truth: tests take their expectations from it, or from the constants that shaped it, never
from the records or from SQL. October 2025, and some of September for what came before.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from gatewayops.query.settings import AnalyticsSettings

OCTOBER = {"start_date": "2025-10-01", "end_date": "2025-10-31"}
FIRST, LAST = date(2025, 10, 1), date(2025, 10, 31)
ANALYTICS = AnalyticsSettings(
    argument_fields=("search.query", "docs/search.filters.language"),
    intents={"find": ("*/search",), "change": ("github/write", "pay"), "100%_sure": ("no_such*",)},
)
QUERIES = ("mcp", "oauth", "retry", "a 'quoted' one", "ü 50%")
SEGMENT_USERS = {"1-5": 30 + 33, "6-20": 18, "20+": 8}
FUNNEL_USERS = {"all": 12, "cart": 8, "browse": 5, "backwards": 3, "late": 2, "twice": 2, "only pay": 1}
_TOOLS = (("github", "search"), ("github", "read"), ("github", "write"), ("docs", "search"))
_IDLE = timedelta(minutes=30)
_JUST_LESS_NS = 30 * 60 * 10**9 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Use:
    """A call of the plan; a list of tools has no tool."""

    at_ns: int
    server: str
    tool: str = ""
    is_error: bool = False
    body: str = "{}"

    @property
    def name(self):
        return f"{self.server}/{self.tool}"


@dataclass(frozen=True)
class Session:
    """Calls of one user that belong together; `legacy` when the client named the session itself."""

    user: str
    calls: tuple[Use, ...]
    legacy: str = ""

    @property
    def day(self):
        return (_EPOCH + timedelta(microseconds=self.calls[0].at_ns // 1000)).date()

    @property
    def tool_calls(self):
        return [call for call in self.calls if call.tool]


def plan():
    """All sessions, October's and September's."""
    return [*_regulars(), *_shoppers()]


def october(sessions, server=""):
    """Those of the month, as seen by one server or all; no session of the plan crosses midnight."""
    kept = [session for session in sessions if FIRST <= session.day <= LAST]
    if not server:
        return kept
    seen = [
        Session(one.user, tuple(call for call in one.calls if call.server == server), one.legacy)
        for one in kept
    ]
    return [one for one in seen if one.calls]


def records(sessions, record):
    """The plan as call records, with noise that must not count: another organisation's, spans of others."""
    made = []
    for session in sessions:
        identity = _identity(session.user)
        for call in session.calls:
            what = {
                "ts_ns": call.at_ns,
                "server": call.server,
                "tool": call.tool,
                "method": "tools/call" if call.tool else "tools/list",
                "status": "error" if call.is_error else "success",
                "request_body": call.body,
                "session": session.legacy,
            }
            made.append(record(**what, **identity))
    some = sessions[::7]
    made += [record(ts_ns=one.calls[0].at_ns + 5, org_id="org_b", user_id=f"b_{one.user}") for one in some]
    made += [record(ts_ns=one.calls[0].at_ns + 5, door="otlp", user_id=f"o_{one.user}") for one in some]
    return made


def _identity(user):
    """Users are known by an account, by a key, or by nothing but agent and address."""
    number = int(user[1:])
    if user[0] == "u":
        return {"user_id": user, "key_id": f"key_{number % 3}"}
    if user[0] == "k":
        return {"user_id": "", "key_id": f"key_of_{user}"}
    return {"user_id": "", "key_id": "", "agent": f"agent {number % 2}", "client_address": f"10.0.0.{number}"}


def _regulars():
    """56 users: 30 with 1 to 5 sessions in October, 18 with 6 to 20, 8 with more; a quarter came before."""
    for number in range(56):
        kind = "u" if number < 40 else "k" if number < 48 else "a"
        user = f"{kind}{number}"
        few_or_many = 1 + number % 5 if number < 30 else 21 + number - 48
        count = 6 + number % 15 if 30 <= number < 48 else few_or_many
        if number % 4 == 0:
            for old in range(2):
                yield _session(user, number, old, _midnight(date(2025, 9, 2 + number % 20 + 3 * old)))
        first = FIRST + timedelta(days=number * 7 % 20)
        free = (LAST - first).days + 1
        last_end = {}
        for turn in range(count):
            day = first + timedelta(days=turn % free)
            start = _midnight(day) + (turn // free) * 2 * 3600 * 10**9
            if number % 7 == 1 and day in last_end:
                start = last_end[day] + 30 * 60 * 10**9 - 6 * 3600 * 10**9  # exactly the gap that parts
            session = _session(user, number, turn, start)
            last_end[day] = session.calls[-1].at_ns
            yield session


def _session(user, number, turn, start_ns):
    """One to four calls after a list of tools, from six in the morning on."""
    is_legacy = number % 5 == 2
    gap_ns = 2 * 3600 * 10**9 if is_legacy else _JUST_LESS_NS if number % 3 == 0 else 45 * 10**9
    at_ns = start_ns + (6 * 3600 + number) * 10**9
    if turn and not is_legacy and number % 7 == 1:
        at_ns -= number * 10**9
    calls = [Use(at_ns, _TOOLS[(number + turn) % 4][0])]
    for place in range(1 + (number + turn) % 3):
        which = number + turn + place
        server, tool = _TOOLS[which % 4]
        query = QUERIES[(number + turn) % 5].replace('"', '\\"')
        body = f'{{"query":"{query}","filters":{{"language":"l{which % 3}","limit":{which % 2}}}}}'
        calls.append(Use(at_ns + (place + 1) * gap_ns, server, tool, which % 11 == 0, body))
    return Session(user, tuple(calls), f"{user}-{start_ns}-{turn}" if is_legacy else "")


def _shoppers():
    """33 users who come to the shop on the 15th, by how far they get."""
    noon_ns = _midnight(date(2025, 10, 15)) + 12 * 3600 * 10**9
    number = 100
    for kind, count in FUNNEL_USERS.items():
        for _ in range(count):
            yield from _visits(f"u{number}", kind, noon_ns + number * 10**9)
            number += 1


def _visits(user, kind, at_ns):
    steps = {
        "all": ("browse", "cart", "pay"),
        "cart": ("browse", "cart"),
        "browse": ("browse",),
        "backwards": ("cart", "browse"),
        "late": ("browse", "cart"),
        "twice": ("browse", "browse", "cart"),
        "only pay": ("pay",),
    }[kind]
    yield Session(
        user, tuple(Use(at_ns + place * 60 * 10**9, "shop", step) for place, step in enumerate(steps))
    )
    if kind == "late":
        yield Session(user, (Use(at_ns + 25 * 3600 * 10**9, "shop", "pay"),))


def _midnight(day):
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1000
