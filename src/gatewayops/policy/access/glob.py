"""Patterns of permissions: `*` stands for any text, also none; all else for itself. Anchored, case counts.

Not fnmatch, in which `?` and `[` mean something and case depends on the system; and no regular
expression, so that no pattern takes more than a walk along the text.
"""

from collections.abc import Callable

Matcher = Callable[[str], bool]


def matcher(pattern: str) -> Matcher:
    """Whether a text is covered by the pattern.

    >>> matcher("read_*")("read_file"), matcher("read_*")("Read_file")
    (True, False)
    """
    if "*" not in pattern:
        return pattern.__eq__
    first, *middle, last = pattern.split("*")
    shortest = len(pattern) - pattern.count("*")
    if not shortest:
        return _anything

    def matches(text: str) -> bool:
        if len(text) < shortest or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for part in middle:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    return matches


def _anything(_text: str) -> bool:
    return True


def covers(wide: str, narrow: str) -> bool:
    """Whether every text of `narrow` is one of `wide`: a `*` in `narrow` fits only a `*` of `wide`.

    >>> covers("get_*", "get_*_by_id"), covers("get_*", "*")
    (True, False)
    """
    return matcher(wide)(narrow)


def overlap(one: str, other: str) -> bool:
    """Whether some text is covered by both.

    >>> overlap("get_*", "*_user"), overlap("get_*", "set_*")
    (True, False)
    """
    reached = {0}  # places in `other` after the part of `one` that was read
    for char in one:
        if char == "*":
            reached = set(range(min(reached), len(other) + 1))
            continue
        reached = {
            place if other[place] == "*" else place + 1
            for place in _with_skipped_stars(reached, other)
            if place < len(other) and other[place] in ("*", char)
        }
        if not reached:
            return False
    return any(not other[place:].strip("*") for place in reached)


def _with_skipped_stars(places: set[int], pattern: str) -> set[int]:
    found = set(places)
    for place in places:
        beyond = place
        while beyond < len(pattern) and pattern[beyond] == "*":
            beyond += 1
            found.add(beyond)
    return found
