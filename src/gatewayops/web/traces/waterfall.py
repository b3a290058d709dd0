"""A trace's outline as what is drawn: rows with their bars, where time went, what failed, what cost money.

Pure. Bars are in thousandths of the trace's length.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from gatewayops.web.rest import Json

WIDTH = 1000.0
_LEAST_BAR = 2.0  # what is shorter could not be seen
_TICKS = 4
_PARTS = (
    *(("client", "Client"), ("auth", "Authentication"), ("policy", "Policy"), ("gateway", "Gateway")),
    *(("upstream", "Server and network"), ("network", "Network"), ("server", "Server")),
)


class Bar(NamedTuple):
    """From `x` on, `width` wide."""

    x: float
    width: float


class Row(NamedTuple):
    """A span in the order of the tree."""

    span: Json
    label: str
    owner: str  # the server, or the service that sent the span
    bar: Bar


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the time: `name` for the colour, `share` of 1."""

    name: str
    label: str
    ms: float
    share: float
    bar: Bar


@dataclass(frozen=True, slots=True)
class Cost:
    """What one tool cost within the trace."""

    label: str
    owner: str
    calls: int
    cost: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """All rows, and the times below which the axis has its marks."""

    rows: list[Row]
    ticks: list[float]

    @property
    def columns(self) -> Json:
        """The same for the script that draws rows as they come into view."""
        labels = {label: n for n, label in enumerate(dict.fromkeys(row.label for row in self.rows))}
        owners = {owner: n for n, owner in enumerate(dict.fromkeys(row.owner for row in self.rows))}
        spans = [row.span for row in self.rows]
        return {
            "ids": " ".join(span["id"] for span in spans),
            "labels": list(labels),
            "label": [labels[row.label] for row in self.rows],
            "owners": list(owners),
            "owner": [owners[row.owner] for row in self.rows],
            "depth": [span["place"]["depth"] for span in spans],
            "x": [round(row.bar.x, 2) for row in self.rows],
            "width": [round(row.bar.width, 2) for row in self.rows],
            "ms": [round(span["duration_ms"], 3) for span in spans],
            "cost": [span["cost"] for span in spans],
            "failed": [n for n, span in enumerate(spans) if span["status"] != "success"],
            "critical": [n for n, span in enumerate(spans) if span["place"]["on_critical_path"]],
        }


def drawn(spans: list[Json]) -> Drawn:
    """The rows of a trace; spans of other clocks stand where the API says that they ran."""
    begins = {span["id"]: span["start_ms"] + span["place"]["clock_shift_ms"] for span in spans}
    first = min(begins.values(), default=0.0)
    last = max((begins[span["id"]] + span["duration_ms"] for span in spans), default=0.0)
    length = max(last - first, 1e-6)
    rows = [
        Row(span, label_of(span), span["server"] or span["service"] or "", bar)
        for span in sorted(spans, key=lambda one: one["place"]["row"])
        for bar in (_bar((begins[span["id"]] - first) / length, span["duration_ms"] / length),)
    ]
    return Drawn(rows, [length * n / _TICKS for n in range(_TICKS + 1)])


def _bar(begin: float, share: float) -> Bar:
    width = max(min(share, 1.0) * WIDTH, _LEAST_BAR)
    return Bar(min(begin * WIDTH, WIDTH - width), width)


def label_of(span: Json) -> str:
    """What a span is called here: the tool or resource of a call, the sender's name of others."""
    if span["source"] == "otlp":
        return str(span["name"])
    return str(span["tool"] or span["resource_uri"] or span["name"].removeprefix("mcp."))


def latency_parts(latency: Json | None) -> list[Part]:
    """Client, authentication, policy, gateway, network, server as far as known; together the total."""
    if latency is None:
        return []
    is_split = latency["server_ms"] is not None
    total = latency["total_ms"] or 1e-9
    found: list[Part] = []
    x = 0.0
    for name, label in _PARTS:
        ms = latency[f"{name}_ms"]
        if ms is None or (name == "upstream" and is_split):
            continue
        width = ms / total * WIDTH
        found.append(Part(name, label, ms, ms / total, Bar(x, width)))
        x += width
    return found


def failures(spans: list[Json]) -> list[Json]:
    """The spans that failed, the deepest first: those above often fail only because of them."""
    bad = [span for span in spans if span["status"] != "success"]
    return sorted(bad, key=lambda span: (-span["place"]["depth"], span["place"]["row"]))


def costs(spans: list[Json]) -> list[Cost]:
    """By tool, the dearest first."""
    cost: dict[tuple[str, str], float] = defaultdict(float)
    calls: dict[tuple[str, str], int] = defaultdict(int)
    for span in spans:
        if span["source"] == "gateway":
            what = label_of(span), span["server"] or ""
            cost[what] += span["cost"]
            calls[what] += 1
    ordered = sorted(cost, key=lambda what: (-cost[what], what))
    return [Cost(*what, calls[what], cost[what]) for what in ordered]
