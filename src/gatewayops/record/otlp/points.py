"""Metrics of either form become points; a bad one is left out and counted, the others stay."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gatewayops.record.otlp.grouped import Group, GroupReader
from gatewayops.record.otlp.json_form import number, whole
from gatewayops.record.otlp.masked import masked
from gatewayops.record.otlp.metric_point import MetricPoint, PointTexts, Shape
from gatewayops.record.otlp.sender import Rejected

MOST_BUCKETS = 2048
_TEMPORALITIES = ("", "delta", "cumulative")
_NO_VALUE = 1  # of a point's flags
_LARGEST = 2**63 - 1
_LARGEST_32 = 2**31 - 1


class PointReader(GroupReader):
    """Makes the records of one request."""

    def records(self, request: Any) -> list[MetricPoint]:  # noqa: ANN401 - a message of either form
        """All good points of a request, masked; what is not good is in `refusals`."""
        found: list[MetricPoint] = []
        for group in self.groups(request, "metrics", "metrics"):
            found += self._of_group(group)
        return found

    def _of_group(self, group: Group) -> list[MetricPoint]:
        made: list[tuple[PointTexts, dict[str, Any]]] = []
        for metric, kind, data in self._each(group.items):
            for point in data.data_points or ():
                try:
                    made.append((self._texts(metric, point), self._facts(kind, data, point)))
                except (Rejected, ValueError) as error:
                    self.refusals.add(str(error))
        texts = masked(self.masker, [each for each, _ in made])
        ids = self.ids()
        return [
            MetricPoint(texts=clean, source=group.source, server=group.server, **ids, **facts)
            for clean, (_, facts) in zip(texts, made, strict=True)
        ]

    def _each(self, metrics: Sequence[Any]) -> Iterator[tuple[Any, str, Any]]:
        """Each metric with its kind and what it holds; one that holds nothing is no error."""
        for metric in metrics:
            for kind in _SHAPES:
                data = getattr(metric, kind) if self.is_json or metric.HasField(kind) else None
                if data is not None:
                    yield metric, kind, data

    def _texts(self, metric: Any, point: Any) -> PointTexts:  # noqa: ANN401
        if not metric.name:
            msg = "a metric without a name"
            raise Rejected(msg)
        return PointTexts(metric.name, metric.unit or "", self.attributes(point.attributes))

    def _facts(self, kind: str, data: Any, point: Any) -> dict[str, Any]:  # noqa: ANN401
        """What is no text."""
        ts_ns = whole(point.time_unix_nano)
        self.window.check(ts_ns)
        temporality = getattr(data, "aggregation_temporality", 0) or 0
        return {
            "ts_ns": ts_ns,
            "start_ns": _bounded(point.start_time_unix_nano),
            "point_id": os.urandom(8).hex(),
            "kind": kind,
            "temporality": _TEMPORALITIES[temporality] if 0 <= temporality < len(_TEMPORALITIES) else "",
            "is_monotonic": bool(getattr(data, "is_monotonic", False)),
            "shape": _SHAPES[kind](point, self._given),
        }

    def _given(self, point: Any, name: str) -> Any:  # noqa: ANN401
        """A field that may be absent; None then."""
        return getattr(point, name) if self.is_json or point.HasField(name) else None


Given = Callable[[Any, str], Any]


def _number(point: Any, given: Given) -> Shape:  # noqa: ANN401
    if (point.flags or 0) & _NO_VALUE:
        return Shape()
    as_int = given(point, "as_int")
    as_double = given(point, "as_double")
    if as_int is None and as_double is None:
        msg = "a point without a value"
        raise Rejected(msg)
    return Shape(value=float(whole(as_int)) if as_int is not None else number(as_double))


def _histogram(point: Any, given: Given) -> Shape:  # noqa: ANN401
    shape = Shape(bounds=_numbers(point.explicit_bounds), counts=_counts(point.bucket_counts))
    if shape.counts and len(shape.counts) != len(shape.bounds) + 1:
        msg = "a histogram needs one count more than it has bounds"
        raise Rejected(msg)
    return _with_totals(shape, point, given)


def _exponential(point: Any, given: Given) -> Shape:  # noqa: ANN401
    shape = Shape(
        scale=_small(point.scale),
        zero_count=_bounded(point.zero_count),
        zero_threshold=number(point.zero_threshold),
    )
    if point.positive is not None:
        shape.positive_offset = _small(point.positive.offset)
        shape.positive_counts = _counts(point.positive.bucket_counts)
    if point.negative is not None:
        shape.negative_offset = _small(point.negative.offset)
        shape.negative_counts = _counts(point.negative.bucket_counts)
    return _with_totals(shape, point, given)


def _summary(point: Any, given: Given) -> Shape:  # noqa: ANN401
    del given  # a summary always has its sum
    pairs = point.quantile_values or ()
    return Shape(
        count=_bounded(point.count),
        sum=number(point.sum),
        quantiles=_numbers([pair.quantile for pair in pairs]),
        quantile_values=_numbers([pair.value for pair in pairs]),
    )


_SHAPES: dict[str, Callable[[Any, Given], Shape]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}


def _with_totals(shape: Shape, point: Any, given: Given) -> Shape:  # noqa: ANN401
    shape.count = _bounded(point.count)
    for name in ("sum", "min", "max"):
        value = given(point, name)
        setattr(shape, name, None if value is None else number(value))
    return shape


def _counts(values: Sequence[Any] | None) -> list[int]:
    return [_bounded(value) for value in _few(values)]


def _numbers(values: Sequence[Any] | None) -> list[float]:
    return [number(value) for value in _few(values)]


def _few(values: Sequence[Any] | None) -> Sequence[Any]:
    if values is not None and len(values) > MOST_BUCKETS:
        msg = f"a point with more than {MOST_BUCKETS} buckets"
        raise Rejected(msg)
    return values or ()


def _bounded(given: Any) -> int:  # noqa: ANN401
    """What the store's column holds."""
    return min(max(whole(given), 0), _LARGEST)


def _small(given: Any) -> int:  # noqa: ANN401
    return min(max(whole(given), -_LARGEST_32), _LARGEST_32)
