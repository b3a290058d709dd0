"""Addresses in private networks: who may name one for us to connect to."""

from gatewayops.api.parts import ControlParts
from gatewayops.base.errors import Forbidden, Reason
from gatewayops.identity.principal import Principal

SETTING = "control.allow_private_upstreams (GATEWAYOPS_CONTROL__ALLOW_PRIVATE_UPSTREAMS=true)"
"""As it is told to those who lack it."""


def may_allow(parts: ControlParts, caller: Principal) -> bool:
    """The local administrator always; others where the setting says so."""
    return caller.is_local_admin or parts.settings.allow_private_upstreams


def check_may_allow(parts: ControlParts, caller: Principal, *, is_asked: bool) -> None:
    """Raises Forbidden for `allow_private_network` of somebody who may not."""
    if is_asked and not may_allow(parts, caller):
        msg = f"allow_private_network: needs the setting {SETTING}"
        raise Forbidden(msg, Reason.UPSTREAM_ADDRESS)
