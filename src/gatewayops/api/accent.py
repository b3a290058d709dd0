"""A customer's colour on our pages: shades of it that can be read on the light page and on the dark one.

Contrast as WCAG 2.2 reckons it (success criterion 1.4.3: 4.5 to 1 for text).
"""

import re
from functools import lru_cache

import msgspec

LIGHT, DARK = "#f4f5f7", "#22272c"  # of what the accent stands on, what is hardest: by day, by night
LEAST_CONTRAST = 4.5
_COLOR = re.compile(r"#[0-9a-f]{6}")
_STEPS = 100


class Accent(msgspec.Struct, frozen=True):
    """Shades for links and borders of buttons, by day and by night; and for the text of buttons."""

    on_light: str
    on_dark: str
    text: str


@lru_cache(maxsize=256)
def accent(color: str) -> Accent:
    """The nearest shades that can be read: darker ones by day, lighter ones by night.

    >>> accent("#ffdd00")
    Accent(on_light='#806e00', on_dark='#ffdd00', text='#000000')
    """
    return Accent(
        on_light=_readable(color, on=LIGHT, towards="#000000"),
        on_dark=_readable(color, on=DARK, towards="#ffffff"),
        text=max("#ffffff", "#000000", key=lambda text: contrast(text, color)),  # 4.58 to 1 or more
    )


def is_color(text: str) -> bool:
    """Whether it is `#rrggbb`, in lower case."""
    return _COLOR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _readable(color: str, *, on: str, towards: str) -> str:
    shades = (_mixed(color, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next(shade for shade in shades if contrast(shade, on) >= LEAST_CONTRAST)


def _mixed(color: str, towards: str, share: float) -> str:
    pairs = zip(_channels(color), _channels(towards), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02x}" for mine, theirs in pairs)


def _luminance(color: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
