"""The engine: prefilter, rules, edits, and a cut that never leaves part of a secret."""

from collections.abc import Iterator, Sequence

import re2

from gatewayops.record.masking import classes, escapes
from gatewayops.record.masking.rule import Rule
from gatewayops.record.masking.source import Edit, Source, options

_MARGIN_BYTES = 8 << 10
_LEAST_MARGIN_BYTES = 1 << 10
_MEMO_ENTRIES = 4096
_MEMO_LENGTH = 200


class Masker:
    """Built once for a worker. Holds no payload, except short texts in which nothing was found."""

    def __init__(self, *, contacts: bool = False) -> None:
        """`contacts`: e-mail addresses and phone numbers are masked too."""
        self._start(classes.rules_of(switched_on=tuple(classes.CONTACTS) if contacts else ()))

    def _start(self, rules: tuple[Rule, ...]) -> None:
        """Takes the rules whose hints go into the one set of the first look."""
        self._rules = rules
        hints = re2.Set.SearchSet(options())
        for rule in self._rules:
            hints.Add(rule.hint.encode("latin-1"))
        self._escaped = hints.Add(escapes.HINT.encode())
        # RE2 answers "nothing" also when it runs out of memory. The end of the text always matches: an
        # answer without it means "unknown", and then every rule looks. (The empty pattern would match at
        # every byte, which takes RE2 twice as long.)
        nothing = hints.Add(rb"\z")
        hints.Compile()
        self._nothing = [nothing]
        self._match = hints.Match
        self._clean: set[str] = set()

    def body(self, raw: bytes, limit: int) -> tuple[str, bool]:
        """The masked text of at most `limit` bytes, and whether something was cut off.

        What begins within `limit` is masked whole; what begins beyond is dropped.
        """
        is_cut = len(raw) > limit
        window = raw[: limit + _MARGIN_BYTES] if is_cut else raw
        found = self._match(window)
        if found == self._nothing:
            return _text(window, limit), is_cut
        masked = self._masked(window, found, limit if is_cut else None, is_whole=len(window) == len(raw))
        return _text(masked, limit), is_cut or len(masked) > limit

    def bodies(self, request: bytes, response: bytes, limit: int) -> tuple[str, bool, str, bool]:
        """What `body` gives for both, in one look where nothing is secret in either, as nearly always."""
        both = request + b"\n" + response
        if len(both) <= limit and self._match(both) == self._nothing:
            try:
                return request.decode(), False, response.decode(), False
            except UnicodeDecodeError:
                pass
        return *self.body(request, limit), *self.body(response, limit)

    def is_clean(self, raw: bytes) -> bool:
        """Whether no rule has anything to look closer at: `body` would give the same text."""
        return bool(self._match(raw) == self._nothing)

    def text(self, value: str) -> str:
        """A short text masked: a name, a URI, an error message."""
        if value in self._clean:
            return value
        raw = value.encode("utf-8", "replace")
        found = self._match(raw)
        if found != self._nothing:
            masked = self._masked(raw, found, None, is_whole=True)
            if masked is not raw:
                return masked.decode("utf-8", "replace")
        if len(value) <= _MEMO_LENGTH:
            if len(self._clean) >= _MEMO_ENTRIES:
                self._clean.clear()
            self._clean.add(value)
        return value

    def hits(self, raw: bytes) -> dict[str, int]:
        """How many places each rule finds in a payload, by the rule's name; for people who try rules out."""
        plain = escapes.unescaped(raw)
        source = Source(plain)
        counts: dict[str, int] = {}
        for rule in self._chosen(self._match(plain)):
            places = len({edit[:2] for edit in rule.find(source)})
            if places:
                counts[rule.name] = counts.get(rule.name, 0) + places
        return counts

    def _masked(self, raw: bytes, found: list[int], limit: int | None, *, is_whole: bool) -> bytes:
        """`raw` itself when nothing is secret. With a limit, nothing that begins behind it."""
        plain = raw
        if self._escaped in found or not found:
            plain = escapes.unescaped(raw)
            found = self._match(plain)
        if limit is not None and not is_whole:
            limit = min(limit, max(0, len(plain) - _LEAST_MARGIN_BYTES))
        edits = self._edits(plain, found)
        if not edits:
            return raw if limit is None else raw[:limit]
        return _applied(plain, edits, len(plain) if limit is None else limit)

    def _chosen(self, found: list[int]) -> Sequence[Rule]:
        """The rules behind the numbers of a look; all of them when it could not say."""
        return [self._rules[at] for at in found if at < len(self._rules)] if found else self._rules

    def _edits(self, raw: bytes, found: list[int]) -> list[Edit]:
        return self._sorted(Source(raw), self._chosen(found))

    def _sorted(self, source: Source, rules: Sequence[Rule]) -> list[Edit]:
        return sorted(self._found(source, rules), key=lambda edit: (edit[0], -edit[1])) if rules else []

    def _found(self, source: Source, rules: Sequence[Rule]) -> Iterator[Edit]:
        """What these rules mask, in any order."""
        for rule in rules:
            yield from rule.find(source)


def _applied(raw: bytes, edits: list[Edit], limit: int) -> bytes:
    """The bytes with the edits made, up to `limit` of the original; overlapping edits become one.

    A marker at the cut stays whole: text in front of it makes room.
    """
    out: list[bytes] = []
    done = 0
    for start, end, instead in edits:
        if end <= done:
            continue
        if start >= limit:
            break
        if start >= done:
            out += (raw[done:start], instead)
        done = end
    if done < limit or not out:
        out.append(raw[done:limit])
        return b"".join(out)
    mark = out.pop()
    head = b"".join(out)
    if done > limit and len(mark) <= limit:
        head = _text(head, limit - len(mark)).encode()
    return head + mark


def _text(raw: bytes, limit: int) -> str:
    """The first `limit` bytes as text that takes at most `limit` bytes again.

    Bytes that are no UTF-8 become U+FFFD; a character that the cut went through is dropped.
    """
    try:
        return raw[:limit].decode()
    except UnicodeDecodeError as error:
        is_cut_through = error.reason == "unexpected end of data"
        kept = raw[: error.start] if is_cut_through else raw[:limit]
    text = kept.decode("utf-8", "replace").encode()
    return text[:limit].decode("utf-8", "ignore")
