"""The answers of one turn of the event loop: they leave together, after their records are on disk."""

import asyncio

from gatewayops.gateway.call_log import CallLog
from gatewayops.record.spool import SpoolBroken
from gatewayops.upstream.write_batch import WriteBatch

_BODY = b'{"error":"unavailable","reason":"record_unavailable","message":"the call could not be recorded"}'
_NOT_RECORDED = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class AnswerBatch(WriteBatch):
    """Commits the records first. When the spool takes none, nobody is told that his call is done."""

    def __init__(self, loop: asyncio.AbstractEventLoop, calls: CallLog) -> None:
        """One a worker."""
        super().__init__(loop)
        self._calls = calls
        calls.commit_with(self.wake)

    def flush(self) -> None:
        """Records, then answers; without records a 503, or a broken stream where a head has gone out."""
        try:
            self._calls.commit()
        except SpoolBroken:
            pending, self._pending = self._pending, []
            for transport, data in pending:
                if data.startswith(b"HTTP/1.1 "):
                    transport.write(_NOT_RECORDED)
                transport.close()
            return
        super().flush()
