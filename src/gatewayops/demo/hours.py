"""When an invented company works: hours, weekends, growth. Times are UTC."""

from datetime import datetime

_SATURDAY = 5
_CURVES = {  # by hour of the day
    "office": (2, 1, 1, 1, 1, 2, 6, 20, 48, 72, 80, 74, 58, 66, 84, 90, 82, 64, 40, 22, 12, 8, 5, 3),
    "night": (0, 80, 100, 70, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "always": (
        30,
        30,
        30,
        30,
        30,
        30,
        34,
        40,
        46,
        50,
        50,
        50,
        48,
        50,
        50,
        50,
        48,
        44,
        40,
        36,
        34,
        32,
        30,
        30,
    ),
    "shop": (20, 12, 7, 5, 4, 5, 9, 16, 24, 32, 38, 42, 46, 44, 42, 44, 48, 56, 66, 74, 78, 70, 52, 34),
}
_WEEKENDS = {"office": 0.14, "night": 1.0, "always": 0.8, "shop": 1.35}
_MEANS = {hours: sum(curve) / len(curve) for hours, curve in _CURVES.items()}
_GROWTH = 0.45  # of the last day's calls came over the period


def activity(hours: str, at: datetime) -> float:
    """How busy it is then; about 1 on average over a working day."""
    weekend = _WEEKENDS[hours] if at.weekday() >= _SATURDAY else 1.0
    return _CURVES[hours][at.hour] / _MEANS[hours] * weekend


def growth(part: float) -> float:
    """How far the company has grown; `part` of the period has passed (0 to 1)."""
    return 1.0 - _GROWTH * (1.0 - part)


def shared(total: int, weights: list[float]) -> list[int]:
    """`total` shared out by the weights, in whole numbers that add up to it."""
    whole = sum(weights)
    given, before, parts = 0.0, 0, []
    for weight in weights:
        given += weight
        upto = round(total * given / whole)
        parts.append(upto - before)
        before = upto
    return parts
