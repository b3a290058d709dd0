"""An organisation's own field names: exact, in any case of letters, at any depth, in any notation.

The built-in rule knows endings of names and asks for proof where a word is ambiguous. Here the name is the
whole name, and whatever stands behind it is masked, except null and nothing.
"""

from collections.abc import Iterator

from gatewayops.record.masking.field_names import full_name
from gatewayops.record.masking.fields import NAMED, Value
from gatewayops.record.masking.names_written import name_pattern
from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import Edit, Source, compiled

_QUOTES = b"\"'`;[27"  # what a quoted name begins behind; `;`, `2` and `7` end &quot; and %22, %27
_LEADING = (b".", b"$", b"--", b"->")  # what may stand before a bare name: customer.ssn, $ssn, --ssn


def field_rule(name: str, field: str) -> Rule:
    """Masks the value of every field called `field`."""
    written = name_pattern(field, ignores_case=True)
    pattern = rf"{written}{NAMED}|--{written}[ \t]+"
    exact = compiled(pattern)

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

    def find(source: Source) -> Iterator[Edit]:
        raw = source.raw
        done = 0
        for match in exact.finditer(raw):
            start = match.start()
            if start < done:
                continue
            text = match.group()
            value = Own(source, start, match.end(), text)
            if not text.startswith(b"--") and not _is_whole(raw, start, is_quoted=value.is_quoted_name):
                continue
            edit = value.edit()
            if edit is not None:
                done = edit[1]
                yield edit

    return Rule(name, pattern, find)


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
