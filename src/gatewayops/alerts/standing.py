"""How one rule stands in one scope: pending, then firing, then over. Pure: a verdict and a time in, a
standing and what changed out.

A breach fires when it has lasted for the rule's `for`. A firing rule is over when it has been clear of the
threshold, and some way beyond, for a while: what swings around the threshold is one incident.
"""

from enum import Enum, auto

import msgspec


class Verdict(msgspec.Struct, frozen=True):
    """What figures say. Between breach and clear lies what only keeps a firing rule firing."""

    is_breach: bool
    is_clear: bool
    value: float
    summary: str


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Kept between looks; times are Unix seconds. No standing means that all is well."""

    since: float
    is_firing: bool = False
    clear_since: float = 0.0
    incident_id: str = ""
    is_told: bool = False


class Change(Enum):
    """What a look found."""

    NOTHING = auto()
    FIRES = auto()
    RESOLVES = auto()


def step(
    before: Standing | None, verdict: Verdict, *, now_s: float, for_s: float, recovery_s: float
) -> tuple[Standing | None, Change]:
    """The standing after a look, and what it means."""
    if before is None or not before.is_firing:
        return _not_firing(before, verdict, now_s=now_s, for_s=for_s)
    if not verdict.is_clear:
        return msgspec.structs.replace(before, clear_since=0.0), Change.NOTHING
    clear_since = before.clear_since or now_s
    if now_s - clear_since >= recovery_s:
        return None, Change.RESOLVES
    return msgspec.structs.replace(before, clear_since=clear_since), Change.NOTHING


def _not_firing(
    before: Standing | None, verdict: Verdict, *, now_s: float, for_s: float
) -> tuple[Standing | None, Change]:
    if not verdict.is_breach:
        return None, Change.NOTHING
    since = before.since if before is not None else now_s
    if now_s - since >= for_s:
        return Standing(since=since, is_firing=True), Change.FIRES
    return Standing(since=since), Change.NOTHING
