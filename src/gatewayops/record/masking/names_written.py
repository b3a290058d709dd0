"""How a field's name may be written in JSON: in either case, with its characters as they are or escaped."""

import re


def name_pattern(name: str, *, ignores_case: bool) -> str:
    """A pattern over bytes (Latin-1) for the name. ASCII escapes are undone before anybody looks."""
    written = "".join(_character(char, ignores_case=ignores_case) for char in name)
    return f"(?i:{written})" if ignores_case else f"(?:{written})"


def _character(char: str, *, ignores_case: bool) -> str:
    if char.isascii():
        return re.escape(char)
    forms = {char, char.lower(), char.upper()} if ignores_case else {char}
    return f"(?:{'|'.join(form for each in sorted(forms) for form in (_bytes(each), _escapes(each)))})"


def _bytes(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def _escapes(text: str) -> str:
    units = text.encode("utf-16-be")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(rf"\\+u(?i:{digits})" for digits in pairs)
