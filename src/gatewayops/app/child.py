"""Child: one role as a process of its own, restarted whenever it ends unasked.

Used by the supervisor of `up` and by a gateway of several workers. A child's standard input is its
lifeline (see lifeline.py); it runs in a session of its own, so that a Ctrl-C in the terminal reaches
the supervisor alone, which then stops the children in order.
"""

import asyncio
import contextlib
import logging
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_STABLE_S = 10.0
_USAGE_EXIT = 2  # the settings are wrong: starting again would not help
_READ_BYTES = 1 << 16
_LAST_WORDS_S = 0.5

_log = logging.getLogger(__name__)


class ChildRefused(Exception):
    """A child said that it cannot run with these settings."""


class Child:
    """A command that shall run until `stop` is called."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, stop_s: float,
        say: Callable[[str], None] | None = None, on_change: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """`say` gets its log line by line (None: it writes to our own standard error).

        `on_change` is called after each start; `stop_s` is how long it may take to drain.
        """
        self.name = name
        self.restarts = 0
        self._command = command
        self._environment = environment
        self._stop_s = stop_s
        self._say = say
        self._on_change = on_change
        self._process: Process | None = None
        self._is_stopping = False
        self._is_restarting = False
        self._wake = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Starts and restarts until stopped. Raises ChildRefused when its settings are wrong."""
        pause_s = _FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while not self._is_stopping:
            started_at = loop.time()
            code = await self._run_once()
            if self._is_stopping:
                return
            if self._is_restarting:
                self._is_restarting = False
                continue
            if code == _USAGE_EXIT:
                msg = f"{self.name} cannot run with these settings"
                raise ChildRefused(msg)
            if loop.time() - started_at > _STABLE_S:
                pause_s = _FIRST_PAUSE_S
            _log.warning("%s ended (%s); it starts again in %.1f s", self.name, _ending(code), pause_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self.restarts += 1

    async def restart(self) -> None:
        """Ends the process; `run` starts it again at once."""
        self._is_restarting = True
        await self._end()

    async def stop(self) -> None:
        """Asks it to drain, and kills it when it takes longer than `stop_s`."""
        self._is_stopping = True
        self._wake.set()
        await self._end()

    def kill(self) -> None:
        """Ends it at once, without draining."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _run_once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, stdin=PIPE, start_new_session=True,
            stdout=PIPE if self._say else DEVNULL, stderr=asyncio.subprocess.STDOUT if self._say else None,
        )  # fmt: skip
        self._process = process
        if self._on_change is not None:
            self._on_change()
        if self._is_stopping:  # asked while it was starting
            process.terminate()
        if process.stdout is None or self._say is None:
            return await process.wait()
        forwarding = asyncio.create_task(_forward(process.stdout, self._say))
        code = await process.wait()
        with contextlib.suppress(TimeoutError):  # a grandchild may still hold the pipe
            await asyncio.wait_for(forwarding, _LAST_WORDS_S)
        return code

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._stop_s)
        except TimeoutError:
            _log.warning("%s did not stop within %.0f s and is killed", self.name, self._stop_s)
            self.kill()
            await process.wait()


async def _forward(stream: asyncio.StreamReader, say: Callable[[str], None]) -> None:
    rest = b""
    while chunk := await stream.read(_READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            say(line.decode(errors="replace"))
        if len(rest) > _READ_BYTES:
            say(rest.decode(errors="replace"))
            rest = b""
    if rest:
        say(rest.decode(errors="replace"))


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
