"""Notices that the source has changed, for `up --reload`: asks the modification times, needs no library."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

_ASK_S = 0.7


async def changes(folder: Path) -> AsyncIterator[Path]:
    """The first file that differs, each time that some `.py` below `folder` was changed, made or removed."""
    before = await asyncio.to_thread(_stamps, folder)
    while True:
        await asyncio.sleep(_ASK_S)
        after = await asyncio.to_thread(_stamps, folder)
        if changed := [path for path, _ in before.items() ^ after.items()]:
            before = after
            yield min(changed)


def _stamps(folder: Path) -> dict[Path, int]:
    stamps: dict[Path, int] = {}
    for path in folder.rglob("*.py"):
        try:
            stamps[path] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return stamps
