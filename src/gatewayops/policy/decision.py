"""What a rule answers: Allow, or Deny with a reason and a sentence for the caller."""

from collections.abc import Callable
from dataclasses import dataclass

from gatewayops.base.errors import Reason
from gatewayops.identity.principal import Principal


@dataclass(frozen=True, slots=True)
class Allow:
    """The rule has nothing against it."""


@dataclass(frozen=True, slots=True)
class Deny:
    """The call ends here."""

    reason: Reason
    detail: str


Decision = Allow | Deny
ALLOW = Allow()

Rule = Callable[[Principal, str, str, str], Decision]
"""A rule is asked with the principal, the server's name, the action (`tools.call`) and what is named."""


def decide(rules: tuple[Rule, ...], principal: Principal, server: str, action: str, named: str) -> Decision:
    """The first Deny, in the order of the rules; Allow when none has one."""
    for rule in rules:
        decision = rule(principal, server, action, named)
        if decision is not ALLOW:
            return decision
    return ALLOW
