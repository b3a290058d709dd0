"""The masker of an organisation with rules or switches of its own, and which masker is whose.

The plain Masker knows nothing of this, so an organisation that changed nothing pays nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property

from gatewayops.record.masking import classes
from gatewayops.record.masking.decoded import readings
from gatewayops.record.masking.json_path import PathRule, PathSets
from gatewayops.record.masking.masker import Masker
from gatewayops.record.masking.own_patterns import PatternSet
from gatewayops.record.masking.own_rules import RuleRefused, built
from gatewayops.record.masking.rule import Rule
from gatewayops.record.masking.source import Edit, Source
from gatewayops.store.snapshot import MaskingRow

log = logging.getLogger(__name__)

_UNREADABLE = "[masked:unreadable_rules]"


class OwnMasker(Masker):
    """Masks as an organisation asks."""

    def __init__(self, row: MaskingRow) -> None:
        """Raises RuleRefused for a rule that saving would not have taken."""
        rules = classes.rules_of(switched_on=row.switched_on, switched_off=row.switched_off)
        patterns = [rule for rule in row.rules if rule.kind == "regex"]
        self._start((*rules, *(built(rule) for rule in row.rules if rule.kind != "regex")))
        self._pattern_rules = tuple(built(rule) for rule in patterns)
        self._paths = PathSets()
        self._texts: list[bytes] | None = None
        self._first_pattern = len(self._rules) + 2
        if patterns:
            self._patterns = PatternSet([rule.pattern for rule in patterns], first=self._first_pattern)
            self._hinted = self._match
            self._match = self._look

    def bodies(self, request: bytes, response: bytes, limit: int) -> tuple[str, bool, str, bool]:
        """What `body` gives for both; patterns see where each begins and ends."""
        if not self._pattern_rules:
            return super().bodies(request, response, limit)
        return *self.body(request, limit), *self.body(response, limit)

    def _look(self, raw: bytes) -> list[int]:
        found: list[int] = self._hinted(raw)
        if not found:
            return found
        texts = readings(raw)
        hits = self._patterns.match(texts)
        self._texts = texts if hits else None
        return [*found, *hits]

    def _edits(self, raw: bytes, found: list[int]) -> list[Edit]:
        texts, self._texts = self._texts, None  # nothing of a payload stays
        known = texts if texts is not None and texts[0] is raw else None
        return self._sorted(Source(raw, known), self._chosen(found))

    def _found(self, source: Source, rules: Sequence[Rule]) -> Iterator[Edit]:
        paths = tuple(rule for rule in rules if isinstance(rule, PathRule))
        if paths:
            yield from self._paths.edits(source, paths)
        yield from super()._found(source, [rule for rule in rules if not isinstance(rule, PathRule)])

    def _chosen(self, found: list[int]) -> Sequence[Rule]:
        chosen = super()._chosen(found)
        if not found:
            return (*chosen, *self._pattern_rules)
        first = self._first_pattern
        return [*chosen, *(self._pattern_rules[at - first] for at in found if at >= first)]


class ClosedMasker(Masker):
    """Keeps nothing: for rules that do not read here, as after a downgrade. Better no text than a secret."""

    def is_clean(self, raw: bytes) -> bool:
        """Never, but for nothing."""
        return not raw

    def body(self, raw: bytes, limit: int) -> tuple[str, bool]:
        """A marker in place of the whole."""
        return (_UNREADABLE[:limit], True) if raw else ("", False)

    def bodies(self, request: bytes, response: bytes, limit: int) -> tuple[str, bool, str, bool]:
        """Markers in place of both."""
        return *self.body(request, limit), *self.body(response, limit)

    def text(self, value: str) -> str:
        """A marker in place of the text."""
        return _UNREADABLE if value else value


def masker_of(row: MaskingRow | None) -> Masker:
    """The masker for these rules; the plain one for none. Raises RuleRefused."""
    if row is None or not (row.rules or row.switched_on or row.switched_off):
        return Masker()
    return OwnMasker(row)


class Maskers:
    """The masker of each organisation. A masker whose row did not change stays."""

    def __init__(self) -> None:
        """Every organisation has the plain one until `replace`."""
        self._rows: dict[str, MaskingRow] = {}
        self._own: dict[str, Masker] = {}

    @cached_property
    def plain(self) -> Masker:
        """Without rules of anybody's own; made when it is first asked, for that takes 5 ms."""
        return Masker()

    def of(self, org_id: str) -> Masker:
        """The organisation's masker."""
        return self._own.get(org_id) or self.plain

    def replace(self, rows: tuple[MaskingRow, ...]) -> None:
        """Takes over a snapshot's rules. Rules that cannot be read mask everything; that is logged."""
        own = {
            row.org_id: self._own[row.org_id] if self._rows.get(row.org_id) == row else _built(row)
            for row in rows
        }
        self._rows = {row.org_id: row for row in rows}
        self._own = own


def _built(row: MaskingRow) -> Masker:
    try:
        return masker_of(row)
    except RuleRefused as error:
        log.error("%s keeps no bodies, a rule is broken: %s", row.org_id, error.detail)  # noqa: TRY400
        return ClosedMasker()
