"""Which rule counts for a tool: each field from the narrowest rule that gives it, own patterns from all."""

from typing import Any

import msgspec

from gatewayops.policy.validation.patterns import Pattern
from gatewayops.policy.validation.settings import ValidationSettings
from gatewayops.policy.validation.starters import STARTERS
from gatewayops.store.snapshot import ValidationRow


class Rule(msgspec.Struct, frozen=True):
    """What counts for one tool."""

    schema_mode: str
    max_bytes: int
    max_depth: int
    max_items: int
    patterns: tuple[Pattern, ...] = ()


class RuleBook:
    """All rules of all organisations."""

    def __init__(self, settings: ValidationSettings, rows: tuple[ValidationRow, ...] = ()) -> None:
        """`settings` say what counts where no rule does."""
        self._settings = settings
        self._rows = {(row.org_id, row.server, row.tool): row for row in rows}

    def of(self, org_id: str, server: str, tool: str) -> Rule:
        """The narrowest first: server and tool, server, tool on any server, all."""
        places = ((server, tool), (server, ""), ("", tool), ("", ""))
        rows = [row for place in places if (row := self._rows.get((org_id, *place)))]
        return Rule(
            schema_mode=self._first(rows, "schema_mode"),
            max_bytes=self._first(rows, "max_bytes"),
            max_depth=self._first(rows, "max_depth"),
            max_items=self._first(rows, "max_items"),
            patterns=_patterns(rows),
        )

    def _first(self, rows: list[ValidationRow], field: str) -> Any:  # noqa: ANN401 - a mode or a number
        for row in rows:
            value = getattr(row, field)
            if value is not None:
                return value
        return getattr(self._settings, field)


def _patterns(rows: list[ValidationRow]) -> tuple[Pattern, ...]:
    modes: dict[str, str] = {}
    own: dict[str, Pattern | None] = {}
    for row in rows:
        for name, mode in row.patterns.items():
            modes.setdefault(name, mode)
        for given in row.own_patterns:
            is_on = given.mode != "off"
            own.setdefault(
                given.name, Pattern(given.name, given.mode == "block", given.pattern) if is_on else None
            )
    starters = [
        Pattern(name, mode == "block", expression)
        for name, mode in sorted(modes.items())
        if mode != "off"
        for expression in STARTERS.get(name, ())
    ]
    return (*starters, *(pattern for _, pattern in sorted(own.items()) if pattern is not None))
