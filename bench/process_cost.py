"""What a process has used, from /proc: CPU time of all its threads, resident memory, its children."""

import os
from pathlib import Path

_PROC = Path("/proc")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system time so far, in seconds, to a clock tick (10 ms): measure over seconds."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def rss_mb(pid: int) -> float:
    """Resident memory, in millions of bytes."""
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def children(pid: int) -> list[int]:
    """Its child processes."""
    found = []
    for folder in _PROC.iterdir():
        try:
            if folder.name.isdigit() and int(_stat(int(folder.name))[1]) == pid:
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the command's name (which may hold spaces)."""
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
