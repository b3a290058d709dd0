"""May these arguments go to that tool? Compiled once a snapshot and tool, asked on every call."""

from collections import deque
from typing import Any

from gatewayops.base.errors import Reason
from gatewayops.policy.decision import Deny
from gatewayops.policy.validation import shape
from gatewayops.policy.validation.patterns import Pattern, Patterns
from gatewayops.policy.validation.rules import Rule, RuleBook
from gatewayops.policy.validation.schema import Schema, input_schema, place
from gatewayops.policy.validation.schema_cost import SchemaUnusable
from gatewayops.policy.validation.settings import ValidationSettings
from gatewayops.store.snapshot import Snapshot, ToolRow

_REMEMBERED = 10_000
_LONGEST = 300  # of a name worth remembering: longer ones are no tools, but somebody filling memory
_COMPILED = 2_000
_SETS = 100
_LAST = 16

_Key = tuple[str, str, str]


class Reported:
    """What was found and let pass: how often, and the last findings by name."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        """Nothing yet."""
        self.count = 0
        self.last: deque[str] = deque(maxlen=_LAST)

    def add(self, name: str) -> None:
        """One more."""
        self.count += 1
        self.last.append(name)


class Check:
    """The check of one tool's arguments. `unchecked` says why its schema is not used; empty when it is."""

    __slots__ = (
        "_blocks",
        "_free_bytes",
        "_is_blind",
        "_is_valid",
        "_max_depth",
        "_patterns",
        "_reported",
        "_rule",
        "_schema",
        "unchecked",
    )

    def __init__(
        self,
        rule: Rule,
        *,
        schema: Schema | None = None,
        patterns: Patterns | None = None,
        unchecked: str = "",
        reported: Reported | None = None,
    ) -> None:
        """`reported` is counted on, so that a new snapshot does not set it back."""
        self._rule = rule
        self._schema = schema
        self._is_valid = schema.is_valid if schema is not None else None
        self._patterns = patterns
        self._is_blind = schema is None and patterns is None
        self._blocks = (schema is not None and rule.schema_mode == "block") or (
            patterns is not None and patterns.blocks
        )
        self._max_depth = rule.max_depth
        # an item takes two bytes at least, so that short arguments need no count
        self._free_bytes = min(rule.max_bytes, 2 * rule.max_items)
        if schema is not None:
            self._free_bytes = min(self._free_bytes, schema.free_bytes(rule.max_depth))
        self._reported = reported if reported is not None else Reported()
        self.unchecked = unchecked

    @property
    def reported(self) -> int:
        """How many findings were only reported."""
        return self._reported.count

    @property
    def last_reported(self) -> tuple[str, ...]:
        """The last of them, by name: `schema`, a set's name, an own pattern's name."""
        return tuple(self._reported.last)

    def __call__(self, arguments: bytes) -> Deny | None:
        """None lets the call pass. `arguments` is raw JSON, empty when the call has none."""
        is_measured = (
            len(arguments) <= self._free_bytes
            and arguments.count(b"{") + arguments.count(b"[") <= self._max_depth
        )
        if self._is_blind and is_measured:
            return None
        if len(arguments) > self._rule.max_bytes:
            return _invalid(f"arguments: larger than {self._rule.max_bytes} bytes")
        try:
            value = shape.decode(arguments) if arguments else {}
        except ValueError as error:
            return self._found("json", f"arguments: {error}", is_blocking=self._blocks or self._is_blind)
        if not is_measured:
            deny = self._measured(value, len(arguments))
            if deny is not None or self._is_blind:
                return deny
        if shape.has_duplicates(arguments, value) if arguments else False:
            deny = self._found("duplicate", "arguments: a member is given twice", is_blocking=self._blocks)
            if deny is not None:
                return deny
        return self._content({} if value is None else value)  # null is what some clients send for none

    def _content(self, value: Any) -> Deny | None:  # noqa: ANN401 - any JSON
        schema = self._schema
        if schema is not None:
            deny = self._by_schema(schema, value)
            if deny is not None:
                return deny
        if self._patterns is not None:
            found = self._patterns.find(shape.strings(value))
            if found is not None:
                return self._by_pattern(*found, value)
        return None

    def _measured(self, value: Any, size: int) -> Deny | None:  # noqa: ANN401 - any JSON
        rule = self._rule
        depth, items = shape.measure(value, max_depth=rule.max_depth, max_items=rule.max_items)
        if depth > rule.max_depth:
            return _invalid(f"arguments: nested deeper than {rule.max_depth} levels")
        if items > rule.max_items:
            return _invalid(f"arguments: more than {rule.max_items} items")
        if self._schema is not None and self._schema.is_too_much(depth=depth, items=items, size=size):
            return _invalid("arguments: too many and too deep for this tool's schema to be checked")
        return None

    def _by_schema(self, schema: Schema, value: Any) -> Deny | None:  # noqa: ANN401 - any JSON
        assert self._is_valid is not None
        try:
            is_valid = self._is_valid(value)
        except ValueError:  # numbers that the engine does not hold
            is_valid = False
        if not is_valid:
            return self._found("schema", schema.fault(value), is_blocking=self._rule.schema_mode == "block")
        name = schema.misspelt(value) if isinstance(value, dict) else None
        if name is None:
            return None
        detail = f"{place([name])}: differs from a known member by case only"
        return self._found("case", detail, is_blocking=self._rule.schema_mode == "block")

    def _by_pattern(self, pattern: Pattern, text: str, value: Any) -> Deny | None:  # noqa: ANN401 - any JSON
        if not pattern.blocks:
            self._reported.add(pattern.name)
            return None
        where = place(shape.path_to(value, text))
        return Deny(Reason.PATTERN_DENIED, f"{where}: matches the deny pattern {pattern.name}")

    def _found(self, name: str, detail: str, *, is_blocking: bool) -> Deny | None:
        if is_blocking:
            return _invalid(detail)
        self._reported.add(name)
        return None


