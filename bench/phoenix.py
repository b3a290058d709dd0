"""python -m bench.phoenix --phoenix VENV/bin/phoenix: exports to a real Arize Phoenix, read back from it.

Phoenix is not among our dependencies: `python -m venv VENV && VENV/bin/pip install arize-phoenix`. It is
started on free ports with a folder of its own. By each protocol a queue of calls is sent, and what Phoenix
tells of their traces afterwards is compared with what was sent.
"""

import argparse
import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from bench.exports import calls
from gatewayops.record.exports.queue import ExportQueue, read_state, waiting
from gatewayops.upstream.exports.delivery import Protocol, Target, connected
from gatewayops.upstream.exports.sender import Sender

_START_S = 300.0
_SHOWN_S = 180.0
_PROJECT = "default"


@asynccontextmanager
async def phoenix(program: Path, folder: Path) -> AsyncIterator[tuple[str, str]]:
    """Its addresses: HTTP, gRPC."""
    http, rpc = _free_ports(2)
    given = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(rpc),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
    }
    log = (folder / "phoenix.log").open("wb")
    process = await asyncio.create_subprocess_exec(str(program), "serve", env=given, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{http}"
    try:
        async with asyncio.timeout(_START_S):
            while not await _answers(url):
                if process.returncode is not None:
                    raise SystemExit((folder / "phoenix.log").read_text()[-2000:])
                await asyncio.sleep(0.5)
        yield url, f"http://127.0.0.1:{rpc}"
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        log.close()


async def told_of(url: str, span_ids: set[str]) -> dict[str, dict[str, Any]]:
    """Those of the spans that Phoenix has, by id; waits until it has all, or long enough."""
    found: dict[str, dict[str, Any]] = {}
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHOWN_S):
                while len(found) < len(span_ids):
                    await asyncio.sleep(0.5)
                    found = {one["context"]["span_id"]: one for one in await _spans(client)}
                    found = {name: one for name, one in found.items() if name in span_ids}
    return found


async def try_protocol(protocol: Protocol, endpoint: str, url: str, count: int) -> str:
    """Sends a queue of calls, and says what became of them."""
    first = list(Protocol).index(protocol) * 1_000_000
    sent = calls(first, count)
    with tempfile.TemporaryDirectory(prefix="gatewayops-queue-") as name:
        folder = Path(name)
        queue = ExportQueue(folder, max_bytes=1 << 30)
        queue.append(sent)
        async with connected(Target(endpoint, protocol=protocol, allows_private=True)) as deliver:
            sender = Sender(queue, deliver, with_payloads=False)
            while waiting(folder, read_state(folder)).queued_bytes:  # noqa: ASYNC110 - as the sender asks
                await asyncio.sleep(await sender.step())
        queue.close()
        state = read_state(folder)
    if state.refused:
        return f"{state.refused} of {count} refused: {state.last_error}"
    found = await told_of(url, {call.span_id for call in sent})
    right = sum(1 for call in sent if _is_right(found.get(call.span_id), call.trace_id, call.cost_micros))
    return f"{state.sent} of {count} acknowledged, {len(found)} found, {right} as they were sent"


async def main(program: Path, count: int) -> None:
    """Prints a line a protocol."""
    with tempfile.TemporaryDirectory(prefix="gatewayops-phoenix-") as folder:
        async with phoenix(program, Path(folder)) as (http, rpc):
            for protocol in Protocol:
                endpoint = rpc if protocol is Protocol.GRPC else http
                print(f"{protocol.value:14} {await try_protocol(protocol, endpoint, http, count)}")


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{url}/healthz")).is_success
    except httpx.HTTPError:
        return False


async def _spans(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"limit": 1000}
    while True:
        answer = await client.get(f"/v1/projects/{_PROJECT}/spans", params=asked)
        if not answer.is_success:
            return found
        page = answer.json()
        found += page["data"]
        if not page["next_cursor"]:
            return found
        asked["cursor"] = page["next_cursor"]


def _is_right(span: dict[str, Any] | None, trace_id: str, cost_micros: int) -> bool:
    return (
        span is not None
        and span["name"] == "tools/call search_customers"
        and span["context"]["trace_id"] == trace_id
        and span["attributes"]["mcp.method.name"] == "tools/call"
        and span["attributes"]["gatewayops.cost.micros"] == cost_micros
        and span["status_code"] in ("OK", "UNSET")
    )


def _free_ports(count: int) -> list[int]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--phoenix", type=Path, required=True)
    parser.add_argument("--spans", type=int, default=2_000)
    given = parser.parse_args()
    asyncio.run(main(given.phoenix, given.spans))
