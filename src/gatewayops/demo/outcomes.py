"""What comes of a call: an answer, a failure of the server, or a refusal by the gateway."""

import json
from datetime import datetime
from random import Random
from typing import NamedTuple

from gatewayops.base.errors import Reason
from gatewayops.demo.incidents import FAILING_EVERY, SLOW_FACTOR, Incident, Kind
from gatewayops.demo.runs import ReadyTool
from gatewayops.demo.words import Words

_TIMEOUT_NS = 30_000_000_000
_REFUSED = 0.012  # of the calls
_LIMITED = 0.35  # of a runaway's
_UNAVAILABLE = -32_603


class Outcome(NamedTuple):
    """Fields of the record; a call costs something where the server answered."""

    status: str
    reason: str
    http_status: int
    rpc_code: int
    detail: str
    upstream_ns: int
    answer: str
    has_cost: bool


class Refusal(NamedTuple):
    """Why the gateway refuses, and what it says."""

    reason: Reason
    http_status: int
    says: str


_LIMIT = Refusal(Reason.RATE_EXCEEDED, 429, "too many calls: 120 a minute are allowed")
_REFUSALS = (
    Refusal(Reason.ROLE_NOT_GRANTED, 403, "no role of yours grants {server}/{tool}"),
    Refusal(Reason.ARGUMENTS_INVALID, 400, "the arguments of {server}/{tool} do not fit its schema"),
    Refusal(
        Reason.TOOL_HELD, 403, "{server}/{tool} is held: its definition changed and nobody approved it yet"
    ),
    _LIMIT,
)


class Outcomes:
    """Rolls them; incidents make some servers worse for a while."""

    def __init__(
        self, random: Random, words: Words, incidents: tuple[Incident, ...], names: dict[str, str]
    ) -> None:
        """`names` are what the servers are called here."""
        self._random = random
        self._words = words
        self._tried = 0  # calls of a server that fails
        self._failing, self._slow, self._runaway = (
            {names.get(one.of, one.of): one for one in incidents if one.kind is kind}
            for kind in (Kind.FAILING, Kind.SLOW, Kind.RUNAWAY)
        )

    def of(self, tool: ReadyTool, agent: str, at: datetime) -> Outcome:
        """What comes of one call at that moment."""
        random = self._random
        runaway = self._runaway.get(agent)
        if runaway is not None and runaway.holds(at) and random.random() < _LIMITED:
            return _refused(_LIMIT, tool)
        if random.random() < _REFUSED:
            return _refused(random.choice(_REFUSALS), tool)
        took_ns = int(random.lognormvariate(tool.log_ns, tool.spread))
        slow = self._slow.get(tool.server)
        if slow is not None and slow.holds(at):
            took_ns = int(took_ns * SLOW_FACTOR)
        failing = self._failing.get(tool.server)
        if failing is not None and failing.holds(at):
            self._tried += 1
            if self._tried % FAILING_EVERY == 0:
                return _gone(tool, took_ns)
        if random.random() < tool.failures:
            return self._failed(tool, took_ns)
        text = self._words.fill(tool.answers)
        return Outcome("success", "", 200, 0, "", took_ns, _content(text, is_error=False), has_cost=True)

    def _failed(self, tool: ReadyTool, took_ns: int) -> Outcome:
        roll = self._random.random()
        if roll < 0.7:
            answer = _content(json.dumps(tool.failure)[1:-1], is_error=True)
            return Outcome("error", Reason.TOOL_ERROR, 200, 0, tool.failure, took_ns, answer, has_cost=True)
        if roll < 0.85:
            detail = f"{tool.server} did not answer within 30 s"
            answer = _error("mcp_timeout", Reason.UPSTREAM_TIMEOUT, detail)
            return Outcome(
                "timeout", Reason.UPSTREAM_TIMEOUT, 504, 0, detail, _TIMEOUT_NS, answer, has_cost=False
            )
        return _gone(tool, took_ns)


def _gone(tool: ReadyTool, took_ns: int) -> Outcome:
    answer = json.dumps({"code": _UNAVAILABLE, "message": tool.failure})
    return Outcome(
        "error", Reason.UPSTREAM_ERROR, 200, _UNAVAILABLE, tool.failure, took_ns, answer, has_cost=False
    )


def _refused(why: Refusal, tool: ReadyTool) -> Outcome:
    says = why.says.format(server=tool.server, tool=tool.name)
    answer = _error("rate_limited" if why is _LIMIT else "forbidden", why.reason, says)
    return Outcome("error", why.reason, why.http_status, 0, says, 0, answer, has_cost=False)


def _content(text: str, *, is_error: bool) -> str:
    return f'{{"content":[{{"type":"text","text":"{text}"}}],"isError":{"true" if is_error else "false"}}}'


def _error(code: str, reason: Reason, says: str) -> str:
    return json.dumps({"error": code, "reason": reason, "message": says})
