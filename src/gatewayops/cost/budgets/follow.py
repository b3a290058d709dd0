"""Tells a gateway's accounts what was spent: the ledger's totals, and what the spool holds beyond them.

The ledger lags behind by a second; a spool never does, for a record is in it before its answer leaves. Both
together are exact at any moment, whoever died before: at the start, for a budget made meanwhile, and every
few seconds against drift. While control is away the last totals come from a file beside the snapshot.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.cost.budgets import totals
from gatewayops.cost.budgets.accounts import Budgets
from gatewayops.cost.budgets.settings import BudgetSettings
from gatewayops.cost.budgets.totals import LedgerState
from gatewayops.record import spool
from gatewayops.record.call_record import CallRecord
from gatewayops.store.snapshot import write_file

_log = logging.getLogger(__name__)

_NS = 1_000_000_000
_FRAMES = 2_000
_LITTLE_BYTES = 64 << 10  # so much may be read between two calls
_ROUNDS = 100
_TRIES = 3
_RETRY_S = 0.2

Who = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSource:
    """Where a gateway learns of the ledger."""

    fetch: Callable[[], Awaitable[bytes]]  # GET /internal/ledger; may raise GatewayOpsError, TimeoutError
    spool: Path
    checkpoint: Path  # budgets.msgpack


class SpoolRest:
    """What the spool holds beyond the ledger: micro-dollars by who and day. Read in steps; blocking."""

    def __init__(self, root: Path, positions: dict[str, int]) -> None:
        """Reads nothing yet."""
        self.spent: dict[tuple[Who, date], int] = {}
        self.seen: set[str] = set()
        self._root = root
        self._offsets = dict(positions)

    def read(self) -> int:
        """Reads on, to the end of what was there when it began; the bytes read."""
        size = 0
        for path in spool.segments(self._root):
            name = spool.name_of(path)
            self.seen.add(name)
            try:
                size += self._read_segment(path, name)
            except FileNotFoundError:
                self.seen.discard(name)  # stored and removed since: the totals are too old
        return size

    def _read_segment(self, path: Path, name: str) -> int:
        begun = offset = self._offsets.get(name, 0)
        end_of_file = path.stat().st_size
        while offset < end_of_file:
            payloads, end = spool.read_frames(path, offset, limit=_FRAMES)
            if end == offset:
                break
            offset = end
            for payload in payloads:
                self._add(payload)
        self._offsets[name] = offset
        return offset - begun

    def _add(self, payload: bytes) -> None:
        try:
            record = _DECODER.decode(payload)
        except msgspec.MsgspecError:
            return  # the recorder logs it
        if record.cost_micros > 0:
            who = (record.org_id, record.key_id, record.user_id, record.team_id, record.project_id)
            key = (who, datetime.fromtimestamp(record.ts_ns // _NS, UTC).date())
            self.spent[key] = self.spent.get(key, 0) + record.cost_micros


class LedgerFollower:
    """Keeps the accounts of one worker true to the ledger."""

    def __init__(self, budgets: Budgets, source: LedgerSource, settings: BudgetSettings) -> None:
        """Asks nothing yet. `budgets` wakes it when there is an account that knows nothing."""
        self._budgets = budgets
        self._source = source
        self._settings = settings
        self._wake = asyncio.Event()
        self._is_away = False
        budgets.on_unknown = self._wake.set

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.load()
            except Exception:  # noqa: BLE001 - a gateway must go on with what it knows
                _log.exception("budgets could not be compared with the ledger; trying again")
            self._wake.clear()
            wait_s = _RETRY_S if self._budgets.has_unknown else self._settings.reconcile_s
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def load(self) -> None:
        """Once, now: from control, or from the file where an account knows nothing and control is away.

        To be awaited before the first call is served; raises nothing that the two being away may cause.
        """
        if not self._budgets.all:
            return
        for _ in range(_TRIES):
            before = await asyncio.to_thread(self._segments)
            raw = await self._fetch()
            is_live = raw is not None
            if raw is None and self._budgets.has_unknown:
                raw = await asyncio.to_thread(self._checkpoint)
            state = _decoded(raw)
            if raw is None or state is None:
                return
            rest = await self._read_rest(state)
            if is_live and before - rest.seen:
                continue  # a segment went meanwhile: what it held may be in neither
            self._tell(state, rest)
            if is_live:
                await asyncio.to_thread(self._keep, raw)
            return

    async def _fetch(self) -> bytes | None:
        try:
            raw = await self._ask()
        except (GatewayOpsError, TimeoutError, OSError) as error:
            if not self._is_away:
                _log.warning("no news of the ledger (%s); budgets go on with what is known", error)
            self._is_away = True
            return None
        self._is_away = False
        return raw

    async def _ask(self) -> bytes:
        """Asks twice: a connection kept from the last time may be closing just now."""
        try:
            return await self._source.fetch()
        except GatewayOpsError:
            return await self._source.fetch()

    async def _read_rest(self, state: LedgerState) -> SpoolRest:
        rest = SpoolRest(self._source.spool, state.positions)
        for _ in range(_ROUNDS):
            if await asyncio.to_thread(rest.read) <= _LITTLE_BYTES:
                break
        return rest

    def _tell(self, state: LedgerState, rest: SpoolRest) -> None:
        """In one step between two calls, so that nothing is settled after the last reading."""
        rest.read()
        now_s = clock.unix_s()
        known = {(total.budget_id, total.start): total.spent_micros for total in state.totals}
        beyond = self._beyond(rest)
        for account in self._budgets.all:
            if now_s >= account.turns_at_s:
                account.turn(now_s)
            spent = known.get((account.row.id, account.span.start.isoformat()))
            if spent is not None:
                account.learn(spent + beyond.get(account.row.id, 0), now_s)

    def _beyond(self, rest: SpoolRest) -> dict[str, int]:
        beyond: dict[str, int] = {}
        for ((org_id, key_id, user_id, team_id, project_id), day), micros in rest.spent.items():
            accounts = self._budgets.of(
                org_id, key_id=key_id, user_id=user_id, team_id=team_id, project_id=project_id
            )
            for account in accounts:
                if day >= account.span.start:
                    beyond[account.row.id] = beyond.get(account.row.id, 0) + micros
        return beyond

    def _segments(self) -> set[str]:
        return {spool.name_of(path) for path in spool.segments(self._source.spool)}

    def _checkpoint(self) -> bytes | None:
        try:
            return self._source.checkpoint.read_bytes()
        except OSError:
            return None

    def _keep(self, raw: bytes) -> None:
        try:
            write_file(self._source.checkpoint, raw)
        except OSError as error:
            _log.warning("no copy of the budgets' totals is kept: %s", error.strerror)


def _decoded(raw: bytes | None) -> LedgerState | None:
    if raw is None:
        return None
    try:
        return totals.decode(raw)
    except msgspec.MsgspecError:
        _log.warning("the ledger's totals do not read")
        return None


_DECODER = msgspec.msgpack.Decoder(CallRecord)
