"""Metrics: calls a second, errors and latency, live and over any time, and what others sent by OTLP."""

from gatewayops.web.metrics import calls, exported

SHOWN = (
    ("/metrics/calls", calls.show),
    ("/metrics/exported/series", exported.show_one),
    ("/metrics/exported", exported.show),
)
