"""Secrets by the name of their field, wherever a name meets its value.

JSON at any depth of nesting (strings, numbers, whole objects and arrays), `name=value`, query strings,
headers, YAML, code, `{"name": "password", "value": …}`, command line flags, XML, and prose ("the
password is …"). In doubt more is masked, never less, and never across the end of a JSON string.
"""

import re
from collections.abc import Iterator

import msgspec

from gatewayops.record.masking.field_names import (
    NAME,
    full_name,
    is_position,
    is_weak,
    is_working_directory,
    runs_to_line_end,
)
from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import BACKSLASH, BLANK, Edit, Source, at_hand, compiled, quote_level

QUOTE = r"(?:\\*[\"'`]|&quot;|&#3[49];|%2[27])"
_ENCODED_SEPARATOR = r"(?:\s|\+|%20)*(?:%3[AaDd]){1,3}(?:%3[Ee])?"
NAMED = (
    rf"(?:\]?{QUOTE}?\]?(?:\s*[:=]{{1,3}}>?|{_ENCODED_SEPARATOR})"
    rf"|{QUOTE}?,?\s*{QUOTE}?(?:value|default){QUOTE}?\s*[:=])"
)
"""What stands between a name and its value, quotes included."""
_SEPARATOR = rf"(?:{NAMED}|\s+(?:is|was)[: ])"
_FIELD = rf"(?i){NAME}{_SEPARATOR}"
_FLAG = rf"(?i)--[A-Z0-9_-]{{0,40}}{NAME}(?:[ \t]+|{QUOTE},\s*)"
_ELEMENT = rf"(?i)(?:<|&lt;)[A-Z0-9_:.-]{{0,40}}{NAME}(?:\s[^<>]{{0,100}})?(?:>|&gt;)"

_field = compiled(_FIELD)
_flag = compiled(_FLAG)
_element = compiled(_ELEMENT)
_key_quote = compiled(rf"{QUOTE}\]?(?:\s*(?:[:=]{{1,3}}>?|,\s*)?|{_ENCODED_SEPARATOR})$")
_value_quote = at_hand(r"(?:[A-Za-z@$]{1,2})?\\*[\"'`]|&quot;|&#3[49];")
_encoded_value_quote = at_hand(r"%2[27]")
_blank = at_hand(r"(?:[ \t]|\\+t|%20|\+)*")
_blank_or_line = at_hand(rf"(?:[{BLANK}]|\\+[nrt])*")
_bare = at_hand(rf"[^{BLANK}\"'`,}}\]\\]*")
_word = at_hand(rf"(?:[^{BLANK}\"`&<;\\]+|\\\\|\\[^nrt\"'`\\{BLANK}])*")
_json_line = at_hand(r"(?:[^\r\n\"\\]+|\\\\|\\[^nr\"\\])*")
_json_line_with_quotes = at_hand(r"(?:[^\r\n\"\\]+|\\\\|\\[^nr\\])*")
_plain_line = at_hand(r"[^\r\n]*")
_brackets = at_hand(r"[{}\[\]\"]")

_MARK = marker("field")
_NO_SECRETS = frozenset(
    b"none null nil true false undefined string str bytes int bool required optional include omit same-origin"
    b" redacted hidden is was yes no".split()
) | {b""}
_STRING_PREFIXES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@$"
_SCHEMES_WITH_QUOTES = (b"digest ", b"signature ", b"oauth ", b"hawk ")
_RANDOM_LENGTH = 16
_HEAD_BYTES = 256
_LARGEST_SCHEMA = 4096
_SCHEMA_NAMES = frozenset(
    ("type", "title", "description", "format", "minLength", "maxLength", "pattern", "writeOnly", "readOnly",
     "nullable", "anyOf", "x-mcp-header", "additionalProperties", "deprecated", "default")
)  # fmt: skip


