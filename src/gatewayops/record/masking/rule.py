"""What a rule is: a cheap hint for the prefilter, and the exact search that follows it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gatewayops.record.masking.source import Edit, Match, Pattern, Source, compiled

Find = Callable[[Source], Iterator[Edit]]
Check = Callable[[bytes, Match], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """`hint` must match wherever `find` would find anything; it should seldom match elsewhere."""

    name: str
    hint: str
    find: Find


def marker(name: str) -> bytes:
    """What stands where a secret was."""
    return f"[masked:{name}]".encode()


def pattern_rule(name: str, hint: str, pattern: str, check: Check | None = None) -> Rule:
    """Masks every match of `pattern` that passes `check`."""
    exact: Pattern = compiled(pattern)
    mark = marker(name)

    def find(source: Source) -> Iterator[Edit]:
        for match in exact.finditer(source.raw):
            if check is None or check(source.raw, match):
                yield match.start(), match.end(), mark

    return Rule(name, hint, find)


def token_rule(name: str, prefix: str, letters: str, *, least: int, check: Check | None = None) -> Rule:
    """A token known by its prefix: `prefix`, then at least `least` of `letters`."""
    return pattern_rule(name, f"{prefix}{letters}{{4}}", f"{prefix}{letters}{{{least},}}", check)
