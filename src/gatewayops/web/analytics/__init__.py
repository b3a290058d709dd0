"""Analytics: who uses the tools, how often, who comes back, in which order tools are used, and for what."""

from gatewayops.web.analytics import funnel, intents, journeys, retention, tools, users

SHOWN = (
    ("/analytics/retention", retention.show),
    ("/analytics/funnel", funnel.show),
    ("/analytics/journeys", journeys.show),
    ("/analytics/tools", tools.show),
    ("/analytics/arguments", tools.show_values),
    ("/analytics/intents", intents.show),
    ("/analytics", users.show),
)