def _find_fields(source: Source) -> Iterator[Edit]:
    """Left to right; what stands inside a masked value is not looked at again."""
    raw = source.raw
    for pattern in (_field, _flag):
        done = 0
        for match in pattern.finditer(raw):
            if match.start() < done:
                continue
            text = match.group()
            edit = Value(source, match.start(), match.end(), text).edit()
            if edit is None:
                continue
            done = edit[1]
            yield edit
    yield from _find_elements(source)


class Value:
    """The value behind a name and its separator. Subclasses say otherwise what of it is secret."""

    mark = marker("field")
    harmless = _NO_SECRETS

    def __init__(self, source: Source, start: int, end: int, text: bytes) -> None:
        self.source = source
        self.raw = source.raw
        self.name = full_name(source.raw, start) + text.rstrip(b"\"'`\\:=> \t\r\n,")
        key_quote = _quote_behind(text)
        self.is_quoted_name = key_quote is not None
        self.separator = text.rstrip()[-1:]
        self.is_prose = text[:-1].lower().endswith((b" is", b" was"))
        self.level = 0
        self.quote = b""
        if key_quote is not None:
            self.quote = key_quote
            self.level = _level(self.quote)
        self.start = _end_of(_blank_or_line if self.is_quoted_name else _blank, source.raw, end)

    def edit(self) -> Edit | None:
        """What to replace, or None when nothing secret stands here."""
        if self.is_exempt():
            return None
        quote = _value_quote.match(self.raw, self.start)
        if quote is None and self.quote[:1] == b"%":
            quote = _encoded_value_quote.match(self.raw, self.start)
        if quote is not None:
            return self._quoted(quote.end(), quote.group().lstrip(_STRING_PREFIXES))
        if self.is_quoted_name:
            return self._bare()
        return self.unquoted()

    def is_exempt(self) -> bool:
        """Whether a value under this name is never secret."""
        return is_position(self.name)

    def needs_proof(self) -> bool:
        """Whether the value itself must look like a secret."""
        return is_weak(self.name)

    def _quoted(self, start: int, quote: bytes) -> Edit | None:
        end = quoted_end(self.source, start, quote)
        value = self.raw[start:end]
        if not value or (self.needs_proof() and not _looks_random(value)):
            return None
        return start, end, self.mark

    def _bare(self) -> Edit | None:
        """A number, an object or an array; it becomes a string in the quotes of its name."""
        if self.needs_proof():
            return None
        if self.raw[self.start : self.start + 1] in (b"{", b"["):
            end = bracket_end(self.raw, self.start, self.level)
            is_secret = not _is_schema(self.raw[self.start : end])
        else:
            end = _end_of(_bare, self.raw, self.start)
            is_secret = self.raw[self.start : end].lower() not in self.harmless
        return (self.start, end, self.quote + self.mark + self.quote) if is_secret else None

    def unquoted(self) -> Edit | None:
        """Text up to where it must end. Only a bounded part is read before it is known to be secret."""
        raw, start = self.raw, self.start
        head = raw[start : start + _HEAD_BYTES]
        word = head[: _end_of(_word, head, 0)]
        if word.lower().rstrip(b",.)") in self.harmless or head.startswith(b"[masked"):
            return None
        if self.is_prose:
            return (start, _end_of(_word, raw, start), self.mark) if _is_mixed(word) else None
        if is_working_directory(self.name, word) or (self.needs_proof() and not _looks_random(word)):
            return None
        if head[:1] in (b"{", b"[") or runs_to_line_end(self.name):
            has_quotes = head.lower().startswith(_SCHEMES_WITH_QUOTES)
            return start, self.line_end(has_quotes=has_quotes), self.mark
        return start, _end_of(_word, raw, start), self.mark

    def line_end(self, *, has_quotes: bool = False) -> int:
        """Where the line ends that the value begins on, at the latest with its JSON string."""
        line = _plain_line
        if self.source.is_json:
            line = _json_line_with_quotes if has_quotes else _json_line
        return _end_of(line, self.raw, self.start)

    def word_end(self) -> int:
        """Where the word ends that the value begins with."""
        return _end_of(_word, self.raw, self.start)


