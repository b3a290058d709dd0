"""Exports: where calls go as OpenTelemetry spans, how it goes, and trying it."""

from gatewayops.web.exports import detail, listing

SHOWN = (
    ("/exports", listing.show),
    ("/exports/new", listing.show_new),
    ("/exports/{export}", detail.show),
)
CHANGES = (
    ("/exports/new", listing.add),
    ("/exports/{export}", detail.change),
    ("/exports/{export}/test", detail.test),
    ("/exports/{export}/switch", detail.switch),
    ("/exports/{export}/remove", detail.remove),
)
