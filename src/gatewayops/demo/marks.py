"""What a seeding made: a file in the data directory, written before anything of it counts.

It is what `demo remove` goes by, also after a seeding that was interrupted.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from gatewayops.base.errors import Conflict


class Marks(msgspec.Struct, kw_only=True):
    """Ids by table of the control store; `callers` are the keys and clients that the calls bear."""

    org_id: str
    seed: int
    days: int
    calls: int
    made_at: datetime
    is_whole: bool = False
    rows: dict[str, list[str]] = {}
    callers: list[str] = []
    incidents: dict[str, list[str]] = {}  # `server` and `subject`: what incidents may be about

    def add(self, table: str, row_id: str) -> str:
        """The id, noted."""
        self.rows.setdefault(table, []).append(row_id)
        return row_id


def read(path: Path) -> Marks | None:
    """None when nothing was seeded. Raises Conflict for a file that cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Marks)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        msg = f"{path} does not say what was seeded ({error})"
        raise Conflict(msg) from error


def write(path: Path, marks: Marks) -> None:
    """In one step."""
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(marks)))
    draft.chmod(0o600)
    draft.replace(path)


def begin(path: Path, marks: Marks) -> None:
    """Raises Conflict when another seeding has begun."""
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        msg = "another seeding has begun here: `gatewayops demo remove` when it is over"
        raise Conflict(msg) from error
    write(path, marks)


def forget(path: Path) -> None:
    """What was seeded is gone."""
    path.unlink()
