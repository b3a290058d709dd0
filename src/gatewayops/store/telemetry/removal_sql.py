"""Removes the calls of certain keys, for good: rewrites the parts that have any."""

# ruff: noqa: S608 - ids are checked below; statements that change tables take no parameters

import re
from collections.abc import Sequence

from gatewayops.store.telemetry.span_filter import is_call
from gatewayops.store.telemetry.trace_times import SHOWN

_ID = re.compile(r"[A-Za-z0-9_]{1,64}")


def count(*, env: str, key_ids: Sequence[str]) -> str:
    """One row: calls, and all spans, with what others exported."""
    return f"SELECT countIf({is_call()}) AS calls, count() AS spans FROM spans WHERE {_of(env, key_ids)}"


def remove(*, env: str, key_ids: Sequence[str]) -> tuple[str, ...]:
    """Statements, each of which ends when it is done. A mutation in full, for parts have a projection."""
    key_at, env_at = (SHOWN.index(name) + 1 for name in ("key_id", "env"))
    is_of_them = f"JSONExtractString(shown, {key_at}) IN ({_listed(key_ids)})"
    shown = f"{is_of_them} AND JSONExtractString(shown, {env_at}) = '{_plain(env)}'"
    return (
        f"ALTER TABLE spans DELETE WHERE {_of(env, key_ids)} SETTINGS mutations_sync = 2",
        f"ALTER TABLE trace_times DELETE WHERE kind = 'spans' AND {shown} SETTINGS mutations_sync = 2",
        "TRUNCATE TABLE day_builds",  # no sums count any more until they are made anew
    )


def _of(env: str, key_ids: Sequence[str]) -> str:
    return f"env = '{_plain(env)}' AND key_id IN ({_listed(key_ids)})"


def _listed(key_ids: Sequence[str]) -> str:
    return ", ".join(f"'{_plain(one)}'" for one in key_ids)


def _plain(text: str) -> str:
    """Raises ValueError for what is no id."""
    if not _ID.fullmatch(text):
        msg = "no id"
        raise ValueError(msg)
    return text
