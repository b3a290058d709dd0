"""Masks the texts of many records as one, and keeps each within bounds.

A record's texts are written as JSON, so that a secret is known by the name of its attribute too, and the
masker looks once at many of them: nearly always nothing is found, and nothing is copied.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from gatewayops.record.masking import Masker

T = TypeVar("T", bound=msgspec.Struct)

LONGEST_VALUE = 16 << 10  # characters
LARGEST_MAP = 64 << 10
_AT_ONCE = 32  # so that a secret makes its neighbours be looked at again, and not the whole request
_NO_LIMIT = 1 << 30
_UNKNOWN = "[masked]"
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


def masked(masker: Masker, texts: Sequence[T]) -> list[T]:
    """The same structs where nothing is secret and nothing too long, else new ones in their place."""
    clean: list[T] = []
    for at in range(0, len(texts), _AT_ONCE):
        part = texts[at : at + _AT_ONCE]
        written = _encoder.encode_lines(part)[:-1]
        is_clean = masker.is_clean(written)
        if is_clean and len(written) <= LONGEST_VALUE:
            clean += part
        else:
            clean += [_of_one(masker, each, is_clean=is_clean) for each in part]
    return clean


def _of_one(masker: Masker, texts: T, *, is_clean: bool) -> T:
    raw = _encode(texts)
    if not is_clean and not masker.is_clean(raw):
        texts = _without_secrets(masker, texts, raw)
    return texts if len(raw) <= LONGEST_VALUE else _bounded(texts)


def _without_secrets(masker: Masker, texts: T, raw: bytes) -> T:
    written, _ = masker.body(raw, _NO_LIMIT)
    try:
        return msgspec.json.decode(written, type=type(texts))
    except msgspec.MsgspecError:  # what was masked went over the end of a text
        return msgspec.convert(_one_by_one(masker, msgspec.to_builtins(texts)), type(texts))


def _one_by_one(masker: Masker, value: object) -> object:
    if isinstance(value, str):
        return masker.text(value)
    if isinstance(value, dict):
        return {masker.text(name): _of_field(masker, name, below) for name, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_one_by_one(masker, below) for below in value]
    return value


def _of_field(masker: Masker, name: str, value: object) -> object:
    written, _ = masker.body(_encode({name: value}), _NO_LIMIT)
    try:
        return next(iter(msgspec.json.decode(written, type=dict[str, str]).values()), _UNKNOWN)
    except msgspec.MsgspecError:
        return _UNKNOWN


def _bounded(texts: T) -> T:
    """Every text at most LONGEST_VALUE long; what is no longer than that as a whole is left alone."""
    for field in texts.__struct_fields__:
        value = getattr(texts, field)
        if isinstance(value, str):
            if len(value) > LONGEST_VALUE:
                setattr(texts, field, value[:LONGEST_VALUE])
        elif isinstance(value, dict):
            _bound_map(value)
        elif isinstance(value, list):
            for each in value:
                _bounded(each)
    return texts


def _bound_map(attributes: dict[str, str]) -> None:
    """The first attributes that fit in together; the others go."""
    left = LARGEST_MAP
    for name, text in list(attributes.items()):
        left -= min(len(text), LONGEST_VALUE)
        if left < 0:
            del attributes[name]
        else:
            attributes[name] = text[:LONGEST_VALUE]
