"""Exports in the control role: a follower fills the queues of destinations, and each has a task that sends.

Destinations are read again every second, so that changes need no restart. A batch of records is in the queues
before its position in the spool is kept: a process killed between the two queues it again, with the same
span ids.
"""

import asyncio
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Step
from gatewayops.record.exports.queue import ExportQueue
from gatewayops.record.exports.spans import Filter
from gatewayops.store.control import exports, spool_positions
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.control.exports import Destination
from gatewayops.upstream.exports.delivery import connected, opened_target
from gatewayops.upstream.exports.sender import Sender

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_RETRY_S = 5.0


class Exports:
    """A `record.consumers.SpoolConsumer` and the tasks that send. Its owner runs `run` as a task."""

    name = "exports"

    def __init__(self, database: Database, credentials: Credentials, folder: Path, *, max_bytes: int) -> None:
        """Reads nothing yet. Each destination's queue is a folder of its id below `folder`."""
        self._database = database
        self._credentials = credentials
        self._folder = folder
        self._max_bytes = max_bytes
        self._queues: dict[str, ExportQueue] = {}
        self._senders: dict[str, tuple[Destination, asyncio.Task[None]]] = {}

    async def offsets(self) -> dict[str, int]:
        """Where it stands in the spool."""
        async with self._database.reading() as session:
            return await spool_positions.offsets(session, self.name)

    async def take(self, records: Sequence[CallRecord], step: Step) -> None:
        """Into each queue what its destination wants. Raises PositionMoved."""
        async with self._database.reading() as session:
            wanted = await exports.every(session)
        for destination in wanted:
            if destination.spec.is_enabled and (chosen := _chosen(destination, records)):
                await asyncio.to_thread(self._queue(destination.id).append, chosen)
        async with self._database.session() as session:
            await spool_positions.advance(session, self.name, step)

    async def run(self) -> None:
        """Keeps a sender for every destination until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except Exception:  # noqa: BLE001 - the outermost loop of a task that must outlive the database
                    _log.warning("the control store does not say where to export to", exc_info=True)
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            for export_id in list(self._senders):
                await self._stop(export_id)
            for queue in self._queues.values():
                queue.close()

    async def look(self) -> None:
        """Starts, restarts and ends senders as the store has it."""
        async with self._database.reading() as session:
            known = {row.id: row for row in await exports.every(session)}
        for export_id, (destination, _) in list(self._senders.items()):
            if known.get(export_id) != destination:
                await self._stop(export_id)
        for export_id, destination in known.items():
            if destination.spec.is_enabled and export_id not in self._senders:
                task = asyncio.create_task(self._keep_sending(destination), name=f"export {export_id}")
                self._senders[export_id] = destination, task
        await self._clear(set(known))

    async def _keep_sending(self, destination: Destination) -> None:
        queue = self._queue(destination.id)
        while True:
            try:
                target = await opened_target(self._credentials, destination)
                async with connected(target) as deliver:
                    await Sender(queue, deliver, with_payloads=destination.spec.with_payloads).run()
            except Exception as error:  # noqa: BLE001 - one odd destination must not end its own task for good
                _log.exception("the export %s failed and starts again", destination.id)
                queue.failed(f"inside GatewayOps: {type(error).__name__}")
                await asyncio.sleep(_RETRY_S)

    async def _stop(self, export_id: str) -> None:
        _, task = self._senders.pop(export_id)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _clear(self, known: set[str]) -> None:
        """What waits for a destination that was removed goes with it."""
        if not self._folder.exists():
            return
        for folder in self._folder.iterdir():
            if folder.name not in known:
                queue = self._queues.pop(folder.name, None)
                if queue is not None:
                    queue.close()
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _queue(self, export_id: str) -> ExportQueue:
        if export_id not in self._queues:
            self._queues[export_id] = ExportQueue(self._folder / export_id, max_bytes=self._max_bytes)
        return self._queues[export_id]


def _chosen(destination: Destination, records: Sequence[CallRecord]) -> list[CallRecord]:
    """What it wants of them; payloads wait on disk only for who gets them."""
    spec = destination.spec
    wants = Filter(spec.servers, spec.statuses, spec.sample_ratio).wants
    chosen = [record for record in records if record.org_id == destination.org_id and wants(record)]
    if spec.with_payloads:
        return chosen
    return [msgspec.structs.replace(record, request_body="", response_body="") for record in chosen]
