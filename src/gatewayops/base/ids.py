"""Random identifiers: `key_…`, `srv_…` for rows, W3C trace and span ids for calls."""

import hashlib
import random
import secrets

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


_bits = random.Random(secrets.randbits(256)).getrandbits  # noqa: S311 - trace ids name, they guard nothing


def random_text(length: int) -> str:
    """`length` letters and digits from a secure source; 5.95 bits each."""
    number = secrets.randbelow(len(ALPHABET) ** length)  # asks the system once, not once a letter
    letters = []
    for _ in range(length):
        number, at = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[at])
    return "".join(letters)


def new_id(kind: str) -> str:
    """A row's id, such as `key_4fQ…`: the kind and 20 random characters (119 bits)."""
    return f"{kind}_{random_text(20)}"


def new_trace_and_span_id() -> tuple[str, str]:
    """Both at once: 32 and 16 lower-case hex digits."""
    digits = _bits(192).to_bytes(24).hex()
    return digits[:32], digits[32:]


def new_trace_id() -> str:
    """32 lower-case hex digits (W3C Trace Context)."""
    return f"{_bits(128):032x}"


def new_span_id() -> str:
    """16 lower-case hex digits (W3C Trace Context)."""
    return f"{_bits(64):016x}"


def trace_id_of(text: str) -> str:
    """The trace id that a client's own name for a trace stands for, the same at every call.

    32 hex digits are taken as they are, with or without `tr_` and a UUID's dashes; any other
    text is hashed, so that `X-Trace-ID: nightly-run-7` gathers its calls and finds them again.
    """
    plain = text.strip().removeprefix("tr_").replace("-", "").lower()
    if len(plain) == 32 and plain.strip("0") and all(c in "0123456789abcdef" for c in plain):
        return plain
    return hashlib.sha256(text.strip().encode()).hexdigest()[:32]
