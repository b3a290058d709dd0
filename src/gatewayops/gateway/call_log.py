"""Writes the records of calls: masked, into the spool, before the answers leave; and counts them.

All records of one turn of the event loop are made and written together: one system call, and code that
is still warm from the record before.
"""

import hashlib
import logging
import time
from collections.abc import Callable

import msgspec

from gatewayops.cost.budgets.accounts import settle
from gatewayops.gateway.call import Call, Outcome
from gatewayops.gateway.metrics import Metrics
from gatewayops.identity.principal import ANONYMOUS, KEY
from gatewayops.policy.terms import Filed
from gatewayops.protocol.methods import KNOWN
from gatewayops.record.masking import Masker, Maskers
from gatewayops.record.spool import SpoolBroken, SpoolWriter

log = logging.getLogger(__name__)

_PLAIN_ID = 12  # longer digits might be a card
_encode = msgspec.msgpack.Encoder().encode


class CallLog:
    """One a worker. A call is written once, whatever happens after."""

    def __init__(self, spool: SpoolWriter, metrics: Metrics, *, body_limit_bytes: int) -> None:
        """`body_limit_bytes`: how much of a request and a response is kept."""
        self._spool = spool
        self._metrics = metrics
        self._limit = body_limit_bytes
        self.maskers = Maskers()
        self._waiting: list[tuple[Call, Outcome, int]] = []
        self.is_healthy = True

    def commit_with(self, wake: Callable[[], None]) -> None:
        """`wake` is called for each record: its giver calls `commit` soon after, before answers leave."""
        self._wake = wake

    def probe(self) -> None:
        """Asked before a call while the spool is broken: raises SpoolBroken until the disk takes records."""
        self._spool.probe()
        self.is_healthy = True

    def write(self, call: Call, outcome: Outcome) -> None:
        """Takes the record in; it is on disk before the turn's answers leave (see AnswerBatch)."""
        if call.is_recorded:
            return
        call.is_recorded = True
        self._wake()
        self._waiting.append((call, outcome, time.perf_counter_ns() - call.started_ns))

    def commit(self) -> None:
        """Masks and writes what was taken in, by one write. Raises SpoolBroken: then none may be answered."""
        waiting = self._waiting
        if not waiting:
            return
        self._waiting = []
        try:
            self._spool.append(*self._records(waiting))
        except SpoolBroken as error:
            self.is_healthy = False
            _settle(waiting, is_recorded=False)
            log.error("calls are not answered as done: %s", error)  # noqa: TRY400 - the trace says no more
            raise
        _settle(waiting, is_recorded=True)
        count = self._metrics.count
        for call, outcome, duration_ns in waiting:
            count(call, outcome, duration_ns)

    def _records(self, waiting: list[tuple[Call, Outcome, int]]) -> list[bytes]:
        try:
            return [_encode(self._record(*entry)) for entry in waiting]
        except Exception as error:  # a bug of ours must not let an answer leave unrecorded
            log.exception("a record could not be made")
            msg = "a record could not be made; it was logged"
            raise SpoolBroken(msg) from error

    def _record(self, call: Call, outcome: Outcome, duration_ns: int) -> tuple[object, ...]:
        """The members of a CallRecord, in its order: as msgpack the same, and cheaper to make."""
        masker = self.maskers.of(call.principal.org_id)
        text = masker.text
        request_body, is_request_cut, response_body, is_response_cut = masker.bodies(
            call.shown_request, outcome.payload, self._limit
        )
        terms, span, head = call.terms, call.span, call.head
        filed = terms.filed.get(call.door + head.era) if terms is not None else None
        who, what = filed or _filed(call, masker)
        agent = call.agent or head.product
        return (
            time.time_ns() - duration_ns,
            duration_ns,
            *who,
            span.trace_id,
            span.span_id,
            span.parent_id,
            *what,
            outcome.status,
            outcome.reason,
            outcome.http_status,
            outcome.rpc_code,
            text(outcome.detail) if outcome.detail else "",
            call.auth_ns,
            call.policy_ns,
            call.upstream_ns,
            call.request_bytes,
            outcome.size,
            outcome.input_tokens,
            outcome.output_tokens,
            outcome.cost_micros,
            request_body,
            response_body,
            is_request_cut,
            is_response_cut,
            text(agent) if agent else "",
            hashlib.sha256(call.session.encode()).hexdigest()[:16] if call.session else "",
            _rpc_id(call, masker),
            text(head.request_id) if head.request_id else "",
            text(head.version) if head.version else "",
            call.cycle.client if call.principal.kind != ANONYMOUS else "",
        )


def _filed(call: Call, masker: Masker) -> Filed:
    """Who called what, as records have it; kept with the terms that it is the same for."""
    principal = call.terms.principal if call.terms is not None else call.principal
    method = call.method_name
    subject = masker.text(call.subject) if call.subject else ""
    is_uri = method == "resources/read"
    who = (
        principal.org_id,
        principal.key_id if principal.kind == KEY else principal.client_id,
        principal.user_id,
        principal.team_id,
        principal.project_id,
        principal.env,
    )
    what = (
        call.door,
        call.era,
        method if method in KNOWN else masker.text(method),
        call.upstream.name if call.upstream is not None else masker.text(call.server_name),
        "" if is_uri else subject,
        subject if is_uri else "",
    )
    if call.terms is not None:
        call.terms.filed[call.door + call.head.era] = who, what
    return who, what


def _settle(waiting: list[tuple[Call, Outcome, int]], *, is_recorded: bool) -> None:
    """What was set aside becomes what it cost, in the moment in which the record counts (see accounts.py)."""
    for call, outcome, _ in waiting:
        terms = call.terms
        if call.reserved_micros >= 0 and terms is not None:
            settle(terms.accounts, call.reserved_micros, outcome.cost_micros if is_recorded else 0)
            if outcome.output_tokens and terms.estimate is not None:
                terms.estimate.saw(outcome.output_tokens, time.time())


def _rpc_id(call: Call, masker: Masker) -> str:
    raw = call.message.rpc_id if call.message is not None else b""
    return (
        raw.decode()
        if len(raw) < _PLAIN_ID and raw.isdigit()
        else masker.text(raw.decode("utf-8", "replace"))
    )
