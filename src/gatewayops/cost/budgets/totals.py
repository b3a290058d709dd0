"""What control tells gateways: how much each hard budget has spent, up to which place in the spool.

Also the file that a gateway begins with while control is away (`budgets.msgpack`): the last answer.
"""

import msgspec


class Total(msgspec.Struct, frozen=True, array_like=True):
    """What was spent in the period that begins with `start` (ISO date)."""

    budget_id: str
    start: str
    spent_micros: int


class LedgerState(msgspec.Struct, frozen=True):
    """One moment of the ledger: records behind `positions` (bytes, by segment) are not in the totals yet."""

    totals: tuple[Total, ...] = ()
    positions: dict[str, int] = {}


def encode(state: LedgerState) -> bytes:
    """As msgpack."""
    return msgspec.msgpack.encode(state)


def decode(raw: bytes) -> LedgerState:
    """Raises msgspec.DecodeError or ValidationError for anything else."""
    return msgspec.msgpack.decode(raw, type=LedgerState)
