"""Deny patterns, compiled once into one RE2 set, matched over decoded texts in linear time."""

import unicodedata
from typing import NamedTuple

import re2

from gatewayops.base.errors import InvalidInput
from gatewayops.policy.validation.starters import STARTERS

MAX_PATTERNS = 50  # of one rule
MAX_PATTERN_BYTES = 500
_MAX_ONE = 1 << 20  # memory of a compiled pattern
_MAX_SET = 64 << 20


class Pattern(NamedTuple):
    """One expression of the set `name`."""

    name: str
    blocks: bool  # else it is only reported
    expression: str


class Patterns:
    """A set. `blocks` says whether any of it ends a call."""

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        """All of them were checked when they were saved."""
        self._patterns = patterns
        self.blocks = any(pattern.blocks for pattern in patterns)
        own = [pattern for pattern in patterns if pattern.name not in STARTERS]
        self._skips_words = not own  # every starter needs a character that is no letter and no digit
        found = re2.Set.SearchSet(_options(_MAX_SET))
        for pattern in patterns:
            found.Add(pattern.expression)
        # RE2 answers "nothing" also when it runs out of memory. The empty pattern always matches: an
        # answer without it means "unknown", and then each pattern looks by itself.
        self._nothing = [found.Add("")]
        found.Compile()
        self._match = found.Match

    def find(self, texts: list[str]) -> tuple[Pattern, str] | None:
        """The first that blocks, else the first that is reported, with the text that it matched."""
        reported: tuple[Pattern, str] | None = None
        for text in texts:
            if self._skips_words and text.isalnum() and text.isascii():
                continue
            for form in (text,) if text.isascii() else (text, plain(text)):
                found = self._match(form.encode())
                if found == self._nothing:
                    continue
                for pattern in self._which(form, found):
                    if pattern.blocks:
                        return pattern, text
                    reported = reported or (pattern, text)
        return reported

    def _which(self, text: str, found: list[int] | None) -> list[Pattern]:
        if found is None or self._nothing[0] not in found:
            return [pattern for pattern in self._patterns if re2.search(pattern.expression, text, _EACH)]
        return [self._patterns[number] for number in found if number != self._nothing[0]]


def plain(text: str) -> str:
    """The text as it looks: full-width and other compatibility forms folded, invisible characters gone."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")


def check_pattern(field: str, expression: str) -> None:
    """Raises InvalidInput that names the field, for what RE2 does not take or what would match anything."""
    if not expression or len(expression.encode("utf-8", "replace")) > MAX_PATTERN_BYTES:
        msg = f"{field}: 1 to {MAX_PATTERN_BYTES} bytes"
        raise InvalidInput(msg)
    try:
        compiled = re2.compile(expression, _options(_MAX_ONE))
        matches_nothing = compiled.search("") is not None
    except (re2.error, UnicodeEncodeError) as error:
        told = error.args[0] if error.args else "not understood"
        text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        msg = f"{field}: RE2 does not take it: {text[:200]}"
        raise InvalidInput(msg) from error
    if matches_nothing:
        msg = f"{field}: it matches the empty text, and so everything"
        raise InvalidInput(msg)


def _options(max_mem: int) -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_mem
    return options


_EACH = _options(_MAX_ONE)
