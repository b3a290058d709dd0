"""The one place that asks what time it is, so that tests can say it."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def unix_s() -> float:
    """Seconds since 1970, as the snapshot and key expiry count them."""
    return time.time()
