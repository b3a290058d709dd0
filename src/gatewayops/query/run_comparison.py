"""Two runs side by side: their steps aligned by what was called, and what differs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from gatewayops.query.run_rows import Step


@dataclass(frozen=True, slots=True)
class Pair:
    """The same step of both runs, or one that only one of them took. At least one is not None."""

    a: Step | None
    b: Step | None

    @property
    def change(self) -> str:
        """`only_a`, `only_b`, `status` when it ended differently, else `same`."""
        if self.a is None:
            return "only_b"
        if self.b is None:
            return "only_a"
        return "same" if self.a.status == self.b.status else "status"


def align(a: Sequence[Step], b: Sequence[Step]) -> list[Pair]:
    """Both runs in order, with as many steps paired as any alignment can (longest common subsequence).

    Steps are alike when they called the same operation, server and tool or resource. Takes time and memory
    by the product of the lengths.
    """
    ours, theirs = [_called(step) for step in a], [_called(step) for step in b]
    longest = _longest_common(ours, theirs)
    pairs: list[Pair] = []
    i = j = 0
    while i < len(a) and j < len(b):
        if ours[i] == theirs[j]:
            pairs.append(Pair(a[i], b[j]))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            pairs.append(Pair(a[i], None))
            i += 1
        else:
            pairs.append(Pair(None, b[j]))
            j += 1
    pairs += [Pair(step, None) for step in a[i:]]
    return pairs + [Pair(None, step) for step in b[j:]]


def _called(step: Step) -> tuple[str, str, str]:
    return (step.operation, step.server, step.tool or step.resource_uri)


def _longest_common(a: Sequence[object], b: Sequence[object]) -> list[list[int]]:
    """[i][j]: how many steps of a[i:] and b[j:] can be paired."""
    longest = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        row, below = longest[i], longest[i + 1]
        for j in range(len(b) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if a[i] == b[j] else max(below[j], row[j + 1])
    return longest
