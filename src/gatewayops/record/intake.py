"""The intake of exported telemetry: unpacked, checked, masked, and in the spool before it is acknowledged.

One thread does all of that, a request after another: maskers and spool writers are for one thread, and the
loop stays free for the API. What cannot be kept up with is refused with a hint to come back.
"""

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gatewayops.base import clock
from gatewayops.base.errors import TooLarge, Unavailable
from gatewayops.protocol import otlp
from gatewayops.record import spool
from gatewayops.record.masking import Masker
from gatewayops.record.otlp import wire
from gatewayops.record.otlp.sender import Refusals, Sender, Window
from gatewayops.record.settings import RecordSettings
from gatewayops.record.spool import SpoolBroken, SpoolWriter

_MOST_WAITING = 64
_MOST_WAITING_BYTES = 256 << 20
_SWELLING = 4  # times a body may grow in the spool, where what a resource says stands in each record
_LOOK_S = 1.0


class Backlog(Unavailable):
    """More waits than we may keep; whoever exports holds on to it and comes back."""


@dataclass(frozen=True, slots=True)
class Export:
    """A request as it came."""

    signal: wire.Signal
    form: str
    encoding: str
    body: bytes


class Intake:
    """One a control role. `close` at its end."""

    def __init__(self, root: Path, settings: RecordSettings, *, retention_days: int) -> None:
        """`root` holds a spool a signal, named by its noun."""
        self._root = root
        self._settings = settings
        self._retention_days = retention_days
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._writers: dict[str, SpoolWriter] = {}
        self._waiting = 0
        self._waiting_bytes = 0
        self._looked_at_s = 0.0
        self._backlog_bytes = 0

    async def take(self, export: Export, sender: Sender, masker: Masker) -> Refusals:
        """Returns when what is good of it is on disk; says what was not taken.

        Raises InvalidInput and TooLarge for good, Backlog and SpoolBroken for now.
        """
        size = len(export.body)
        if self._waiting >= _MOST_WAITING or self._waiting_bytes + size > _MOST_WAITING_BYTES:
            msg = "too many exports at once; try again"
            raise Backlog(msg)
        self._waiting += 1
        self._waiting_bytes += size
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._take, export, sender, masker)
        finally:
            self._waiting -= 1
            self._waiting_bytes -= size

    def close(self) -> None:
        """After the last request: lets the recorders have the rest."""
        self._thread.shutdown()
        for writer in self._writers.values():
            writer.close()

    def _take(self, export: Export, sender: Sender, masker: Masker) -> Refusals:
        self._check_backlog()
        body = wire.inflated(export.body, export.encoding, limit_bytes=self._settings.otlp_body_bytes)
        request = wire.request_of(export.signal, body, export.form)
        window = Window.around(time.time_ns(), retention_days=self._retention_days)
        is_json = export.form == otlp.JSON
        limit = self._settings.body_limit_bytes
        reader = export.signal.reader(sender, window, masker, is_json=is_json, body_limit=limit)
        blocks = export.signal.kind.blocks(reader.records(request))
        payloads = _bounded(blocks, limit_bytes=_SWELLING * self._settings.otlp_body_bytes)
        if payloads:
            self._writer(export.signal.noun).append(*payloads)
        return reader.refusals

    def _writer(self, noun: str) -> SpoolWriter:
        if noun not in self._writers:
            try:
                self._writers[noun] = SpoolWriter(
                    self._root / noun, segment_bytes=self._settings.segment_bytes
                )
            except OSError as error:
                msg = f"the spool cannot be written: {error.strerror}"
                raise SpoolBroken(msg) from error
        return self._writers[noun]

    def _check_backlog(self) -> None:
        """Raises Backlog; looks at the disk once a second."""
        now_s = clock.unix_s()
        if abs(now_s - self._looked_at_s) >= _LOOK_S:
            self._looked_at_s = now_s
            self._backlog_bytes = _size(self._root)
        if self._backlog_bytes > self._settings.otlp_backlog_bytes:
            msg = "the store is behind with what was exported (setting record.otlp_backlog_bytes); try again"
            raise Backlog(msg)


def _bounded(blocks: Iterable[bytes], *, limit_bytes: int) -> list[bytes]:
    payloads: list[bytes] = []
    size = 0
    for payload in blocks:
        size += len(payload)
        if size > limit_bytes:
            msg = "the batch is too large once each record has its resource; send smaller batches"
            raise TooLarge(msg)
        payloads.append(payload)
    return payloads


def _size(root: Path) -> int:
    size = 0
    for folder in root.glob("*"):
        for path in spool.segments(folder):
            try:
                size += path.stat().st_size
            except FileNotFoundError:
                continue  # stored meanwhile
    return size
