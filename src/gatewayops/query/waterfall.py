"""A trace as a tree for drawing: rows in order, depths, the critical path, skewed clocks put right. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from gatewayops.query.timed_span import TimedSpan


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span is drawn. Its own times stay what they were: `shift_ns` is added for drawing only."""

    row: int  # from 0, children behind their parent
    depth: int
    shift_ns: int
    is_on_critical_path: bool  # shortening this span would shorten the trace


def waterfall(spans: Sequence[TimedSpan]) -> list[Place]:
    """A place for every span, in the order given.

    Spans whose parent is not among them stand at the top; of spans that name each other in a circle, the
    first to start does. A span timed by another clock than its parent's is moved into its parent.
    """
    children, tops = _tree(spans)
    shifts = [0] * len(spans)
    depths = [0] * len(spans)
    rows: list[int] = []
    waiting = [(top, 0) for top in reversed(tops)]
    while waiting:
        number, depth = waiting.pop()
        depths[number] = depth
        rows.append(number)
        for child in children[number]:
            shifts[child] = _shift(spans[child], spans[number], shifts[number])
        waiting += [(child, depth + 1) for child in reversed(children[number])]
    starts = [span.start_ns + shift for span, shift in zip(spans, shifts, strict=True)]
    critical = _critical(spans, starts, children, tops)
    row_of = {number: row for row, number in enumerate(rows)}
    return [
        Place(row_of[number], depths[number], shifts[number], number in critical)
        for number in range(len(spans))
    ]


def _tree(spans: Sequence[TimedSpan]) -> tuple[list[list[int]], list[int]]:
    """Children of each span and the spans at the top, as numbers, by start; every span stands once."""
    number_of: dict[str, int] = {}
    for number, span in enumerate(spans):
        number_of.setdefault(span.span_id, number)
    parents = [number_of.get(span.parent_span_id) for span in spans]
    by_start = sorted(range(len(spans)), key=lambda number: (spans[number].start_ns, spans[number].span_id))
    _open_circles(by_start, parents)
    children: list[list[int]] = [[] for _ in spans]
    tops: list[int] = []
    for number in by_start:
        parent = parents[number]
        (tops if parent is None else children[parent]).append(number)
    return children, tops


def _open_circles(by_start: Sequence[int], parents: list[int | None]) -> None:
    """Puts the first span of every circle at the top; each span is passed once."""
    rank = {number: place for place, number in enumerate(by_start)}
    passed: set[int] = set()
    for number in by_start:
        path: dict[int, None] = {}
        above: int | None = number
        while above is not None and above not in passed and above not in path:
            path[above] = None
            above = parents[above]
        if above is not None and above in path:
            circle = list(path)[list(path).index(above) :]
            parents[min(circle, key=rank.__getitem__)] = None
        passed.update(path)


def _shift(child: TimedSpan, parent: TimedSpan, parent_shift: int) -> int:
    if (child.is_foreign, child.source) == (parent.is_foreign, parent.source):
        return parent_shift  # one clock: where it says the child ran is where it ran
    begin = parent.start_ns + parent_shift
    spare = parent.duration_ns - child.duration_ns
    if spare >= 0 and begin <= child.start_ns <= begin + spare:
        return 0
    return (
        begin + max(0, spare) // 2 - child.start_ns
    )  # the wire takes as long there as back, for all we know


def _critical(
    spans: Sequence[TimedSpan], starts: Sequence[int], children: Sequence[Sequence[int]], tops: Sequence[int]
) -> set[int]:
    """Back from the end: what ended last, before its start what ended last then, and so within each."""
    ends = [start + span.duration_ns for start, span in zip(starts, spans, strict=True)]
    found: set[int] = set()
    waiting = [(tops, max((ends[top] for top in tops), default=0))]
    while waiting:
        siblings, until = waiting.pop()
        for number in sorted(siblings, key=lambda one: (ends[one], starts[one]), reverse=True):
            if ends[number] <= until:
                found.add(number)
                waiting.append((children[number], ends[number]))
                until = starts[number]
    return found
