"""A child runs until it is stopped, whatever happens to it meanwhile."""

import asyncio
import os
import signal
import sys

import pytest

from gatewayops.app.child import Child, ChildRefused

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"


class Running:
    """A child with what it said, and its task."""

    def __init__(self, program, *, stop_s=5.0):
        self.said = []
        self._has_said = asyncio.Event()
        self.child = Child("role", [sys.executable, "-c", program], {}, stop_s=stop_s, say=self._say)
        self.task = asyncio.create_task(self.child.run())

    def _say(self, line):
        self.said.append(line)
        self._has_said.set()
        self._has_said.clear()

    async def until_said(self, times):
        async with asyncio.timeout(20):
            while len(self.said) < times:
                await self._has_said.wait()


async def test_a_killed_child_is_started_again():
    running = Running(SLEEPS)
    await running.until_said(1)
    first = running.child.pid

    os.kill(first, signal.SIGKILL)
    await running.until_said(2)

    assert running.child.pid not in (None, first)
    assert running.child.restarts == 1
    await running.child.stop()
    await running.task


async def test_a_stopped_child_stays_stopped():
    running = Running(SLEEPS)
    await running.until_said(1)

    await running.child.stop()
    await running.task

    assert running.child.pid is None
    assert running.said == ["up"]


async def test_a_child_that_does_not_stop_is_killed():
    running = Running(STUBBORN, stop_s=0.2)
    await running.until_said(1)

    await running.child.stop()

    await running.task


async def test_a_child_that_finds_its_settings_wrong_is_not_started_again():
    running = Running("print('port: is wrong'); raise SystemExit(2)")

    with pytest.raises(ChildRefused, match="role"):
        await running.task

    assert running.said == ["port: is wrong"]


async def test_stopping_does_not_wait_for_the_next_try():
    running = Running("print('down'); raise SystemExit(1)")
    await running.until_said(3)

    await running.child.stop()

    await running.task
    assert running.child.restarts >= 2


async def test_a_child_asked_to_restart_does_so_at_once():
    running = Running(SLEEPS)
    await running.until_said(1)
    first = running.child.pid

    await running.child.restart()
    await running.until_said(2)

    assert running.child.pid != first
    assert running.child.restarts == 0
    await running.child.stop()
    await running.task
