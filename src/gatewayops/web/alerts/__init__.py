"""Alerts: incidents, the rules that find them, who is told, silences, and objectives."""

from gatewayops.web.alerts import channels, incidents, rules, silences, slos

SHOWN = (
    ("/alerts", incidents.show),
    ("/alerts/rules", rules.show),
    ("/alerts/rules/new", rules.show_new),
    ("/alerts/rules/{id}", rules.show_one),
    ("/alerts/channels", channels.show),
    ("/alerts/silences", silences.show),
    ("/alerts/slos", slos.show),
    ("/alerts/deliveries", incidents.show_deliveries),
    ("/alerts/{id}", incidents.show_one),
)
CHANGES = (
    ("/alerts/rules/new", rules.add),
    ("/alerts/rules/defaults", rules.restore_defaults),
    ("/alerts/rules/{id}", rules.change),
    ("/alerts/rules/{id}/remove", rules.remove),
    ("/alerts/channels", channels.add),
    ("/alerts/channels/{id}/test", channels.test),
    ("/alerts/channels/{id}/remove", channels.remove),
    ("/alerts/silences", silences.add),
    ("/alerts/silences/{id}/end", silences.end),
    ("/alerts/slos", slos.add),
    ("/alerts/slos/{id}/remove", slos.remove),
)
