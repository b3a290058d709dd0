"""How long after its acknowledgement an exported span is found by its trace's id, over HTTP both ways."""

import asyncio
import os
import time
from pathlib import Path

import httpx
from rich.console import Console

from bench.otlp import batch
from bench.ranks import nearest_rank
from gatewayops.protocol.otlp import PROTOBUF
from gatewayops.testing.installation import Installation

GOAL_S = 2.0
_PROBES = 12
_LOOK_S = 0.02
_PATIENCE_S = 30.0


async def found_after_s(data: Path, probes: int = _PROBES) -> list[float]:
    """Seconds, in order, of exports of 512 spans to an installation that is started for it."""
    installation = Installation(data)
    await asyncio.to_thread(installation.start)
    try:
        made = await asyncio.to_thread(installation.json, "key", "create", "bench", "--admin")
        headers = {"Authorization": f"Bearer {made['secret']}"}
        async with httpx.AsyncClient(
            base_url=installation.url, headers=headers, trust_env=False, timeout=_PATIENCE_S
        ) as client:
            return sorted([await _one(client, number) for number in range(probes)])
    finally:
        await asyncio.to_thread(installation.stop)


async def _one(client: httpx.AsyncClient, number: int) -> float:
    trace_id = os.urandom(16)
    body = batch(number, trace_id=trace_id)
    taken = await client.post("/v1/traces", content=body, headers={"Content-Type": PROTOBUF})
    taken.raise_for_status()
    begin = time.perf_counter()
    async with asyncio.timeout(_PATIENCE_S):
        while not await _is_there(client, trace_id):  # noqa: ASYNC110 - a condition of the store, no event
            await asyncio.sleep(_LOOK_S)
    return time.perf_counter() - begin


async def _is_there(client: httpx.AsyncClient, trace_id: bytes) -> bool:
    answer = await client.get(f"/v1/traces/{trace_id.hex()}/spans", params={"limit": 1})
    return answer.status_code == 200


def show(console: Console, found: list[float]) -> None:
    """One line."""
    p50, p95 = nearest_rank(found, 0.5), nearest_rank(found, 0.95)
    mark = "met    " if p95 <= GOAL_S else "NOT met"
    console.print(
        f"  {mark}  an exported span is found: p50 {p50:.2f} s, p95 {p95:.2f} s after its acknowledgement "
        f"(goal: at most {GOAL_S:g} s; {len(found)} exports)"
    )
