"""Which incidents a silence covers. Pure."""

from gatewayops.store.control.alert_incidents import Incident
from gatewayops.store.control.alert_rules import SilenceSpec

_MATCHED = ("rule_id", "server", "tool", "severity")


def covers(silence: SilenceSpec, incident: Incident) -> bool:
    """Whether all that the silence names is the incident's; what it leaves empty is any."""
    return all(getattr(silence, name) in ("", getattr(incident, name)) for name in _MATCHED)
