"""How the dashboard writes numbers, money, times and sizes: filters of its templates.

Times are `<time>` elements in UTC, which the page's script rewrites in the viewer's zone.
"""

import json
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

NOTHING = "\N{EN DASH}"
_KIB = 1024.0
_SMALL_COST = 0.01
_SECOND_MS = 1000.0
_MINUTE_MS = 60_000.0
_HOUR_MS = 3_600_000.0
_TEN = 10.0
_THOUSAND = 1_000
_MILLION = 1_000_000
_TEN_THOUSAND = 10_000


def money(dollars: float | None) -> str:
    """Dollars: cents from a cent on, what matters below."""
    if dollars is None:
        return NOTHING
    if dollars == 0 or abs(dollars) >= _SMALL_COST:
        return f"${dollars:,.2f}" if dollars >= 0 else f"-${-dollars:,.2f}"
    return f"${dollars:.6f}".rstrip("0")


def count(number: float | None) -> str:
    """A whole number with separators; short from a million on."""
    if number is None:
        return NOTHING
    if abs(number) >= _MILLION:
        return f"{number / _MILLION:,.2f} M"
    return f"{number:,.0f}"


def number(value: float | None) -> str:
    """A figure that is no count: with as many places as matter."""
    if value is None:
        return NOTHING
    if abs(value) >= _THOUSAND or value == int(value):
        return count(value)
    return f"{value:.3g}" if abs(value) >= 1 / _THOUSAND else f"{value:.7f}".rstrip("0")


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 1 as per cent."""
    return NOTHING if share is None else f"{share * 100:.{digits}f}%"


def change(share: float) -> str:
    """How much more or less, without a sign: a share of 1, or how many times as much once that says more."""
    return f"{int(share + 1)} times" if share >= _TEN else percent(abs(share), 1)


def duration(ms: float | None) -> str:
    """Milliseconds as people say them."""
    if ms is None:
        return NOTHING
    if ms < _TEN:
        return f"{ms:.2f} ms"
    if ms < _SECOND_MS:
        return f"{ms:.0f} ms"
    if ms < _MINUTE_MS:
        return f"{ms / _SECOND_MS:.2f} s"
    if ms < _HOUR_MS:
        return f"{int(ms // _MINUTE_MS)} min {int(ms % _MINUTE_MS // _SECOND_MS)} s"
    return f"{int(ms // _HOUR_MS)} h {int(ms % _HOUR_MS // _MINUTE_MS)} min"


def size(octets: float | None) -> str:
    """Bytes in KiB and MiB."""
    if octets is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB"):
        if octets < _KIB:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= _KIB
    return f"{octets:.1f} GiB"


def moment(text: str | None, how: str = "time") -> Markup | str:
    """A time of the API (`…Z`); `how`: time (date and time), day, or ago (until it is older than a day)."""
    if not text:
        return NOTHING
    at = datetime.fromisoformat(text)
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    iso = at.isoformat(timespec="microseconds")  # pages have hundreds of times: one format, then its parts
    day, exact = iso[:10], iso[11:26]
    shown = day if how == "day" else f"{day} {exact[:8]} UTC"
    return Markup(  # noqa: S704 - digits, and a word of ours
        f'<time datetime="{day}T{exact}Z" data-how="{how}" title="{day} {exact[:12]} UTC">{shown}</time>'
    )


def as_json(value: object) -> str:
    """JSON for a data attribute; the template escapes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def trend(now: float | None, before: float | None) -> dict[str, Any] | None:
    """How a figure moved: `share` (of 1), or None where there is nothing to compare with."""
    if now is None or not before:
        return None
    return {"share": (now - before) / before, "before": before}


def lines(text: str) -> Markup:
    """Text with its line breaks kept, everything else escaped."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


FILTERS = {
    "money": money,
    "count": count,
    "number": number,
    "percent": percent,
    "change": change,
    "duration": duration,
    "size": size,
    "moment": moment,
    "as_json": as_json,
    "lines": lines,
}
