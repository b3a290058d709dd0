"""MetricPoint: one exported data point of any kind, checked and masked, on its way to a row."""

import msgspec

from gatewayops.record.otlp.span_record import Source


class PointTexts(msgspec.Struct, array_like=True, gc=False):
    """All that the sender wrote freely: masked as one."""

    name: str
    unit: str
    attributes: dict[str, str]


class Shape(msgspec.Struct, array_like=True, gc=False):
    """What a point measured; each kind fills its own part."""

    value: float | None = None  # gauge, sum; None for a point that says it has none
    count: int = 0  # histograms, summary
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bounds: list[float] = []
    counts: list[int] = []
    scale: int = 0  # exponential histogram, from here on
    zero_count: int = 0
    zero_threshold: float = 0
    positive_offset: int = 0
    positive_counts: list[int] = []
    negative_offset: int = 0
    negative_counts: list[int] = []
    quantiles: list[float] = []  # summary
    quantile_values: list[float] = []


class MetricPoint(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One data point. Whole numbers are doubles here: exact up to 2**53."""

    ts_ns: int
    start_ns: int
    org_id: str
    key_id: str
    user_id: str
    team_id: str
    project_id: str
    env: str
    point_id: str  # ours: 16 hex
    kind: str  # "gauge" | "sum" | "histogram" | "exponential_histogram" | "summary"
    temporality: str  # "delta" | "cumulative" | ""
    is_monotonic: bool
    server: str
    shape: Shape
    texts: PointTexts
    source: Source
