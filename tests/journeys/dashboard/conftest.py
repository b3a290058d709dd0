"""One installation and one Chromium for all journeys through the dashboard, and its first administrator."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from gatewayops.testing.browsing import Browsing, launch
from gatewayops.testing.first_person import first_administrator
from gatewayops.testing.installation import Installation
from gatewayops.testing.node_peers import NodePeers

ROOT = Path(__file__).parents[3]
expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="package")
def installation(tmp_path_factory):
    """Its own: whoever comes first here makes the first administrator."""
    running = Installation(tmp_path_factory.mktemp("dashboard") / "data", "--demo", allows_private=True)
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="package")
def call(installation):
    """Calls a tool of the demo server through the gateway; the answer as JSON."""

    def ask(tool, arguments):
        answer = httpx.post(
            f"{installation.url}/v1/mcp/demo/tools/call",
            json={"tool": tool, "arguments": arguments},
            headers={"Authorization": f"Bearer {installation.secret}"},
            timeout=30,
        )
        return answer.json()

    return ask


@pytest.fixture(scope="package")
def browser():
    """Tests here are plain functions: Playwright's loop runs as long as this does."""
    with sync_playwright() as playwright:
        running = launch(playwright, ROOT / ".cache")
        yield running
        running.close()


@pytest.fixture(scope="package")
def axe():
    """The script of axe-core."""
    peers = NodePeers(ROOT / "tests/node_axe", ROOT / ".cache")
    peers.install()
    return peers.modules / "axe-core/axe.min.js"


@pytest.fixture(scope="package")
def administrator(installation):
    """Ada, who made the installation hers, as an HTTP client with her session."""
    with first_administrator(installation) as client:
        yield client


@pytest.fixture(scope="package")
def browsing(browser, installation, administrator):
    """Windows on the installation; signed in as the administrator, unless asked otherwise."""
    return Browsing(browser, installation.url, administrator.cookies)


@pytest.fixture
def ada(browsing):
    """The administrator's window; what the browser complains of fails the test."""
    with browsing.person() as person:
        yield person
        person.check_quiet()
