"""Starts are quick: nothing is loaded for nobody, and the collector does not look at what will stay."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """For imports that take seconds: a sixth of that time was the collector's, which finds nothing."""
    # Where click and rich are installed, httpx loads a command line of its own, a tenth of a second of it.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # Python's word for: not to be found
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
