"""Siblings: the metrics of all workers on one page, whichever of them takes the scrape.

Each worker of several answers with its own page on a socket in `run/`, which only the owner of the data
directory can open. A series keeps the number of its worker as a label, so that a restart of one is a reset
of its counters alone; `sum by (…)` adds them up, as for several machines.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

log = logging.getLogger(__name__)

_ANSWER_S = 1.0
_FAMILY = "# HELP "


class Siblings:
    """The workers of one gateway, `number` being this one of `count`."""

    def __init__(
        self, render: Callable[[], bytes], *, folder: Path, port: int, number: int, count: int
    ) -> None:
        """`render` gives this worker's page; `port` tells gateways on one data directory apart."""
        self._render = render
        self._folder = folder
        self._port = port
        self._number = number
        self._count = count

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Siblings get this worker's page until the end of the block."""
        if self._count == 1:
            yield
            return
        path = self._path(self._number)
        path.unlink(missing_ok=True)  # of a worker that was killed
        try:
            server = await asyncio.start_unix_server(self._answer, str(path))
        except OSError as error:
            log.warning("/metrics of other workers lack this one: %s: %s", path, error)
            yield
            return
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)

    async def page(self) -> bytes:
        """The text format 0.0.4; a sibling that does not answer in a second is left out, and counted so."""
        if self._count == 1:
            return (self._render().decode() + _workers(1, answering=1)).encode()
        others = [number for number in range(1, self._count + 1) if number != self._number]
        answers = zip(others, await asyncio.gather(*map(self._ask, others)), strict=True)
        pages = {number: page for number, page in answers if page} | {self._number: self._render()}
        text = merged({number: pages[number].decode() for number in sorted(pages)})
        return (text + _workers(self._count, answering=len(pages))).encode()

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._render())
        writer.close()

    async def _ask(self, number: int) -> bytes:
        try:
            async with asyncio.timeout(_ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(str(self._path(number)))
                try:
                    return await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return b""

    def _path(self, number: int) -> Path:
        return self._folder / f"metrics-{self._port}-{number}.sock"


def merged(pages: Mapping[int, str]) -> str:
    """One page of several by the same program: each family once, each series with its `worker`."""
    families: dict[str, list[str]] = {}
    for number, page in pages.items():
        for family in page.split(_FAMILY)[1:]:
            lines = family.splitlines()
            series = families.setdefault("\n".join(lines[:2]), [])
            series += [_labelled(line, number) for line in lines[2:] if line]
    return "".join(_FAMILY + "\n".join([head, *series]) + "\n" for head, series in families.items())


def _labelled(line: str, worker: int) -> str:
    name, brace, rest = line.partition("{")
    if brace:
        return f'{name}{{worker="{worker}",{rest}'
    name, _, value = line.partition(" ")
    return f'{name}{{worker="{worker}"}} {value}'


def _workers(count: int, *, answering: int) -> str:
    name = "gatewayops_gateway_workers"
    return (
        f"# HELP {name} Workers of this gateway\n# TYPE {name} gauge\n{name} {count}\n"
        f"# HELP {name}_answering Those on this page\n# TYPE {name}_answering gauge\n"
        f"{name}_answering {answering}\n"
    )
