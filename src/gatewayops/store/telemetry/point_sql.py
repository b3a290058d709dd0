"""The SQL of metrics that came by OTLP: their names, and the series of one."""

# ruff: noqa: S608 - the parts put together are constants of ours; values are bound parameters

from gatewayops.store.telemetry.span_filter import in_range

_SOURCE = (
    "({server:String} = '' OR server = {server:String}) "
    "AND ({service:String} = '' OR service = {service:String})"
)
_SERIES = "server, service, kind, unit, temporality, is_monotonic, attributes"
# A delta adds up; what is cumulative, or the reading of a gauge, is the last one of its step.
_FIGURES = ", ".join(
    f"if(temporality = 'delta', sum({name}), argMax({name}, ts)) AS step_{name}"
    for name in ("value", "count", "sum")
)


def names() -> str:
    """Rows (name, kind, unit, temporality, services, servers, points, last_ns) by name.

    Parameters `org`, `start`, `end`, `server`, `service` (empty for any), `after` (a name), `limit`.
    """
    return (
        "SELECT name, argMax(kind, ts) AS last_kind, argMax(unit, ts) AS last_unit, "
        "argMax(temporality, ts) AS last_temporality, groupUniqArray(20)(service) AS services, "
        "groupUniqArray(20)(server) AS servers, count() AS points, "
        f"max(toUnixTimestamp64Nano(ts)) AS last_ns FROM metric_points WHERE {in_range()} AND {_SOURCE} "
        "AND name > {after:String} GROUP BY name ORDER BY name LIMIT {limit:UInt32}"
    )


def series() -> str:
    """Rows of one series each: its columns, and `points`: (at_ns, value, count, sum, min, max) by step.

    Those with most steps first. A point that was sent twice counts once. Parameters `org`, `start`, `end`,
    `server`, `service`, `name`, `step` (nanoseconds), `limit`.
    """
    points = (
        f"SELECT {_SERIES}, ts, value, toInt64(count) AS count, sum, min, max FROM metric_points "
        f"WHERE {in_range()} AND {_SOURCE} AND name = {{name:String}} LIMIT 1 BY {_SERIES}, ts, start_ns"
    )
    steps = (
        f"SELECT {_SERIES}, intDiv(toUnixTimestamp64Nano(ts), {{step:Int64}}) * {{step:Int64}} AS at_ns, "
        f"{_FIGURES}, min(p.min) AS step_min, max(p.max) AS step_max "
        f"FROM ({points}) AS p GROUP BY {_SERIES}, at_ns"
    )
    point = "(at_ns, step_value, step_count, step_sum, step_min, step_max)"
    return (
        f"SELECT {_SERIES}, arraySort(groupArray({point})) AS points FROM ({steps}) GROUP BY {_SERIES} "
        "ORDER BY length(points) DESC, server, service, toString(attributes) LIMIT {limit:UInt32}"
    )
