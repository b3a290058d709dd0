"""Cursors: where a list was left, as text that clients hand back and need not understand."""

import base64
import binascii
from typing import TypeVar

import msgspec

from gatewayops.base.errors import InvalidInput

Filter = TypeVar("Filter", bound=msgspec.Struct)


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last row's place in the order, and the time range that the first page was asked for."""

    at_ns: int
    id: str
    start_ns: int = 0
    end_ns: int = 0


def encode(cursor: Cursor) -> str:
    """URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """Raises InvalidInput for anything that `encode` did not write."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.msgpack.decode(raw, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        msg = "cursor: not one that this API gave out"
        raise InvalidInput(msg) from error


def resumed(wanted: Filter, cursor: str) -> tuple[Filter, Cursor | None]:
    """Where the list goes on, None for its beginning; `wanted` then has the time range of the first page.

    Of filters with `start_ns` and `end_ns`. Raises InvalidInput as `decode`.
    """
    if not cursor:
        return wanted, None
    place = decode(cursor)
    return msgspec.structs.replace(wanted, start_ns=place.start_ns, end_ns=place.end_ns), place
