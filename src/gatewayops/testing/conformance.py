"""The official MCP conformance suite: run against a server, and compared with another run.

Used by the journey that holds the gateway to the verdicts which the server behind it gets directly.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatewayops.testing.node_peers import NodePeers
from gatewayops.testing.peer_process import PeerFailed, run_bounded

_RUN_TIMEOUT_S = 240.0
_SCENARIO_TIMEOUT_MS = 20_000
_FOLDER = re.compile(r"^server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$")


@dataclass(frozen=True, slots=True)
class CheckKey:
    """One check of one scenario; `turn` tells apart the repetitions of an id within it."""

    scenario: str
    id: str
    name: str
    turn: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """SUCCESS, FAILURE, WARNING, SKIPPED or INFO, and what the suite said about it."""

    status: str
    message: str


Results = Mapping[CheckKey, Verdict]


def run(peers: NodePeers, *, url: str, revision: str, bearer: str, output: Path) -> Results:
    """Runs all scenarios that `revision` requires, with `bearer` on each request.

    Checks that fail are results, not errors; PeerFailed when the suite itself breaks down.
    """
    suite = peers.modules / "@modelcontextprotocol/conformance/dist/index.js"
    command = [
        peers.node, "--import", peers.script("with_bearer.mjs"), str(suite), "server", "--url", url,
        "--requirements", revision, "--timeout", str(_SCENARIO_TIMEOUT_MS), "--output-dir", str(output),
    ]  # fmt: skip
    env = {"MCP_ORIGIN": url, "MCP_BEARER": bearer}
    try:
        run_bounded(command, timeout_s=_RUN_TIMEOUT_S, env=env)
    except PeerFailed:
        if not any(output.glob("*/checks.json")):  # it also ends with 1 when a check fails
            raise
    return read_results(output)


def read_results(output: Path) -> Results:
    """The verdicts under an output folder of the suite, one `checks.json` a scenario."""
    results: dict[CheckKey, Verdict] = {}
    for path in sorted(output.glob("*/checks.json")):
        match = _FOLDER.match(path.parent.name)
        if match is None:
            msg = f"the suite names its folders otherwise than expected: {path.parent.name}"
            raise PeerFailed(msg)
        turns: dict[tuple[str, str], int] = defaultdict(int)
        for check in json.loads(path.read_text()):
            same = (check["id"], check.get("name", ""))
            key = CheckKey(match["scenario"], *same, turns[same])
            turns[same] += 1
            results[key] = Verdict(check["status"], check.get("errorMessage") or "")
    return results


def passed(results: Results) -> int:
    """How many checks the suite counts as passed."""
    return sum(verdict.status == "SUCCESS" for verdict in results.values())


def failed(results: Results) -> dict[CheckKey, Verdict]:
    """The checks that the suite counts as failed."""
    return {key: verdict for key, verdict in results.items() if verdict.status == "FAILURE"}


def differences(direct: Results, through: Results) -> Iterator[str]:
    """A line for each check whose verdict is not the same in both runs, readable by people."""
    for key in sorted(
        direct.keys() | through.keys(), key=lambda key: (key.scenario, key.id, key.name, key.turn)
    ):
        before, after = direct.get(key), through.get(key)
        if (before and before.status) != (after and after.status):
            told = "; ".join(v.message for v in (before, after) if v and v.message)
            yield (
                f"{key.scenario} / {key.id} ({key.name}): direct {_said(before)}, "
                f"through the gateway {_said(after)}{': ' + told if told else ''}"
            )


def _said(verdict: Verdict | None) -> str:
    return verdict.status if verdict else "absent"
