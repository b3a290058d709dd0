"""The task of one destination: batches of its queue, sent until acknowledged or refused for good."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from gatewayops.record.exports.queue import Batch, ExportQueue
from gatewayops.record.exports.spans import request_of
from gatewayops.upstream.exports.delivery import Answer

_BATCH = 500
_IDLE_S = 0.5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_RETRIED = frozenset({0, 429, 502, 503, 504})  # OTLP/HTTP's retryable answers, and none at all
_EXCERPT = 300

Deliver = Callable[[bytes], Awaitable[Answer]]
Sleep = Callable[[float], Awaitable[None]]


class Sender:
    """Its owner runs `run` as a task; one batch is in memory at a time."""

    def __init__(
        self, queue: ExportQueue, deliver: Deliver, *, with_payloads: bool, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Sends nothing yet."""
        self._queue = queue
        self._deliver = deliver
        self._with_payloads = with_payloads
        self._sleep = sleep
        self._failures = 0

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            wait_s = await self.step()
            if wait_s:
                await self._sleep(wait_s)

    async def step(self) -> float:
        """Sends one batch; how long to wait before the next step."""
        batch = await asyncio.to_thread(self._queue.next_batch, _BATCH)
        if batch is None:
            return _IDLE_S
        if not batch.records:
            self._queue.commit(batch, sent=0)
            return 0
        request = request_of(batch.records, with_payloads=self._with_payloads)
        answer = await self._deliver(request.SerializeToString())
        if answer.status in _RETRIED:
            self._queue.failed(told(answer))
            self._failures += 1
            return wait_s(self._failures, answer.retry_after)
        self._failures = 0
        self._settle(batch, answer)
        return 0

    def _settle(self, batch: Batch, answer: Answer) -> None:
        count = len(batch.records)
        if not 200 <= answer.status < 300:
            self._queue.commit(batch, sent=0, refused=count, error=told(answer))
            return
        rejected, why = _partial(answer.body)
        rejected = min(rejected, count)
        self._queue.commit(batch, sent=count - rejected, refused=rejected, error=why)


def wait_s(failures: int, retry_after: str) -> float:
    """Doubles up to a minute, half of it by chance; never shorter than the other side asks, to the hour."""
    longest = min(_FIRST_WAIT_S * (1 << min(failures - 1, 10)), _LONGEST_WAIT_S)
    asked = min(float(retry_after), 3600.0) if retry_after.isdecimal() else 0.0
    return max(asked, longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def told(answer: Answer) -> str:
    """What the other side said, for people."""
    if not answer.status:
        return answer.error
    return f"HTTP {answer.status} {excerpt(answer)}".rstrip()


def excerpt(answer: Answer) -> str:
    """The beginning of a body, as printable text."""
    text = answer.body[:_EXCERPT].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def _partial(body: bytes) -> tuple[int, str]:
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:  # acknowledged all the same: the status says so
        return 0, ""
    return max(partial.rejected_spans, 0), partial.error_message[:_EXCERPT]
