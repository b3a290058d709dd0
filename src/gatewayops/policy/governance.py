"""Governance: every rule of one worker, asked once for each kind of call and kept as its Terms.

The order is the order asked: what the key, roles and policies grant; whether the tool is held; then what
is counted call by call (limits, arguments, budgets). Replaced part by part with each snapshot.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from gatewayops.base import clock
from gatewayops.base.crypto import Opener
from gatewayops.cost.budgets.accounts import Account, Budgets, reserve
from gatewayops.cost.budgets.estimate import Estimates
from gatewayops.cost.budgets.settings import BudgetSettings
from gatewayops.cost.prices import PriceBook
from gatewayops.identity.principal import Principal
from gatewayops.policy.decision import ALLOW, Decision
from gatewayops.policy.grants import Grants
from gatewayops.policy.limits.buckets import Limits
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.policy.pins.pins import Pins, Seen
from gatewayops.policy.terms import Terms
from gatewayops.policy.validation.checks import Checks
from gatewayops.policy.validation.settings import ValidationSettings
from gatewayops.policy.validation.transforms import Transform, Transforms, withheld
from gatewayops.policy.visible import filter_list, is_list, lists_in
from gatewayops.protocol.methods import Method
from gatewayops.store.snapshot import EMPTY, Snapshot
from gatewayops.upstream.registry import Upstream


class GovernanceSettings(msgspec.Struct, frozen=True):
    """The settings of all that governs. `redis_url`: counters that several workers share, else empty."""

    limits: LimitSettings = LimitSettings()
    budgets: BudgetSettings = BudgetSettings()
    validation: ValidationSettings = ValidationSettings()
    redis_url: str = ""


Reserve = Callable[..., Awaitable[Account | None]]


async def _reserve(accounts: tuple[Account, ...], micros: int, *, is_grace: bool) -> Account | None:
    return reserve(accounts, micros, clock.unix_s(), is_grace=is_grace)


class Governance:
    """One a worker. `on_seen` is told of tools that the control role does not know."""

    def __init__(
        self, settings: GovernanceSettings, limits: Limits, budgets: Budgets, sealer: Opener
    ) -> None:
        """Grants nothing before `replace`. `sealer` opens the headers that transformations add."""
        self.limits = limits
        self.budgets = budgets
        self.pins = Pins()
        self.checks = Checks(settings.validation)
        self._transforms = Transforms(sealer)
        self._estimates = Estimates(min_output_tokens=settings.budgets.min_output_tokens)
        self._grants = Grants(EMPTY)
        self._prices = PriceBook()
        self.reserve: Reserve = _reserve  # where accounts are leased, what asks for more
        self.on_seen: Callable[[list[Seen]], None] = lambda _seen: None

    def replace(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot, all of it, between two calls."""
        self._grants = Grants(snapshot)
        self._prices = PriceBook(snapshot.prices)
        self.limits.replace(snapshot.limits, snapshot)
        self.budgets.replace(snapshot.budgets, snapshot)
        self.pins.replace(snapshot)
        self.checks.replace(snapshot)
        self._transforms.replace(snapshot)

    def terms(self, principal: Principal, upstream: Upstream, method: Method, named: str) -> Terms:
        """What holds for this principal, server, method and what it names. Cold."""
        org_id, server = principal.org_id, upstream.name
        is_tool = method.name == "tools/call"
        accounts = self.budgets.accounts(principal) if method.is_priced else ()
        transform = self._transforms.of(org_id, server, named) if is_tool else None
        return Terms(
            principal=principal,
            upstream=upstream,
            decision=self._decide(principal, server, method, named),
            buckets=self.limits.buckets(principal, server) if method.action else (),
            check=self.checks.of(org_id, server, named) if is_tool else None,
            transform=transform,
            rewrite=self._rewrite(principal, server, method, transform),
            price=self._prices.price(org_id, server, named) if method.is_priced else None,
            accounts=accounts,
            is_grace=bool(accounts) and self.budgets.is_grace(principal),
            estimate=self._estimates.of(org_id, server, named) if accounts else None,
            traits=self.pins.annotations(org_id, server, named) if is_tool else None,
        )

    def decide_control(self, principal: Principal, action: str) -> Decision:
        """Whether they may do this in the control API."""
        return self._grants.decide_control(principal, action)

    def listed(self, principal: Principal, server: str, method: str, payload: bytes) -> bytes:
        """The result of a list without what the caller may not use, and without tools that are held."""
        if method == "tools/list":
            payload, seen = self.pins.check_list(principal.org_id, server, payload)
            if seen:
                self.on_seen(seen)
        return filter_list(self._grants, principal, server, method, payload)

    def _decide(self, principal: Principal, server: str, method: Method, named: str) -> Decision:
        decision = self._grants.decide(principal, server, method.action, named)
        if decision is ALLOW and method.name == "tools/call":
            return self.pins.decide(principal.org_id, server, named)
        return decision

    def _rewrite(
        self, principal: Principal, server: str, method: Method, transform: Transform | None
    ) -> Callable[[bytes], bytes] | None:
        if is_list(method.name):
            return partial(self.listed, principal, server, method.name)
        if method.is_resumption or method.name.startswith("tasks/"):
            return partial(self._resumed, principal, server)
        return transform.response if transform is not None and transform.changes_response else None

    def _resumed(self, principal: Principal, server: str, payload: bytes) -> bytes:
        """The result of an earlier request, on a stream that goes on (legacy) or of a task.

        What it answers shows in it alone. Results that a transformation changes do not come this way: of
        which tool one is cannot be told.
        """
        lists = lists_in(payload)
        for method in lists:
            payload = self.listed(principal, server, method, payload)
        if not lists and self._transforms.changes_results(principal.org_id, server):
            return withheld(payload)
        return payload
