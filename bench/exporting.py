"""Exporters beside the calls of bench.kill9: what was acknowledged of it, and how often each is found.

Spans are sent as exporters do it: a batch that was not acknowledged is sent again, the same, until it is.
Log records and points have no identity of their own, so they are sent once each. Found means: over the API
where people read it (spans), and row by row in the store.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from gatewayops.app.layout import DataDirectory
from gatewayops.base.ids import new_trace_id
from gatewayops.testing.exports import span_json, traces_json
from gatewayops.testing.installation import Installation

KINDS = ("spans", "logs", "points")
SPANS_A_BATCH = 4
_EXPORTERS = ("spans", "spans", "logs", "points")
_PAUSE_S = 0.05  # of each exporter between two requests
_ASK_S = 10.0
_MOST_SHOWN = 50  # traces that are read one by one
_ROWS = {
    "spans": "SELECT trace_id, uniqExact(span_id), count() FROM spans WHERE door = 'otlp' GROUP BY trace_id",
    "logs": "SELECT body, 1, count() FROM logs GROUP BY body",
    "points": "SELECT name, 1, count() FROM metric_points GROUP BY name",
}


class Exporters:
    """They export, and remember what was acknowledged. A mark names a request and what is in it."""

    def __init__(self, url: str, secret: str) -> None:
        """Nothing runs until `run`."""
        self.acknowledged: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self.unacknowledged: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self.sent_again: set[str] = set()
        self._client = httpx.AsyncClient(
            base_url=url, timeout=_ASK_S, headers={"Authorization": f"Bearer {secret}"}
        )

    def sent(self, kind: str) -> list[str]:
        """All marks."""
        return self.acknowledged[kind] + self.unacknowledged[kind]

    async def run(self, stopping: asyncio.Event) -> None:
        """Exports until `stopping` is set; requests under way are finished."""
        async with self._client:
            await asyncio.gather(*(self._export(kind, stopping) for kind in _EXPORTERS))

    async def _export(self, kind: str, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            mark = new_trace_id()
            path, body = _REQUESTS[kind](mark)
            is_taken = await self._send(path, body)
            while kind == "spans" and not is_taken and not stopping.is_set():
                await asyncio.sleep(_PAUSE_S)
                self.sent_again.add(mark)
                is_taken = await self._send(path, body)
            (self.acknowledged if is_taken else self.unacknowledged)[kind].append(mark)
            await asyncio.sleep(_PAUSE_S)

    async def _send(self, path: str, body: dict[str, Any]) -> bool:
        try:
            answer = await self._client.post(path, json=body)
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and answer.json() == {}


def _spans(mark: str) -> tuple[str, dict[str, Any]]:
    ids = [f"{mark[:15]}{number + 1}" for number in range(SPANS_A_BATCH)]
    return "/v1/traces", traces_json(*(span_json(traceId=mark, spanId=each) for each in ids))


def _logs(mark: str) -> tuple[str, dict[str, Any]]:
    record = {"timeUnixNano": str(time.time_ns()), "severityNumber": 9, "body": {"stringValue": mark}}
    return "/v1/logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def _points(mark: str) -> tuple[str, dict[str, Any]]:
    gauge = {"dataPoints": [{"timeUnixNano": str(time.time_ns()), "asDouble": 1.5}]}
    metric = {"name": mark, "gauge": gauge}
    return "/v1/metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}


_REQUESTS = {"spans": _spans, "logs": _logs, "points": _points}


@dataclass(frozen=True)
class Found:
    """Of one kind, by mark: different items in the store, its rows, and what the API counts (spans only)."""

    items: Counter[str]
    rows: Counter[str]
    shown: Counter[str]


def missing(exported: Exporters, found: dict[str, Found]) -> list[str]:
    """What was acknowledged and is not in the store, or not all of it, or not shown."""
    gone = []
    for kind, stored in found.items():
        whole = _whole(kind)
        gone += [f"{kind} {mark}" for mark in exported.acknowledged[kind] if stored.items[mark] < whole]
    shown = found["spans"].shown
    gone += [f"spans {mark}" for mark in exported.acknowledged["spans"] if shown[mark] < SPANS_A_BATCH]
    return sorted(set(gone))


def doubled(exported: Exporters, found: dict[str, Found]) -> list[str]:
    """What is there twice. Rows may be where a batch was sent again; what people read may not."""
    twice = []
    for kind, stored in found.items():
        once = [mark for mark in exported.sent(kind) if mark not in exported.sent_again]
        twice += [f"{kind} {mark}" for mark in once if stored.rows[mark] > _whole(kind)]
    shown = found["spans"].shown
    twice += [f"spans {mark}" for mark in exported.sent("spans") if shown[mark] > SPANS_A_BATCH]
    return sorted(set(twice))


async def shown_twice(exported: Exporters, installation: Installation, secret: str) -> list[str]:
    """Traces sent more than once of which the API does not show each span once; at most _MOST_SHOWN asked."""
    again = [mark for mark in exported.acknowledged["spans"] if mark in exported.sent_again]
    twice = []
    async with httpx.AsyncClient(
        base_url=installation.url, timeout=_ASK_S, headers={"Authorization": f"Bearer {secret}"}
    ) as client:
        for mark in again[:_MOST_SHOWN]:
            answer = await client.get(f"/v1/traces/{mark}")
            answer.raise_for_status()
            if len(answer.json()["trace"]["spans"]) != SPANS_A_BATCH:
                twice.append(f"spans {mark}")
    return twice


async def find(installation: Installation, shown: Counter[str]) -> dict[str, Found]:
    """What the store holds now; `shown` are the spans that the API counts a trace."""
    password = DataDirectory(installation.data).store_password()
    found = {}
    async with httpx.AsyncClient(
        base_url=installation.told["store_url"], auth=("gatewayops", password), timeout=60
    ) as store:
        for kind in KINDS:
            asked = {"database": "gatewayops", "default_format": "JSONCompact"}
            answer = await store.post("/", content=_ROWS[kind], params=asked)
            answer.raise_for_status()
            rows = answer.json()["data"]
            found[kind] = Found(
                items=Counter({mark: int(items) for mark, items, _ in rows}),
                rows=Counter({mark: int(count) for mark, _, count in rows}),
                shown=shown,
            )
    return found


def _whole(kind: str) -> int:
    return SPANS_A_BATCH if kind == "spans" else 1
