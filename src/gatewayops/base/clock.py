"""The one place that asks what time it is, so that tests can say it."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def a_moment_ago(grid_s: float) -> datetime:
    """The last moment of a grid of so many seconds: the same for all who ask within one of its steps."""
    return datetime.fromtimestamp(now().timestamp() // grid_s * grid_s, UTC)


def unix_s() -> float:
    """Seconds since 1970, as the snapshot and key expiry count them."""
    return time.time()
