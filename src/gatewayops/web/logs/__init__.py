"""Log records that servers and clients sent by OTLP."""

from gatewayops.web.logs import listing

SHOWN = (("/logs", listing.show),)
