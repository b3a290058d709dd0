"""One call of a run as a record: who, what, how long, what it cost; masked as the gateway masks."""

from datetime import datetime
from random import Random

import msgspec

from gatewayops.cost.prices import FREE, Price, estimated_tokens
from gatewayops.demo.outcomes import Outcome, Outcomes
from gatewayops.demo.runs import Caller, ReadyTool
from gatewayops.demo.words import Words
from gatewayops.record.call_record import CallRecord
from gatewayops.record.masking import Masker

ENV = "demo"  # of every record: the mark
_BODY_BYTES = 64 << 10
_HEAD_BYTES = 120  # of a request, besides its arguments
_TRACED, _IN_SESSION = 0.5, 0.8  # of the runs share a trace; those up to here a session; the others neither
_VERSIONS = {"modern": "2026-07-28", "legacy": "2025-06-18"}
_UNKNOWN_KEY = 0.002  # how often a key's hash has to be looked at


class Run(msgspec.Struct):
    """What the calls of one run share."""

    caller: Caller
    era: str
    trace_id: str = ""
    parent_span_id: str = ""
    session: str = ""
    made: int = 0


def begun(random: Random, caller: Caller) -> Run:
    """A run: of one trace, of a session, or of calls that only the clock holds together."""
    roll = random.random()
    if roll < _TRACED or caller.agent.door == "rest":
        era = "" if caller.agent.door == "rest" else "modern"
        return Run(caller, era, trace_id=f"{random.getrandbits(128):032x}", parent_span_id=_span_id(random))
    if roll < _IN_SESSION:
        return Run(caller, "legacy", session=_span_id(random))
    return Run(caller, "modern")


class CallMaker:
    """Makes records of an organisation. `ts_ns` is for whoever knows when the run begins."""

    def __init__(
        self, random: Random, words: Words, outcomes: Outcomes, *, org_id: str, masker: Masker
    ) -> None:
        """`masker` is the organisation's own."""
        self._random = random
        self._words = words
        self._outcomes = outcomes
        self._org_id = org_id
        self._masker = masker

    def call(self, run: Run, tool: ReadyTool, at: datetime) -> CallRecord:
        """A call of a tool."""
        outcome = self._outcomes.of(tool, run.caller.agent.name, at)
        asked = self._words.fill(tool.asks).encode()
        price = tool.price if outcome.has_cost else None
        return self._record(run, (tool.server, "tools/call", tool.name), asked, outcome, price)

    def listing(self, run: Run, server: str, answer: str) -> CallRecord:
        """A look at a server's tools."""
        took_ns = int(self._random.lognormvariate(16.5, 0.4))
        outcome = Outcome("success", "", 200, 0, "", took_ns, answer, has_cost=False)
        return self._record(run, (server, "tools/list", ""), b"{}", outcome, None)

    def _record(
        self, run: Run, what: tuple[str, str, str], asked: bytes, outcome: Outcome, price: Price | None
    ) -> CallRecord:
        random, caller, masker = self._random, run.caller, self._masker
        answered = outcome.answer.encode()
        request, is_request_cut, response, is_response_cut = masker.bodies(asked, answered, _BODY_BYTES)
        tokens = (estimated_tokens(len(asked)), estimated_tokens(len(answered))) if price else (0, 0)
        auth_ns, policy_ns, rest_ns = self._own_times()
        server, method, tool = what
        run.made += 1
        return CallRecord(
            ts_ns=0,
            duration_ns=auth_ns + policy_ns + outcome.upstream_ns + rest_ns,
            org_id=self._org_id,
            key_id=caller.key_id,
            user_id=caller.user_id,
            team_id=caller.team_id,
            project_id=caller.project_id,
            env=ENV,
            trace_id=run.trace_id or f"{random.getrandbits(128):032x}",
            span_id=_span_id(random),
            parent_span_id=run.parent_span_id,
            door=caller.agent.door,
            era=run.era,
            method=method,
            server=server,
            tool=tool,
            resource_uri="",
            status=outcome.status,
            reason=str(outcome.reason),
            http_status=outcome.http_status,
            rpc_code=outcome.rpc_code,
            error_detail=masker.text(outcome.detail) if outcome.detail else "",
            auth_ns=auth_ns,
            policy_ns=policy_ns,
            upstream_ns=outcome.upstream_ns,
            request_bytes=len(asked) + _HEAD_BYTES,
            response_bytes=len(answered),
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            cost_micros=(price or FREE).of(*tokens),
            request_body=request,
            response_body=response,
            is_request_cut=is_request_cut,
            is_response_cut=is_response_cut,
            agent=caller.agent.name,
            session=run.session,
            rpc_id=str(run.made),
            request_id="",
            protocol_version=_VERSIONS.get(run.era, ""),
            client_address=caller.address,
        )

    def _own_times(self) -> tuple[int, int, int]:
        """What the gateway itself takes: for the key, for the rules, for the rest."""
        random = self._random
        auth_ns = random.randint(9_000, 40_000)
        if random.random() < _UNKNOWN_KEY:
            auth_ns += random.randint(45_000_000, 70_000_000)
        return auth_ns, random.randint(5_000, 30_000), random.randint(90_000, 320_000)


def _span_id(random: Random) -> str:
    return f"{random.getrandbits(64):016x}"
