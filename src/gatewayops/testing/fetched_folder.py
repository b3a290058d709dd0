"""fill_once: a cache folder that is filled by one process, once, and is either complete or absent.

Used for what tests fetch from package registries.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def fill_once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Calls `fill` with an empty draft and puts that in `folder`'s place, unless `folder` is there already.

    Processes that start at once wait for the first. An aborted one leaves a draft, which the next removes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it when we die
        if folder.exists():
            return
        for left in folder.parent.glob(f"{folder.name}.part-*"):
            shutil.rmtree(left, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
        try:
            fill(draft)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
