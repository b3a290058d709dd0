"""The first page: what happens now, what it costs, what needs attention, and the first steps."""

from gatewayops.web.overview.page import show

SHOWN = (("/", show),)
