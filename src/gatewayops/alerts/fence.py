"""What a thread may do while it runs code of others with what people typed: connect to checked addresses.

Python tells audit hooks of each connection, program and file before it happens (PEP 578), wherever in a
library that is: behind a redirect, a second look-up of a name, or an option that names a file. A hook stays
for good and sees every thread, so there is one, made when it is first needed, and it passes over all
threads but those inside `fenced`. It is no sandbox for hostile code: threads that a library starts are free.
"""

import mimetypes
import os
import site
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from gatewayops.upstream.address import refusal

_PROGRAMS = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
        *("os.fork", "os.forkpty", "pty.spawn", "os.startfile"),
    }
)
_FILES = frozenset({"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "os.link"})
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Fenced(PermissionError):
    """A library was about to do what a fenced thread may not."""


class Fence:
    """Of one thread, for a while; `refused` is the first thing that it refused."""

    def __init__(self, *, allows_private: bool) -> None:
        """Of addresses, private ones only when they are allowed."""
        self._allows_private = allows_private
        self.refused = ""

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raises Fenced for what is not allowed."""
        if why := self._fault(event, arguments):
            if not _is_bytecode(arguments):  # Python goes on without it
                self.refused = self.refused or why
            raise Fenced(why)

    def _fault(self, event: str, arguments: tuple[Any, ...]) -> str:
        if event in ("socket.connect", "socket.sendto"):
            return self._address_fault(arguments[1])
        if event in _PROGRAMS:
            return "it may not run programs"
        if event in _FILES:
            return "it may not change files"
        if event == "open":
            return _file_fault(*arguments)
        return ""

    def _address_fault(self, address: Any) -> str:  # noqa: ANN401 - of any family
        if not isinstance(address, tuple):
            return "it may not connect to sockets of this machine"
        ip = str(address[0])
        why = refusal(ip, allows_private=self._allows_private)
        return f"{ip} is {why}: the gateway does not connect there" if why else ""


@contextmanager
def fenced(*, allows_private: bool) -> Iterator[Fence]:
    """Fences this thread until the end."""
    _install()
    fence = Fence(allows_private=allows_private)
    _of_thread.fence = fence
    try:
        yield fence
    finally:
        _of_thread.fence = None


def _is_bytecode(arguments: tuple[Any, ...]) -> bool:
    return bool(arguments) and "__pycache__" in str(arguments[0])


def _file_fault(path: Any, mode: Any, flags: Any) -> str:  # noqa: ANN401 - as the event has them
    if isinstance(path, int):
        return ""  # one that is open already
    is_written = flags & _WRITES if isinstance(flags, int) else not set(mode or "r") <= set("rbtU")
    if is_written:
        return "it may not change files"
    at = os.path.abspath(os.fsdecode(path))
    return "" if at.startswith(_readable()) or at in mimetypes.knownfiles else "it may not read files"


@cache
def _readable() -> tuple[str, ...]:
    """Where Python and its libraries are: modules imported late, certificate authorities, time zones."""
    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "/usr/share/zoneinfo"}
    found |= set(site.getsitepackages())
    return tuple(os.path.join(place, "") for one in found for place in {one, os.path.realpath(one)})


class _OfThread(threading.local):
    fence: Fence | None = None


_of_thread = _OfThread()


@cache
def _install() -> None:
    _readable()
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...], of_thread: _OfThread = _of_thread) -> None:
    fence = of_thread.fence  # by a default: the hook lives longer than this module when Python ends
    if fence is not None:
        fence.check(event, arguments)
