"""A role ends with its supervisor, even a killed one: its standard input is a pipe that then closes."""

import os
import signal
import threading
import time

_LAST_S = 20.0  # for draining; then the process goes anyway


def watch_lifeline() -> None:
    """Ends this process, first politely, when standard input closes."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_LAST_S)
    os._exit(1)
