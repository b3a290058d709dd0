"""Recovery codes: for who has lost their other factors. Each has 80 random bits and works once. Pure."""

import hashlib
import secrets

COUNT = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_LENGTH = 17  # of 4.95 bits
_GROUP = 6


def new_codes() -> list[str]:
    """To be shown once."""
    return [_new_code() for _ in range(COUNT)]


def hash_of(code: str, *, user_id: str) -> str:
    """What is kept of it: with so many random bits there is nothing to guess."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(f"{user_id}:{plain}".encode("utf-8", "surrogatepass")).hexdigest()


def _new_code() -> str:
    text = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return "-".join(text[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))
