"""Answers that may be a few seconds old, for who says so: `Cache-Control: max-age=15` (RFC 9111, 5.2.1.1).

Many people look at the same figures. Whoever shows them may be told what somebody else was told just before;
without the header everything is asked anew.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime

from fastapi import Depends, Request

from gatewayops.base import clock
from gatewayops.store.telemetry import remembering

_LONGEST_S = 60
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,6})(?:$|[,\s])")


async def _may_be_old(request: Request) -> AsyncIterator[None]:
    asked = _MAX_AGE.search(request.headers.get("cache-control", ""))
    with remembering.may_be_old(min(int(asked.group(1)), _LONGEST_S) if asked else 0):
        yield


MAY_BE_OLD = Depends(_may_be_old)


def now() -> datetime:
    """The time, or a little before where answers may be old: so that the same is asked twice."""
    grid_s = remembering.age_s()
    return clock.a_moment_ago(grid_s) if grid_s else clock.now()
