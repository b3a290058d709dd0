"""Private keys: PEM and PGP blocks, whole, however their lines are escaped or split; JWK members.

A block without its END is masked to the end of its text. A block whose lines are items of a JSON
array (a file read line by line) loses each line and leaves the array.
"""

from collections.abc import Iterator

from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import Edit, Source, compiled

_SPACE = r"(?:[ +]|%20)"
_LABEL = rf"(?:[A-Z0-9]+{_SPACE})*PRIVATE{_SPACE}KEY(?:{_SPACE}BLOCK)?"
_BEGIN = compiled(rf"-----BEGIN{_SPACE}{_LABEL}-----")
_END = compiled(rf"-----END{_SPACE}{_LABEL}-----")
_KEY_LINE = compiled(r"(?:\s|\\+[nrt])*[A-Za-z0-9+/=]+(?:(?:\s|\\+[nrt])+[A-Za-z0-9+/=]+)*(?:\s|\\+[nrt])*$")
_LONG_LINE = compiled(r"[A-Za-z0-9+/=]{30,}")
_JWK_MEMBER = compiled(r"\"(?:d|p|q|dp|dq|qi|k)\\*\"\s*:\s*\\*\"")
_MARK = marker("private_key")
_NEVER = 1 << 62


def _find_blocks(source: Source) -> Iterator[Edit]:
    raw = source.raw
    done = last_end = 0
    for begin in _BEGIN.finditer(raw):
        if begin.start() < done:
            continue
        if last_end <= begin.end():
            end = _END.search(raw, begin.end())
            last_end = end.end() if end is not None else _NEVER
        string_end = source.outer_string_end(begin.end())
        done = min(last_end, len(raw))
        if done > string_end:
            yield from _following_lines(source, string_end, done, is_ended=last_end < _NEVER)
            done = string_end if last_end == _NEVER else done
        yield begin.start(), min(done, string_end), _MARK


def _following_lines(source: Source, start: int, end: int, *, is_ended: bool) -> Iterator[Edit]:
    """The strings between `start` (a closing quote) and `end` that hold lines of the key.

    Without an END the first string that is no long line of a key ends the search.
    """
    raw = source.raw
    at = raw.find(b'"', start + 1)
    while 0 <= at < end:
        last = source.string_end(at + 1, 0)
        is_last = last >= end
        text = raw[at + 1 : last]
        is_name = raw[last + 1 : last + 20].lstrip()[:1] == b":"
        is_line = is_last or _KEY_LINE.match(text) is not None
        if is_line and (is_ended or _LONG_LINE.search(text) is not None) and not is_name:
            yield at + 1, end if is_last and is_ended else last, _MARK
        elif not is_ended:
            return
        at = raw.find(b'"', last + 1)


def _find_jwk_members(source: Source) -> Iterator[Edit]:
    """The private members of a JSON Web Key (RFC 7518 section 6); short values are something else."""
    raw = source.raw
    for match in _JWK_MEMBER.finditer(raw):
        opening = match.group()
        level = len(opening) - len(opening[:-1].rstrip(b"\\")) - 1
        end = source.string_end(match.end(), level)
        if end - match.end() >= 20:
            yield match.end(), end, _MARK


RULES: tuple[Rule, ...] = (
    Rule("private_key", rf"-----BEGIN{_SPACE}{_LABEL}-----", _find_blocks),
    Rule("jwk", r"\"kty\\*\"", _find_jwk_members),
)
