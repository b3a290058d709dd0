"""Traces: the list with filters and live tail; one trace as a waterfall with what was sent and answered."""

from gatewayops.web.traces import detail, listing

SHOWN = (("/traces", listing.show), ("/traces/{trace_id}", detail.show))
