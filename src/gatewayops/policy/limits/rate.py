"""Rate: so many calls a window, as people write it (`5/m`) and as answers show it (`1m`)."""

import re

import msgspec

from gatewayops.base.errors import InvalidInput

MAX_CALLS = 1_000_000_000
WINDOWS_S = {"1s": 1, "1m": 60, "1h": 3600}
_RATE = re.compile(r"(?P<calls>[0-9]{1,10})/1?(?P<unit>[smh])")
_NONE = ("0", "none")


class Rate(msgspec.Struct, frozen=True):
    """`calls` in any window of `window_s` seconds; 0 calls means no limit. `burst` may come on top."""

    calls: int
    window_s: int
    burst: int = 0


NO_LIMIT = Rate(calls=0, window_s=60)


def rate_of(text: str) -> Rate:
    """From `5/s`, `100/m`, `100/1m`, `5000/h`, or `none` (also `0`). Raises InvalidInput."""
    if text.strip().lower() in _NONE:
        return NO_LIMIT
    found = _RATE.fullmatch(text.strip())
    if found is None or not 0 < int(found["calls"]) <= MAX_CALLS:
        msg = f"a rate is calls by window, such as 5/s, 100/m or 5000/h, or none; not {text!r}"
        raise InvalidInput(msg)
    return Rate(calls=int(found["calls"]), window_s=WINDOWS_S[f"1{found['unit']}"])


def window_name(window_s: int) -> str:
    """`1s`, `1m` or `1h`; seconds for any other."""
    return next((name for name, length_s in WINDOWS_S.items() if length_s == window_s), f"{window_s}s")
