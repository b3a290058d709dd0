"""May they? Scopes, roles and policies of one snapshot, compiled to a table a principal.

Asked by the gateway on the first of equal calls and by the control API on every request. No Casbin here:
`policy/access/casbin_model.py` says the same in its words, and a property test holds the two together.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gatewayops.base.errors import Reason
from gatewayops.identity.principal import Principal, grants
from gatewayops.identity.scopes import CONTROL_ACTIONS
from gatewayops.policy.access.matching import ALLOW as ALLOWS
from gatewayops.policy.access.matching import Covers, compiled, is_control
from gatewayops.policy.access.rulebook import Held, RuleBook
from gatewayops.policy.decision import ALLOW, Decision, Deny
from gatewayops.policy.rules.key_scope import within_scopes
from gatewayops.store.snapshot import Snapshot

_PRINCIPALS = 10_000
_REMEMBERED = 2_000  # answers a principal
_LONGEST = 300  # of a name worth remembering
_SHOWN = 100

_Asked = tuple[str, str, str]  # server, action, named


class _Rule(NamedTuple):
    covers: Covers
    held: Held


class _Rules(NamedTuple):
    """The rules of one door: MCP, or the control API."""

    denies: tuple[_Rule, ...]
    allows: tuple[_Rule, ...]

    def decide(self, asked: _Asked, *, is_governed: bool) -> Decision:
        """A deny wins over any allow, wherever it was inherited from."""
        for rule in self.denies:
            if rule.covers(*asked):
                return Deny(Reason.ROLE_NOT_GRANTED, f"{_whence(rule.held)} denies {_wording(asked)}")
        if is_governed and not any(rule.covers(*asked) for rule in self.allows):
            return Deny(Reason.ROLE_NOT_GRANTED, f"no role or policy of yours grants {_wording(asked)}")
        return ALLOW


class _Table(NamedTuple):
    """What holds for one principal. `decided` remembers answers; it forgets all when it is full."""

    is_governed: bool
    mcp: _Rules
    control: _Rules
    decided: dict[_Asked, Decision]


class Grants:
    """The decisions of one snapshot. Make a new one for the next."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Nothing is compiled before a principal is asked about."""
        self.snapshot = snapshot
        self.book = RuleBook(snapshot)
        self._tables: dict[Principal, _Table] = {}

    def decide(self, principal: Principal, server: str, action: str, named: str) -> Decision:
        """Whether the principal may ask this of an MCP server.

        An empty `action` (handshake, ping) needs any right on the server; `named` is the tool, prompt or
        URI, empty for what names none. Denies with SERVER_NOT_GRANTED or ACTION_NOT_GRANTED where the
        key's scopes do not reach, with ROLE_NOT_GRANTED where roles or policies do not.
        """
        table = self._tables.get(principal) or self._compile(principal)
        asked = (server, action, named)
        decision = table.decided.get(asked)
        return decision if decision is not None else _decide(table, principal, asked)

    def visible(self, principal: Principal, server: str, action: str, named: str) -> bool:
        """Whether a list shows it: only what may be used, so `action` is that of using it (`tools.call`)."""
        return self.decide(principal, server, action, named) is ALLOW

    def decide_control(self, principal: Principal, action: str) -> Decision:
        """Whether the principal may do this in the control API; who sits at the machine always may."""
        if principal.is_local_admin:
            return ALLOW
        if not grants(principal.actions, action):
            return Deny(Reason.ACTION_NOT_GRANTED, f"your key does not hold the action {action}")
        return self.ruled_control(principal, action)

    def control_actions(self, principal: Principal) -> list[str]:
        """All that the principal may do in the control API."""
        return [one for one in CONTROL_ACTIONS if not isinstance(self.decide_control(principal, one), Deny)]

    def matching(self, principal: Principal, server: str, action: str, named: str) -> tuple[Held, ...]:
        """The rules that speak of it, denies first; without a server, of an action of the control API."""
        table = self._tables.get(principal) or self._compile(principal)
        rules = table.mcp if server else table.control
        found = (*rules.denies, *rules.allows)
        return tuple(rule.held for rule in found if rule.covers(server, action, named))

    def ruled(self, principal: Principal, server: str, action: str, named: str) -> Decision:
        """What roles and policies say, scopes aside."""
        table = self._tables.get(principal) or self._compile(principal)
        return table.mcp.decide((server, action, named), is_governed=table.is_governed)

    def ruled_control(self, principal: Principal, action: str) -> Decision:
        """The same for the control API."""
        table = self._tables.get(principal) or self._compile(principal)
        return table.control.decide(("", action, ""), is_governed=table.is_governed)

    def _compile(self, principal: Principal) -> _Table:
        if len(self._tables) >= _PRINCIPALS:
            self._tables.clear()
        held = self.book.rules(principal)
        table = self._tables[principal] = _Table(
            is_governed=self.book.governs(principal),
            mcp=_rules(rule for rule in held if not is_control(rule.permission)),
            control=_rules(rule for rule in held if is_control(rule.permission)),
            decided={},
        )
        return table


def _decide(table: _Table, principal: Principal, asked: _Asked) -> Decision:
    server, action, named = asked
    decision = within_scopes(principal, server, action)
    if decision is ALLOW:
        decision = table.mcp.decide(asked, is_governed=table.is_governed)
    if len(named) <= _LONGEST:
        if len(table.decided) >= _REMEMBERED:
            table.decided.clear()
        table.decided[asked] = decision
    return decision


def _rules(held: Iterable[Held]) -> _Rules:
    denies: list[_Rule] = []
    allows: list[_Rule] = []
    for rule in held:
        kind = allows if rule.permission.effect == ALLOWS else denies
        kind.append(_Rule(compiled(rule.permission), rule))
    return _Rules(tuple(denies), tuple(allows))


def _wording(asked: _Asked) -> str:
    server, action, named = asked
    if not server:
        return action
    what = f" of {_printable(named)}" if named else ""
    return f"{action or 'connecting'}{what} on {_printable(server)}"


def _whence(held: Held) -> str:
    return f"the role {held.role.name}" if held.role is not None else f"a policy of your {held.subject.kind}"


def _printable(text: str) -> str:
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return cut if cut.isprintable() else repr(cut)