def _invalid(detail: str) -> Deny:
    return Deny(Reason.ARGUMENTS_INVALID, detail)


class Checks:
    """Checks by organisation, server and tool. What was compiled is kept while its text stays the same."""

    def __init__(self, settings: ValidationSettings) -> None:
        """The defaults count until `replace`."""
        self._settings = settings
        self._book = RuleBook(settings)
        self._tools: dict[_Key, ToolRow] = {}
        self._checks: dict[_Key, Check] = {}
        self._schemas: dict[bytes, Schema | str] = {}
        self._sets: dict[tuple[Pattern, ...], Patterns] = {}
        self._reported: dict[_Key, Reported] = {}

    def replace(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot's rules and definitions."""
        self._book = RuleBook(self._settings, snapshot.validation)
        self._tools = {(row.org_id, row.server, row.name): row for row in snapshot.tools}
        self._checks = {}

    def of(self, org_id: str, server: str, tool: str) -> Check | None:
        """The check of that tool; cold. None is for callers that have no tool to name."""
        if not tool:
            return None
        key = (org_id, server, tool)
        check = self._checks.get(key)
        if check is None:
            check = self._build(key)
            if len(tool) <= _LONGEST:
                _make_room(self._checks, _REMEMBERED)
                self._checks[key] = check
        return check

    def findings(self) -> list[tuple[str, str, str, str]]:
        """Tools asked for whose schema is not used: organisation, server, tool, why."""
        return [(*key, check.unchecked) for key, check in self._checks.items() if check.unchecked]

    def _build(self, key: _Key) -> Check:
        rule = self._book.of(*key)
        schema = self._schema(key) if rule.schema_mode != "off" else None
        return Check(
            rule,
            schema=schema if isinstance(schema, Schema) else None,
            patterns=self._set(rule.patterns) if rule.patterns else None,
            unchecked=schema if isinstance(schema, str) else "",
            reported=self._counter(key),
        )

    def _counter(self, key: _Key) -> Reported:
        if len(key[-1]) > _LONGEST:
            return Reported()
        _make_room(self._reported, _REMEMBERED)
        return self._reported.setdefault(key, Reported())

    def _schema(self, key: _Key) -> Schema | str | None:
        row = self._tools.get(key)
        if row is None or not row.definition:
            return None
        try:
            raw = input_schema(row.definition)
            if not raw:
                return None
            known = self._schemas.get(raw)
            if known is None:
                _make_room(self._schemas, _COMPILED)
                known = self._schemas[raw] = _compiled(raw)
        except SchemaUnusable as error:
            return f"inputSchema is not checked: {error}"
        return known

    def _set(self, patterns: tuple[Pattern, ...]) -> Patterns:
        known = self._sets.get(patterns)
        if known is None:
            _make_room(self._sets, _SETS)
            known = self._sets[patterns] = Patterns(patterns)
        return known


def _compiled(raw: bytes) -> Schema | str:
    try:
        return Schema(raw)
    except SchemaUnusable as error:
        return f"inputSchema is not checked: {error}"


def _make_room(known: dict[Any, Any], most: int) -> None:
    if len(known) >= most:
        known.clear()
