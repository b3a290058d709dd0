"""What a picture is, by its bytes and not by what anybody says: PNG, JPEG or WebP, and how large it is shown.

SVG is none of them: it is a document that may hold scripts and fetch things.
"""

import struct
from collections.abc import Iterator

import msgspec

from gatewayops.base.errors import InvalidInput

MAX_BYTES = 128 << 10
MAX_SIDE = 1024  # pixels: a small file may hold a picture that fills a browser's memory
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)  # among JPEG's markers from 0xC0 to 0xCF


class Picture(msgspec.Struct, frozen=True):
    """Its media type, and its sides in pixels."""

    type: str
    width: int
    height: int


def picture_of(raw: bytes) -> Picture:
    """Raises InvalidInput for what is none, or too large."""
    if len(raw) > MAX_BYTES:
        msg = f"image: {MAX_BYTES >> 10} KiB at most"
        raise InvalidInput(msg)
    try:
        found = _png(raw) or _jpeg(raw) or _webp(raw)
    except (struct.error, IndexError):
        found = None
    if found is None:
        msg = "image: a PNG, JPEG or WebP picture; SVG is not taken, for it may hold scripts"
        raise InvalidInput(msg)
    if not (0 < found.width <= MAX_SIDE and 0 < found.height <= MAX_SIDE):
        msg = f"image: {MAX_SIDE} by {MAX_SIDE} pixels at most; this has {found.width} by {found.height}"
        raise InvalidInput(msg)
    return found


def _png(raw: bytes) -> Picture | None:
    if not raw.startswith(_PNG):
        return None
    width, height = struct.unpack_from(">II", raw, len(_PNG))
    return Picture("image/png", width, height)


def _jpeg(raw: bytes) -> Picture | None:
    if not raw.startswith(b"\xff\xd8\xff"):
        return None
    for marker, at in _segments(raw):
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            height, width = struct.unpack_from(">HH", raw, at + 3)
            return Picture("image/jpeg", width, height)
    return None


def _segments(raw: bytes) -> Iterator[tuple[int, int]]:
    """Of a JPEG's head: each marker, and where its length stands. Raises struct.error at the end."""
    at = 2
    while raw[at] == 0xFF:
        marker = raw[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        yield marker, at + 2
        at += 2 + max(struct.unpack_from(">H", raw, at + 2)[0], 2)


def _webp(raw: bytes) -> Picture | None:
    if raw[:4] != b"RIFF" or raw[8:12] != b"WEBP":
        return None
    kind = raw[12:16]
    if kind == b"VP8 " and raw[23:26] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", raw, 26))
    elif kind == b"VP8L" and raw[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", raw, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8X":
        width, height = (int.from_bytes(raw[at : at + 3].ljust(3, b"\0"), "little") + 1 for at in (24, 27))
    else:
        return None
    return Picture("image/webp", width, height)
