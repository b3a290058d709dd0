"""Why something is allowed or denied: the rule, the role, whom it was inherited from, and the scopes."""

import msgspec

from gatewayops.identity.principal import Principal
from gatewayops.policy.access.matching import ALLOW, Question
from gatewayops.policy.access.rulebook import Held, Subject
from gatewayops.policy.decision import ALLOW as ALLOWED
from gatewayops.policy.decision import Decision
from gatewayops.policy.grants import Grants
from gatewayops.policy.rules.key_scope import within_scopes
from gatewayops.store.snapshot import RoleRow


class Explanation(msgspec.Struct, frozen=True):
    """`decision` is what gateways answer; `rule` decided, unless scopes did or no role governs.

    `matching` are all rules that speak of it, denies first; `chain` is whom the principal inherits from,
    nearest first, and `roles` who of them holds which role. Without roles, scopes alone govern.
    """

    decision: Decision
    scopes: Decision
    ruled: Decision
    rule: Held | None
    matching: tuple[Held, ...]
    chain: tuple[Subject, ...]
    roles: tuple[tuple[Subject, RoleRow], ...]


def explain(grants: Grants, principal: Principal, question: Question) -> Explanation:
    """Of an MCP server's action, or without a server of the control API's."""
    server, action, named = question
    if server:
        decision = grants.decide(principal, *question)
        scopes = within_scopes(principal, server, action)
        ruled = grants.ruled(principal, *question)
    else:
        decision = grants.decide_control(principal, action)
        ruled = grants.ruled_control(principal, action)
        scopes = ALLOWED if decision is ALLOWED or decision == ruled else decision
    matching = grants.matching(principal, server, action, named)
    roles = grants.book.roles(principal)
    is_decided = scopes is ALLOWED and bool(matching)
    is_governed = grants.book.governs(principal)
    rule = matching[0] if is_decided and (is_governed or matching[0].permission.effect != ALLOW) else None
    return Explanation(decision, scopes, ruled, rule, matching, grants.book.chain(principal), roles)
