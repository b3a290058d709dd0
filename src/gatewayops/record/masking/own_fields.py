"""An organisation's own field names: exact, in any case of letters, at any depth, in any notation.

The built-in rule knows endings of names and asks for proof where a word is ambiguous. Here the name is the
whole name, and whatever stands behind it is masked, except null and nothing.
"""

from collections.abc import Callable, Iterator

from gatewayops.record.masking.field_names import full_name
from gatewayops.record.masking.fields import NAMED, Value
from gatewayops.record.masking.names_written import name_pattern
from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import Edit, Pattern, Source, at_hand, compiled

_QUOTES = b"\"'`;[27"  # what a quoted name begins behind; `;`, `2` and `7` end &quot; and %22, %27
_BEHIND = frozenset(bytes((code,)) for code in b" \t\n\f\r]\\\"'`&%+:=")  # what NAMED begins with
_LEADING = (b".", b"$", b"--", b"->")  # what may stand before a bare name: customer.ssn, $ssn, --ssn

_named = at_hand(rf"(?i:{NAMED})")

Places = Callable[[Source], Iterator[tuple[int, int]]]
"""Where names stand, with all that is between them and their values."""


def field_rule(name: str, field: str) -> Rule:
    """Masks the value of every field called `field`."""
    written = name_pattern(field, ignores_case=True)
    pattern = rf"{written}{NAMED}|--{written}[ \t]+"

    class Own(Value):
        mark = marker(name)
        harmless = frozenset((b"", b"null", b"none", b"nil"))

        def is_exempt(self) -> bool:
            return False

        def needs_proof(self) -> bool:
            return False

        def unquoted(self) -> Edit | None:
            is_line = self.separator == b":"
            end = self.line_end() if is_line else self.word_end()
            value = self.raw[self.start : end]
            if value.lower().strip() in self.harmless or value.startswith(b"[masked"):
                return None
            return self.start, end, self.mark

    places = _ascii_places(field) if _is_plain(field) else _any_places(compiled(pattern))

    def find(source: Source) -> Iterator[Edit]:
        raw = source.raw
        done = 0
        for start, end in places(source):
            if start < done:
                continue
            text = raw[start:end]
            value = Own(source, start, end, text)
            if not text.startswith(b"--") and not _is_whole(raw, start, is_quoted=value.is_quoted_name):
                continue
            edit = value.edit()
            if edit is not None:
                done = edit[1]
                yield edit

    return Rule(name, pattern, find)


def _is_plain(field: str) -> bool:
    """Whether the name is written in one way but for case, and cannot stand in a separator, as `+` can."""
    return field.isascii() and any(char.isalpha() for char in field)


def _any_places(exact: Pattern) -> Places:
    def places(source: Source) -> Iterator[tuple[int, int]]:
        for match in exact.finditer(source.raw):
            yield match.start(), match.end()

    return places


def _ascii_places(field: str) -> Places:
    """The same without RE2, for which a payload is too short to be worth its start."""
    name = field.lower().encode()

    def places(source: Source) -> Iterator[tuple[int, int]]:
        raw, lowered = source.raw, source.lowered()
        start = lowered.find(name)
        while start >= 0:
            end = start + len(name)
            if raw[end : end + 1] in _BEHIND:
                named = _named.match(raw, end)
                if named is not None:
                    yield start, named.end()
                elif raw.startswith(b"--", start - 2) and start > 1 and raw[end] in b" \t":
                    yield start - 2, end
            start = lowered.find(name, start + 1)

    return places


def _is_whole(raw: bytes, start: int, *, is_quoted: bool) -> bool:
    """Whether the name begins where the match does: `user_ssn` and `größssn` are not `ssn`."""
    if start == 0:
        return True
    last = raw[start - 1]
    if is_quoted:
        return last in _QUOTES
    if last >= 0x80:
        return False
    before = full_name(raw, start)
    return not before or before.endswith(_LEADING)
