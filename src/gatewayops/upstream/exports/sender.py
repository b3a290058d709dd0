"""The task of one destination: batches of its queue, sent until acknowledged or refused for good."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from gatewayops.record.exports.queue import Batch, ExportQueue
from gatewayops.record.exports.spans import request_of
from gatewayops.upstream.exports.delivery import Answer, Deliver, Verdict

_BATCH = 500
_IDLE_S = 0.5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0

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
        request = await asyncio.to_thread(request_of, batch.records, with_payloads=self._with_payloads)
        answer = await self._deliver(request)
        if answer.verdict is Verdict.AGAIN:
            self._queue.failed(answer.told)
            self._failures += 1
            return wait_s(self._failures, asked_s=answer.retry_after_s)
        self._failures = 0
        self._settle(batch, answer)
        return 0

    def _settle(self, batch: Batch, answer: Answer) -> None:
        count = len(batch.records)
        if answer.verdict is Verdict.REFUSED:
            self._queue.commit(batch, sent=0, refused=count, error=answer.told)
            return
        rejected = min(answer.rejected, count)
        self._queue.commit(batch, sent=count - rejected, refused=rejected, error=answer.why)


def wait_s(failures: int, *, asked_s: float) -> float:
    """Doubles up to a minute, half of it by chance; never shorter than the other side asks."""
    longest = min(_FIRST_WAIT_S * (1 << min(failures - 1, 10)), _LONGEST_WAIT_S)
    return max(asked_s, longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
