"""A run's id: an opaque token that says what holds the run together, so that it never changes."""

import base64
import binascii

import msgspec

from gatewayops.base.errors import NotFound
from gatewayops.base.ids import trace_id_of
from gatewayops.store.telemetry.run_sql import IDLE, SESSION, TRACE

_PREFIX = "run_"
_PARTS = {TRACE: 1, SESSION: 2, IDLE: 3}


class RunId(msgspec.Struct, frozen=True, array_like=True):
    """`parts`: trace id; key and session; key, user and agent. `start_ns`: the first call of an idle run."""

    kind: str
    parts: tuple[str, ...]
    start_ns: int = 0


def encode(run: RunId) -> str:
    """`run_` and URL-safe text."""
    return _PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(run)).decode().rstrip("=")


def decode(text: str) -> RunId:
    """What `encode` wrote; any form of a trace's id stands for the run of that trace. Raises NotFound."""
    if not text.startswith(_PREFIX):
        return RunId(TRACE, (trace_id_of(text),))
    try:
        plain = text.removeprefix(_PREFIX)
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
        run = msgspec.msgpack.decode(raw, type=RunId)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise _unknown(text) from error
    if _PARTS.get(run.kind) != len(run.parts) or not 0 <= run.start_ns < 2**62:
        raise _unknown(text)
    return run


def _unknown(text: str) -> NotFound:
    return NotFound(f"no run {text[:80]!r}; `gatewayops run list` shows what there is")
