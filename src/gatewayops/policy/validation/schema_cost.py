"""How often a schema may look at one place of what it checks, before it is compiled.

A schema of a few lines can ask for 2^30 looks at one value (each of thirty definitions refers twice to the
next), and the schema comes from a server that need not be friendly. So the looks are counted beforehand,
level by level, as upper bounds: what applies to the same value adds up, other members are other places.
"""

from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import unquote

from gatewayops.policy.validation.settings import MAX_DEPTH

_MAX_NODES = 5_000
_MAX_PATTERNS = 100
_MAX_WORK = 200_000  # steps of counting: about 20 ms
_ENDLESS = 1 << 60

_HERE_ONE = ("not", "if", "then", "else")
_HERE_MANY = ("allOf", "anyOf", "oneOf")
_HERE_NAMED = ("dependentSchemas", "dependencies")
_BELOW_ONE = (
    "items",
    "additionalItems",
    "additionalProperties",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_UNSUPPORTED = ("$dynamicRef", "$recursiveRef")
_EVERY = ""  # the place of what applies to any member; a property's place has a mark in front

Json = dict[str, Any]
Counts = dict[int, int]


class SchemaUnusable(Exception):
    """A schema that we don't check calls by; the text says why."""


class Node:
    """A schema: which others look at the same value, which at what is inside."""

    __slots__ = ("below", "here", "weight")

    def __init__(self, schema: Json) -> None:
        """Edges come later."""
        self.here: list[int] = []
        self.below: list[tuple[str, int]] = []
        self.weight = 1 + len(_listed(schema, "enum")) // 16


def costs_by_depth(root: Json) -> tuple[int, ...]:
    """Looks at one value at most, when what is checked is 0, 1, 2… deep; the last holds for all deeper.

    Raises SchemaUnusable for what is too large, refers to itself without end, or elsewhere.
    """
    levels = _Levels(_Graph(root).nodes)
    counts = levels.closed({id(root): 1})
    costs = [levels.cost(counts)]
    while len(costs) <= MAX_DEPTH and costs[-1] < _ENDLESS:
        places, every = levels.below(counts)
        cost = max((levels.cost(counts) for counts in places), default=0)
        if not cost:
            break
        costs.append(max(cost, costs[-1]))
        counts = dict(every)
        for place in places:
            for name, count in place.items():
                counts[name] = max(counts.get(name, 0), count)
    return tuple(costs)


class _Levels:
    """Counts of looks, from one level of nesting to the next."""

    def __init__(self, nodes: dict[int, Node]) -> None:
        self._nodes = nodes
        self._work = _MAX_WORK
        self._closures: dict[int, Counts] = {}  # a schema and all that look at the same value because of it
        for name in _inner_first(nodes):
            closure: Counts = defaultdict(int, {name: 1})
            for other in nodes[name].here:
                self._add(closure, self._closures[other], times=1)
            self._closures[name] = closure

    def closed(self, counts: Counts) -> Counts:
        """With all that look at the same value because of these."""
        found: Counts = defaultdict(int)
        for name, count in counts.items():
            self._add(found, self._closures[name], times=count)
        return found

    def cost(self, counts: Counts) -> int:
        """What these looks take together."""
        return min(sum(count * self._nodes[name].weight for name, count in counts.items()), _ENDLESS)

    def below(self, counts: Counts) -> tuple[list[Counts], Counts]:
        """What looks at a member, place by place, and what looks at every member, wherever it is."""
        places: dict[str, Counts] = defaultdict(lambda: defaultdict(int))
        for name, count in counts.items():
            for place, other in self._nodes[name].below:
                places[place][other] += count
        every = self.closed(places.pop(_EVERY, {}))
        found = [every]
        for direct in places.values():
            one = self.closed(direct)
            self._add(one, every, times=1)
            found.append(one)
        return found, every

    def _add(self, to: Counts, counts: Counts, *, times: int) -> None:
        self._work -= len(counts)
        if self._work < 0:
            msg = "it is too entangled"
            raise SchemaUnusable(msg)
        for name, count in counts.items():
            to[name] += count * times


def _inner_first(nodes: dict[int, Node]) -> list[int]:
    """Every schema after those that it makes look at the same value."""
    try:
        return list(TopologicalSorter({name: node.here for name, node in nodes.items()}).static_order())
    except CycleError as error:
        msg = "it refers to itself without end"
        raise SchemaUnusable(msg) from error


class _Graph:
    """The schemas that `root` reaches, and who looks where."""

    def __init__(self, root: Json) -> None:
        self._root = root
        self._waiting = [root]
        self._patterns = 0
        self.nodes: dict[int, Node] = {id(root): Node(root)}
        while self._waiting:
            self._read(self._waiting.pop())

    def _read(self, schema: Json) -> None:
        node = self.nodes[id(schema)]
        if any(word in schema for word in _UNSUPPORTED) or (schema is not self._root and "$id" in schema):
            msg = "it refers by $id, $dynamicRef or $recursiveRef, which is not followed"
            raise SchemaUnusable(msg)
        self._patterns += ("pattern" in schema) + len(_named(schema, "patternProperties"))
        if self._patterns > _MAX_PATTERNS:
            msg = f"it has more than {_MAX_PATTERNS} patterns"
            raise SchemaUnusable(msg)
        # to know what is unevaluated, all that looks here looks once more
        looks = 2 if "unevaluatedProperties" in schema or "unevaluatedItems" in schema else 1
        for other in self._here(schema):
            node.here.extend([self._add(other)] * looks)
        for place, inner in _below(schema):
            if isinstance(inner, dict):
                node.below.append((place, self._add(inner)))

    def _add(self, schema: Json) -> int:
        name = id(schema)
        if name not in self.nodes:
            if len(self.nodes) >= _MAX_NODES:
                msg = f"it has more than {_MAX_NODES} parts"
                raise SchemaUnusable(msg)
            self.nodes[name] = Node(schema)
            self._waiting.append(schema)
        return name

    def _here(self, schema: Json) -> Iterator[Json]:
        others: list[object] = [schema.get(word) for word in _HERE_ONE]
        for word in _HERE_MANY:
            others.extend(_listed(schema, word))
        for word in _HERE_NAMED:
            others.extend(_named(schema, word).values())
        if "$ref" in schema:
            others.append(self._resolve(schema["$ref"]))
        return (other for other in others if isinstance(other, dict))

    def _resolve(self, ref: object) -> object:
        """RFC 6901 in a fragment, of this document only."""
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            msg = "it refers to something outside of itself, which is never fetched"
            raise SchemaUnusable(msg)
        found: Any = self._root
        for part in unquote(ref).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isascii() and name.isdecimal() and len(name) < 9:
                found = found[int(name)] if int(name) < len(found) else None
            else:
                found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict | bool):
            msg = "it refers to something that it does not have"
            raise SchemaUnusable(msg)
        return found


def _below(schema: Json) -> Iterator[tuple[str, object]]:
    for name, other in _named(schema, "properties").items():
        yield f".{name}", other
    for other in _named(schema, "patternProperties").values():
        yield _EVERY, other
    for word in ("prefixItems", "items"):
        for number, other in enumerate(_listed(schema, word)):
            yield f"[{number}", other
    for word in _BELOW_ONE:
        yield _EVERY, schema.get(word)


def _named(schema: Json, word: str) -> dict[str, Any]:
    found = schema.get(word)
    return found if isinstance(found, dict) else {}


def _listed(schema: Json, word: str) -> list[Any]:
    found = schema.get(word)
    return found if isinstance(found, list) else []
