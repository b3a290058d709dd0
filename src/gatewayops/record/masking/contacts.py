"""E-mail addresses and phone numbers: masked only where an organisation asks for it."""

from collections.abc import Iterator

from gatewayops.record.masking.rule import Rule, marker
from gatewayops.record.masking.source import BACKSLASH, Edit, Match, Source, compiled

_LOCAL = r"[A-Za-z0-9._%+'\x80-\xff-]"
_MAIL = compiled(rf"{_LOCAL}+(?:@|%40)(?:[A-Za-z0-9\x80-\xff-]+\.)+[A-Za-z\x80-\xff]{{2,}}")
_PHONE = compiled(r"(?:\+|00|\(|[0-9])[0-9](?:[ ()./-]{0,3}[0-9]){6,14}")
_PHONE_FIELD = compiled(
    r"(?i)(?:phone|mobile|telephone|\btel|cell|fax)[a-z_ -]{0,10}\\*[\"']?\s*[:=]\s*\\*[\"']?[0-9]{7,15}"
)
_NORTH_AMERICAN = compiled(r"(?:1[ .-])?\(?[2-9][0-9]{2}(?:\) ?|[ .-])[0-9]{3}[ .-][0-9]{4}$")


def _find_mails(source: Source) -> Iterator[Edit]:
    raw = source.raw
    for match in _MAIL.finditer(raw):
        start = match.start()
        if start and raw[start - 1] == BACKSLASH:
            start += 1  # the letter of an escape such as \n
        if not raw.startswith((b"@", b"%40"), start):
            yield start, match.end(), marker("email")


def _is_phone(raw: bytes, match: Match) -> bool:
    text = match.group()
    before = raw[match.start() - 1 : match.start()] if match.start() else b""
    after = raw[match.end() : match.end() + 1]
    if before.isalnum() or before in (b"-", b".", b"+") or after.isalnum() or after == b"-":
        return before == b"n" and raw[match.start() - 2 : match.start() - 1] == b"\\"
    return text[:1] == b"+" or _NORTH_AMERICAN.match(text) is not None


def _find_phones(source: Source) -> Iterator[Edit]:
    raw = source.raw
    for match in _PHONE.finditer(raw):
        if _is_phone(raw, match):
            yield match.start(), match.end(), marker("phone")
    for match in _PHONE_FIELD.finditer(raw):
        text = match.group()
        digits = len(text) - len(text.rstrip(b"0123456789"))
        is_quoted = text[-digits - 1 : -digits] in (b'"', b"'")
        quote = b"" if is_quoted or source.is_in_string(match.end() - 1) or not source.is_json else b'"'
        yield match.end() - digits, match.end(), quote + marker("phone") + quote


RULES: tuple[Rule, ...] = (
    Rule("email", rf"{_LOCAL}(?:@|%40)[A-Za-z0-9\x80-\xff]", _find_mails),
    Rule("phone", r"(?:\+[0-9(]|[0-9][ ()./-]{1,3}[0-9]{3}|(?i:phone|mobile|tel|cell|fax))", _find_phones),
)
