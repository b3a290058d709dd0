"""JSON paths: the part of RFC 9535 that names places.

`path_jump.py` and, where it cannot, `path_walk.py` find them in a payload.

`$.a.b[*].c`, `$..name`, `$['a b'][0]`. No filters, slices, unions or places counted from the end.
"""

import re
from dataclasses import dataclass, field

from gatewayops.record.masking.names_written import name_pattern
from gatewayops.record.masking.path_jump import Uneven, jumped
from gatewayops.record.masking.path_places import Paths, Segment
from gatewayops.record.masking.path_walk import walked
from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import Edit, Source

_MOST_SEGMENTS = 16
_SEGMENT = re.compile(
    r"""(?P<descends>\.\.)?(?(descends)|\.)(?P<name>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*|\*)
    |(?P<below>\.\.)?\[\s*(?:(?P<index>0|[1-9][0-9]{0,8})|(?P<any>\*)|'(?P<single>[^'\\]+)'|"(?P<double>[^"\\]+)")\s*\]""",
    re.VERBOSE,
)
_MOST_SETS = 64


class NoPath(ValueError):
    """What is no path of this kind; the text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class PathRule(Rule):
    """A rule that is looked for together with others. Equal to itself only: so sets of them are found."""

    path: tuple[Segment, ...] = ()
    mark: bytes = field(default=b"")


def parsed(path: str) -> tuple[Segment, ...]:
    """The steps behind `$`. Raises NoPath."""
    if not path.startswith("$"):
        raise NoPath("a path begins with $, the whole body: $.customer.name")
    found: list[Segment] = []
    at = 1
    while at < len(path):
        match = _SEGMENT.match(path, at)
        if match is None:
            msg = f"cannot read {path[at : at + 20]!r}: steps are .name, ['name'], [0], [*]; .. is any depth"
            raise NoPath(msg)
        found.append(_segment(match))
        at = match.end()
    if not any(isinstance(segment.key, str) for segment in found):
        raise NoPath("a path names at least one member, or it would mask everything")
    if len(found) > _MOST_SEGMENTS:
        msg = f"at most {_MOST_SEGMENTS} steps"
        raise NoPath(msg)
    return tuple(found)


def path_rule(name: str, path: str) -> PathRule:
    """Masks every value at the path. Raises NoPath."""
    segments = parsed(path)
    last = next(segment.key for segment in reversed(segments) if isinstance(segment.key, str))
    mark = marker(name)
    paths = Paths([(segments, mark)])
    return PathRule(
        name,
        rf'"{name_pattern(last, ignores_case=False)}"\s*:',
        lambda source: iter(_edits(source.raw, paths)),
        segments,
        mark,
    )


class PathSets:
    """All the paths that a payload may hold, looked for at once in place of one after the other."""

    def __init__(self) -> None:
        """None is built until it is needed."""
        self._sets: dict[tuple[PathRule, ...], Paths] = {}

    def edits(self, source: Source, rules: tuple[PathRule, ...]) -> list[Edit]:
        """What these rules mask; of two that name one place, the first."""
        paths = self._sets.get(rules)
        if paths is None:
            if len(self._sets) >= _MOST_SETS:
                self._sets.clear()
            paths = self._sets[rules] = Paths([(rule.path, rule.mark) for rule in rules])
        return _edits(source.raw, paths)


def _edits(raw: bytes, paths: Paths) -> list[Edit]:
    if not paths.may_end_in(raw, paths.first):
        return []
    try:
        return jumped(raw, paths)
    except Uneven:
        return walked(raw, paths)


def _segment(match: re.Match[str]) -> Segment:
    descends = bool(match["descends"] or match["below"])
    if match["index"]:
        return Segment(int(match["index"]), descends)
    key = match["name"] or match["single"] or match["double"] or "*"
    return Segment(None if match["any"] or match["name"] == "*" else key, descends)