def _quote_behind(text: bytes) -> bytes | None:
    """The quote that ends the name in a match, with its backslashes; None for a bare name."""
    if text.endswith(b'":'):
        return text[len(text[:-2].rstrip(b"\\")) : -1]
    if len(text.translate(None, b"\"'`;%")) == len(text):
        return None
    found = _key_quote.search(text)
    return found.group().rstrip(b"]:=>, \t\r\n") if found is not None else None


def _end_of(pattern: re.Pattern[bytes], raw: bytes, start: int) -> int:
    found = pattern.match(raw, start)
    return found.end() if found is not None else start


def quoted_end(source: Source, start: int, quote: bytes) -> int:
    """Where the inside of a quoted text ends that begins at `start` behind `quote`."""
    raw = source.raw
    if quote.endswith(b'"'):
        return source.string_end(start, _level(quote))
    limit = source.outer_string_end(start)
    mark = quote if quote[:1] in (b"&", b"%") else quote[-1:]
    at = raw.find(mark, start, limit)
    while at >= 0:
        is_doubled = raw.startswith(mark, at + len(mark))
        if raw[at - 1] != BACKSLASH and not is_doubled:
            return at
        at = raw.find(mark, at + len(mark) * (1 + is_doubled), limit)
    return limit


def bracket_end(raw: bytes, start: int, level: int) -> int:
    """Behind the bracket that closes the one at `start`; brackets in strings of `level` do not count."""
    depth = 0
    is_in_string = False
    for match in _brackets.finditer(raw, start):
        at = match.start()
        code = raw[at]
        if code == 0x22:
            found = quote_level(raw, at, start)
            if found < level:
                return at - found
            is_in_string ^= found == level
        elif not is_in_string:
            depth += 1 if code in b"{[" else -1
            if depth == 0:
                return at + 1
    return len(raw)


def _find_elements(source: Source) -> Iterator[Edit]:
    """`<password>…</password>`, also with its brackets written as entities."""
    raw = source.raw
    end = 0
    for match in _element.finditer(raw):
        start = match.end()
        if start < end:
            continue
        limit = source.outer_string_end(start)
        if raw.startswith(b"<![CDATA[", start):
            start += len(b"<![CDATA[")
            found = raw.find(b"]]>", start, limit)
        else:
            bracket = b"&lt;" if match.group().startswith(b"&") else b"<"
            found = raw.find(bracket, start, limit)
        end = found if found >= 0 else limit
        if raw[start:end].strip():
            yield start, end, _MARK


def _level(quote: bytes) -> int:
    run = len(quote)
    return (run & -run) - 1 if quote.endswith(b'"') else 0


def _is_mixed(value: bytes) -> bool:
    """Whether a word is no word of prose: it has a digit, and more than a few characters."""
    return len(value) >= 6 and len(value.translate(None, b"0123456789")) < len(value)


def _looks_random(value: bytes) -> bool:
    is_one_word = len(value.translate(None, b" \t\r\n")) == len(value)
    return len(value) >= _RANDOM_LENGTH and is_one_word and _is_mixed(value)


def _is_schema(value: bytes) -> bool:
    """Whether an object only says what a `password` argument looks like (JSON Schema in tools/list)."""
    if len(value) > _LARGEST_SCHEMA or b"type" not in value:
        return False
    try:
        found = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return False
    return _only_describes(found)


def _only_describes(schema: object) -> bool:
    if not isinstance(schema, dict) or schema.get("default") is not None:
        return False
    choices = schema.get("anyOf", [])
    if not isinstance(choices, list):
        return False
    is_typed = isinstance(schema.get("type"), str | list) or len(choices) > 0
    return is_typed and schema.keys() <= _SCHEMA_NAMES and all(_only_describes(choice) for choice in choices)


RULES: tuple[Rule, ...] = (Rule("field", f"{_FIELD}|{_FLAG}|{_ELEMENT}", _find_fields),)
