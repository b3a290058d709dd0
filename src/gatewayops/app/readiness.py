"""Asking a role over HTTP whether it is ready, with nothing but asyncio, for the supervisor stays small."""

import asyncio
from urllib.parse import urlsplit

_ANSWER_S = 2.0
_MAX_BYTES = 1 << 16


async def is_answering(url: str, path: str) -> bool:
    """Whether GET answers 200 within two seconds."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_ANSWER_S):
            return await _status(parts.hostname or "127.0.0.1", parts.port or 80, path) == 200
    except (OSError, ValueError, TimeoutError):
        return False


async def _status(host: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(host, port, limit=_MAX_BYTES)
    try:
        name = f"[{host}]" if ":" in host else host
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {name}:{port}\r\nconnection: close\r\n\r\n".encode())
        line = await reader.readline()
        return int(line.split(b" ", 2)[1]) if line.count(b" ") else 0
    finally:
        writer.close()
