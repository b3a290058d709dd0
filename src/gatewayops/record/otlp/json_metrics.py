"""The JSON form of metrics; see json_form for its rules."""

from gatewayops.record.otlp.json_form import Form, Integer, KeyValue, Number, Resource, Scope


class NumberPoint(Form):
    """Of a gauge or a sum."""

    attributes: list[KeyValue] | None = None
    start_time_unix_nano: Integer = None
    time_unix_nano: Integer = None
    as_double: Number = None
    as_int: Integer = None
    flags: int | None = None


class HistogramPoint(Form):
    """Of a histogram."""

    attributes: list[KeyValue] | None = None
    start_time_unix_nano: Integer = None
    time_unix_nano: Integer = None
    count: Integer = None
    sum: Number = None
    min: Number = None
    max: Number = None
    bucket_counts: list[int | str] | None = None
    explicit_bounds: list[float | str] | None = None


class Buckets(Form):
    """Of an exponential histogram, on one side of zero."""

    offset: int | None = None
    bucket_counts: list[int | str] | None = None


class ExponentialPoint(Form):
    """Of an exponential histogram."""

    attributes: list[KeyValue] | None = None
    start_time_unix_nano: Integer = None
    time_unix_nano: Integer = None
    count: Integer = None
    sum: Number = None
    min: Number = None
    max: Number = None
    scale: int | None = None
    zero_count: Integer = None
    zero_threshold: Number = None
    positive: Buckets | None = None
    negative: Buckets | None = None


class Quantile(Form):
    """Of a summary."""

    quantile: Number = None
    value: Number = None


class SummaryPoint(Form):
    """Of a summary."""

    attributes: list[KeyValue] | None = None
    start_time_unix_nano: Integer = None
    time_unix_nano: Integer = None
    count: Integer = None
    sum: Number = None
    quantile_values: list[Quantile] | None = None


class Gauge(Form):
    """Values at moments."""

    data_points: list[NumberPoint] | None = None


class Sum(Form):
    """Values that add up."""

    data_points: list[NumberPoint] | None = None
    aggregation_temporality: int | None = None
    is_monotonic: bool | None = None


class Histogram(Form):
    """Distributions over given bounds."""

    data_points: list[HistogramPoint] | None = None
    aggregation_temporality: int | None = None


class ExponentialHistogram(Form):
    """Distributions over bounds that grow by a factor."""

    data_points: list[ExponentialPoint] | None = None
    aggregation_temporality: int | None = None


class Summary(Form):
    """Quantiles, worked out by the sender."""

    data_points: list[SummaryPoint] | None = None


class Metric(Form):
    """One of these is there."""

    name: str | None = None
    unit: str | None = None
    gauge: Gauge | None = None
    sum: Sum | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None


class ScopeMetrics(Form):
    """Metrics of one library."""

    scope: Scope | None = None
    metrics: list[Metric] | None = None


class ResourceMetrics(Form):
    """Metrics of one resource."""

    resource: Resource | None = None
    scope_metrics: list[ScopeMetrics] | None = None


class MetricsRequest(Form):
    """ExportMetricsServiceRequest."""

    resource_metrics: list[ResourceMetrics] | None = None
