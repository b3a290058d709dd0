"""A key may do what its scopes name: these servers, these actions."""

from gatewayops.base.errors import Reason
from gatewayops.identity.principal import Principal, grants
from gatewayops.policy.decision import ALLOW, Decision, Deny, Rule


def key_scope() -> Rule:
    """The rule; an empty action (handshake, ping) needs the server only.

    Answers Deny(SERVER_NOT_GRANTED) or Deny(ACTION_NOT_GRANTED).
    """

    def rule(principal: Principal, server: str, action: str, _named: str) -> Decision:
        return within_scopes(principal, server, action)

    return rule


def within_scopes(principal: Principal, server: str, action: str) -> Decision:
    """What the scopes alone say, action empty for a handshake."""
    if not grants(principal.servers, server):
        return Deny(Reason.SERVER_NOT_GRANTED, f"this key's scopes do not name the server {server}")
    if action and not (grants(principal.actions, action) or grants(principal.actions, f"mcp.{action}")):
        return Deny(Reason.ACTION_NOT_GRANTED, f"this key's scopes do not name the action {action}")
    return ALLOW
