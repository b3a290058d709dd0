"""Terms: everything that holds for one principal asking one thing of one server.

Worked out on first use and kept until the next snapshot, so that a call pays one look-up instead of
asking each rule. What changes from call to call (how much is left of a limit) is asked of what they hold.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gatewayops.cost.budgets.accounts import Account
from gatewayops.cost.budgets.estimate import Estimate
from gatewayops.cost.prices import Price
from gatewayops.identity.principal import Principal
from gatewayops.policy.decision import Decision
from gatewayops.policy.limits.buckets import Bucket
from gatewayops.policy.pins.pins import ToolTraits
from gatewayops.policy.validation.checks import Check
from gatewayops.policy.validation.transforms import Transform
from gatewayops.protocol.methods import Method
from gatewayops.upstream.registry import Upstream

_REMEMBERED = 50_000
_LONGEST = 300  # of a name worth remembering


Filed = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """`decision` is what was granted; the rest counts only where that is Allow. None: nothing of the kind.

    `rewrite` changes a result before anybody sees it; `estimate` is there when `accounts` are.
    """

    principal: Principal  # as the snapshot has it: a call that waited may know an older one
    upstream: Upstream
    decision: Decision
    buckets: tuple[Bucket, ...]
    check: Check | None
    transform: Transform | None
    rewrite: Callable[[bytes], bytes] | None
    price: Price | None
    accounts: tuple[Account, ...]
    is_grace: bool
    estimate: Estimate | None
    traits: ToolTraits | None
    filed: dict[str, Filed] = field(default_factory=dict)  # who called what, by door and era, for its records


class TermsBook:
    """The terms of one snapshot. Bounded: who names ever new tools makes it forget, not grow."""

    def __init__(
        self, work_out: Callable[[Principal, str, Method, str], Terms], *, on_forget: Callable[[], None]
    ) -> None:
        """`work_out` may take its time; it raises where there is no such server.

        `on_forget` is called before all are forgotten: what terms alone held must go on counting.
        """
        self._work_out = work_out
        self._on_forget = on_forget
        self._known: dict[tuple[str, str, str, str, str], Terms] = {}

    def of(self, principal: Principal, server: str, method: Method, named: str) -> Terms:
        """For a method that names something (a tool, a prompt, a URI) or nothing."""
        # the action too: a caller may give a message the name that we give to a bare GET
        key = (principal.key_id, server, method.name, method.action, named)
        terms = self._known.get(key)
        if terms is None:
            terms = self._work_out(principal, server, method, named)
            if len(named) <= _LONGEST:
                if len(self._known) >= _REMEMBERED:
                    self._on_forget()
                    self._known.clear()
                self._known[key] = terms
        return terms
