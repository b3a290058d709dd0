"""A tool's own `inputSchema`, compiled: bounded, without the network, without patterns that explode.

JSON Schema as jsonschema-rs knows it, draft 2020-12 where the schema names none. What a schema says
about formats is an annotation, as in the specification, and not checked.
"""

from typing import Any

import jsonschema_rs
import msgspec

from gatewayops.policy.validation import shape
from gatewayops.policy.validation.schema_cost import SchemaUnusable, costs_by_depth

MAX_SCHEMA_BYTES = 256 << 10
_MAX_SCHEMA_DEPTH = 100
_MAX_SCHEMA_ITEMS = 50_000
_PATTERNS = jsonschema_rs.FancyRegexOptions(
    # without look-around patterns take linear time; with it they end here, and the value counts as no match
    backtrack_limit=10_000,
    size_limit=1 << 19,
    dfa_size_limit=1 << 20,
)
_Kind = jsonschema_rs.ValidationErrorKind
_BUDGET = 1_000_000  # looks at values for one call: about 50 ms at the worst
_LEAST_ITEMS = 50  # so many flat arguments a schema must be able to check within the budget
_LONGEST_NAME = 64
_LONGEST_PLACE = 200
_LONGEST_DETAIL = 200
_SHOWN_NAMES = 5


class _Tool(msgspec.Struct):
    inputSchema: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815 - as MCP spells it


class Schema:
    """A compiled schema."""

    __slots__ = ("_costs", "_folded", "_names", "_validator", "is_valid")

    def __init__(self, raw: bytes) -> None:
        """From JSON; raises SchemaUnusable."""
        if len(raw) > MAX_SCHEMA_BYTES:
            msg = f"it is larger than {MAX_SCHEMA_BYTES} bytes"
            raise SchemaUnusable(msg)
        schema = _decoded(raw)
        self._costs = costs_by_depth(schema)
        if self._looks(1) * _LEAST_ITEMS > _BUDGET:
            msg = "it takes too long even for simple arguments"
            raise SchemaUnusable(msg)
        self._validator = _compiled(schema)
        self.is_valid = self._validator.is_valid
        self._names = frozenset(schema["properties"] if isinstance(schema.get("properties"), dict) else ())
        self._folded = frozenset(name.casefold() for name in self._names)

    def free_bytes(self, max_depth: int) -> int:
        """Up to this size arguments need not be measured, whatever they hold."""
        return _BUDGET // self._looks(max_depth)

    def is_too_much(self, *, depth: int, items: int, size: int) -> bool:
        """Whether checking arguments of this shape could take more than a call is worth."""
        return self._looks(depth) * (items + size // 64) > _BUDGET

    def _looks(self, depth: int) -> int:
        return self._costs[min(depth, len(self._costs) - 1)]

    def misspelt(self, value: dict[str, Any]) -> str | None:
        """A member that differs from a known one by case only: some servers take it for that one."""
        if value.keys() <= self._names:
            return None
        for name in value:
            if name not in self._names and name.casefold() in self._folded:
                return name
        return None

    def fault(self, value: object) -> str:
        """What is wrong first, with its place; of the value itself nothing is told."""
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return f"{place(error.instance_path)}: {_told(error)[:_LONGEST_DETAIL]}"
        except ValueError:
            return "arguments: nested too deep"
        return "arguments: not valid"


def input_schema(definition: bytes) -> bytes:
    """The `inputSchema` of a tool's definition, raw; empty when it has none. Raises SchemaUnusable."""
    try:
        return bytes(msgspec.json.decode(definition, type=_Tool).inputSchema)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        msg = "the definition of the tool cannot be read"
        raise SchemaUnusable(msg) from error


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        schema = shape.decode(raw)
    except ValueError as error:
        msg = f"it is {error}"
        raise SchemaUnusable(msg) from error
    if not isinstance(schema, dict):
        msg = "it is not an object"
        raise SchemaUnusable(msg)
    depth, items = shape.measure(schema, max_depth=_MAX_SCHEMA_DEPTH, max_items=_MAX_SCHEMA_ITEMS)
    if depth > _MAX_SCHEMA_DEPTH or items > _MAX_SCHEMA_ITEMS:
        msg = "it is too deep or too large"
        raise SchemaUnusable(msg)
    return schema


def _compiled(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_for(
            schema, offline=True, validate_formats=False, pattern_options=_PATTERNS
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        msg = f"it does not compile: {first_line[:_LONGEST_DETAIL]}"
        raise SchemaUnusable(msg) from error


def place(path: list[str | int]) -> str:
    """`arguments.cities[3].name`, of bounded length."""
    told = "arguments"
    for part in path:
        told += f"[{part}]" if isinstance(part, int) else f".{part[:_LONGEST_NAME]}"
    return told[:_LONGEST_PLACE]


def _told(error: jsonschema_rs.ValidationError) -> str:
    """A sentence made of the rule alone: the engine's own messages quote the value."""
    kind: Any = error.kind
    match kind:
        case _Kind.Type():
            told = f"not of type {' or '.join(kind.types)}"
        case _Kind.Required():
            told = f"{kind.property[:_LONGEST_NAME]} is required"
        case _Kind.AdditionalProperties() | _Kind.UnevaluatedProperties():
            names = ", ".join(name[:_LONGEST_NAME] for name in kind.unexpected[:_SHOWN_NAMES])
            told = f"the tool does not know {names}"
        case _Kind.Enum():
            told = f"none of the allowed values {_json(kind.options)}"
        case _Kind.Constant():
            told = f"not the one allowed value {_json(kind.expected_value)}"
        case _Kind.Pattern():
            told = f"does not match the pattern {kind.pattern}"
        case _Kind.BacktrackLimitExceeded() | _Kind.RegexEngineFailure():
            told = "the schema's pattern takes too long to decide"
        case _:
            told = _rule(error)
    return told


def _rule(error: jsonschema_rs.ValidationError) -> str:
    rule = error.schema_path[-1] if error.schema_path else "schema"
    limit = getattr(error.kind, "limit", None)
    return f"breaks {rule}" if limit is None else f"breaks {rule} {limit}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
