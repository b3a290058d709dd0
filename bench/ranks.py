"""Percentiles as all parts of the bench take them."""

import math
from collections.abc import Sequence


def nearest_rank(values: Sequence[float], part: float) -> float:
    """The least value that `part` (above 0.0, to 1.0) of them do not exceed; 0.0 of none."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * part) - 1] if ordered else 0.0
