"""Three real MCP servers behind one running GatewayOps, and a key whose calls have an owner and a price.

The servers are the bundled demo, the everything-server of the Python SDK (both eras) and npm's
server-everything (legacy only). Everything is fetched from PyPI and npm by hash, once per lock.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayops.testing.sdk_example import SdkExample

ROOT = Path(__file__).parents[3]
VISIBLE_WITHIN_S = 20.0


@dataclass(frozen=True)
class Errand:
    """What a client does at a server, and what it has to see there."""

    server: str
    tool: str
    arguments: dict[str, Any]
    text: str
    slow_tool: str
    slow_arguments: dict[str, Any]
    progress: tuple[float, ...]
    prompt: str
    prompt_text: str
    resource: str
    resource_text: str
    prompt_arguments: dict[str, Any] = field(default_factory=dict)
    unknown_tool: str = "no_such_tool"


ERRANDS = {
    "demo": Errand(
        server="demo",
        tool="echo",
        arguments={"text": "hello from a journey"},
        text="hello from a journey",
        slow_tool="slow",
        slow_arguments={"seconds": 0.5},
        progress=(0, 1, 2),
        prompt="review",
        prompt_text="Review a gateway in three sentences",
        prompt_arguments={"subject": "a gateway"},
        resource="demo://readme",
        resource_text="demo server of GatewayOps",
    ),
    "everything": Errand(
        server="everything",
        tool="test_simple_text",
        arguments={},
        text="This is a simple text response for testing.",
        slow_tool="test_tool_with_progress",
        slow_arguments={},
        progress=(0, 50, 100),
        prompt="test_simple_prompt",
        prompt_text="This is a simple prompt for testing.",
        resource="test://static-text",
        resource_text="This is the content of the static text resource.",
    ),
    "npm-everything": Errand(
        server="npm-everything",
        tool="echo",
        arguments={"message": "hello from a journey"},
        text="Echo: hello from a journey",
        slow_tool="trigger-long-running-operation",
        slow_arguments={"duration": 0.6, "steps": 3},
        progress=(1, 2, 3),
        prompt="simple-prompt",
        prompt_text="This is a simple prompt without arguments.",
        resource="",
        resource_text="",
    ),
}

CALL_PRICES = {"demo": 0.002, "everything": 0.0035, "npm-everything": 0.00025}


@dataclass(frozen=True)
class Governed:
    """The running installation as its clients see it: addresses, a key, and whose calls the key makes."""

    url: str
    secret: str
    key_id: str
    user_id: str
    team_id: str

    def address(self, server: str) -> str:
        return f"{self.url}/v1/mcp/{server}"

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    def get(self, path: str, **params: Any) -> httpx.Response:
        return httpx.get(self.url + path, params=params, headers=self.authorization, timeout=10)

    def trace(self, trace_id: str, *, tool_calls: int, and_then: str = "mcp.tools.call") -> dict[str, Any]:
        """The trace, once it shows so many tool calls and the operation that the client did last.

        The recorder needs a moment, and stores in order. Totals and spans are two reads of the store: an
        answer between which a batch came in is asked for again.
        """

        def is_complete(answer):
            trace = answer.json()["trace"]
            operations = [span["operation"] for span in trace["spans"]]
            is_whole = trace["span_count"] == len(operations)
            return is_whole and operations.count("mcp.tools.call") >= tool_calls and and_then in operations

        return self._once(is_complete, f"/v1/traces/{trace_id}")["trace"]

    def traces_of(self, user_id: str, *, at_least: int) -> list[dict[str, Any]]:
        """The traces of a user's calls, once there are so many."""
        return self._once(lambda a: len(a.json()["traces"]) >= at_least, "/v1/traces", user_id=user_id)[
            "traces"
        ]

    def _once(self, is_complete, path, **params):
        give_up_at = time.monotonic() + VISIBLE_WITHIN_S
        while True:
            answer = self.get(path, **params)
            if answer.status_code == 200 and is_complete(answer):
                return answer.json()
            assert time.monotonic() < give_up_at, f"{path} {answer.status_code}: {answer.text[:2000]}"
            time.sleep(0.2)


@pytest.fixture(scope="package")
def everything_url(tmp_path_factory):
    example = SdkExample(ROOT / "requirements/dev.lock", ROOT / ".cache")
    example.install()
    with example.everything_server(tmp_path_factory.mktemp("everything") / "log") as url:
        yield url


@pytest.fixture(scope="package")
def npm_everything_url(node_peers, tmp_path_factory):
    with node_peers.everything_server(tmp_path_factory.mktemp("npm-everything") / "log") as url:
        yield url


@pytest.fixture(scope="package")
def command(installation):
    """Runs a `gatewayops` command on the installation and reads what it prints with --json."""

    def run(*words: str) -> Any:
        done = installation.cli(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="package")
def governed(installation, command, everything_url, npm_everything_url):
    command("server", "add", "everything", "--url", everything_url)
    command("server", "add", "npm-everything", "--url", npm_everything_url)
    for server, dollars in CALL_PRICES.items():
        command("price", "set", "--server", server, "--per-call", str(dollars))
    tokens = ("--per-token-input", "0.00001", "--per-token-output", "0.00003")
    command("price", "set", "--server", "demo", "--tool", "add", *tokens)
    command("team", "add", "journeys")
    command("user", "add", "clients@example.com", "--team", "journeys")
    key = command("key", "create", "clients", "--user", "clients@example.com")
    return Governed(
        url=installation.url,
        secret=key["secret"],
        key_id=key["id"],
        user_id=key["metadata"]["user_id"],
        team_id=key["metadata"]["team_id"],
    )


@pytest.fixture(params=sorted(ERRANDS))
def errand(request):
    return ERRANDS[request.param]


@pytest.fixture
def call_price(errand):
    return CALL_PRICES[errand.server]
