r"""Escapes behind which a secret may hide: `\u0041KIA…` is `AKIA…`, and `a\/b` is `a/b`.

They are undone at any depth of nesting and in a way that keeps JSON valid: a quote or a backslash
that was written as `\u0022` or `\u005c` comes out with the backslashes that it needs.
"""

HINT = r"\\u00[2-7]|\\/"
_MOST_DEPTH = 8
_PLAIN = {f"{code:02x}".encode(): bytes((code,)) for code in range(0x20, 0x80)}
_PLAIN.update({digits.upper(): char for digits, char in list(_PLAIN.items())})


def unescaped(raw: bytes) -> bytes:
    """`raw` with printable ASCII and slashes written plainly; the same bytes when there were none."""
    for _ in range(_MOST_DEPTH):
        after = _characters(raw) if b"\\u00" in raw else raw
        after = after.replace(b"\\/", b"/")
        if after == raw:
            break
        raw = after
    return raw


def _characters(raw: bytes) -> bytes:
    first, *rest = raw.split(b"\\u00")
    out = [first]
    for part in rest:
        char = _PLAIN.get(part[:2])
        if char is None:
            out.append(b"\\u00" + part)
            continue
        before = out[-1]
        out[-1] = before.rstrip(b"\\")
        run = len(before) - len(out[-1]) + 1
        depth = run & -run  # what is in front of these are escaped backslashes, and stay
        if char == b'"':
            char = b"\\" * (2 * depth - 1) + char
        elif char == b"\\":
            char *= 2 * depth
        out[-1] += b"\\" * (run - depth)
        out += (char, part[2:])
    return b"".join(out)
