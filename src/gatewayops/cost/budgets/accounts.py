"""Accounts: what each hard budget has spent and reserved, in the memory of one gateway worker.

A priced call reserves what it may cost before it is sent (`reserve`), in all its accounts or in none, and
settles after (`settle`). To be settled in the same synchronous step that appends the call's record to the
spool (0 when it cannot be appended): then accounts and spool agree at every moment (see `follow.py`).
Reservations live in memory alone: a killed process leaves none.
"""

from collections.abc import Callable

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.cost.budget import Period, Scope, Span, span_at_s, with_grace
from gatewayops.cost.budgets.refusals import SpendingUnknown, budget_spent
from gatewayops.cost.budgets.settings import BudgetSettings
from gatewayops.identity.principal import Principal
from gatewayops.store.snapshot import BudgetRow, Snapshot

NO_LIMIT = 1 << 62
CLOSED = -1
_PENDING_S = 5.0  # a budget made while the gateway runs may take as long to be known


class Account:
    """One hard budget in its current period; the same object for all who spend from it, across snapshots.

    `left_micros` is the limit less what is spent and reserved: the one number that a call looks at. It holds
    until `turns_at_s`; then `turn` sets it anew.
    """

    __slots__ = (
        "_closes_at_s",
        "_excess_micros",
        "grace_micros",
        "is_known",
        "left_micros",
        "limit_micros",
        "row",
        "span",
        "spent_micros",
        "turns_at_s",
    )

    def __init__(self, row: BudgetRow, now_s: float, *, closes_at_s: float) -> None:
        """Nobody knows yet what is spent: everything passes until `closes_at_s`, nothing after."""
        self.row = row
        self.span: Span = span_at_s(Period(row.period), now_s)
        self.spent_micros = 0
        self.limit_micros = 0
        self.left_micros = 0
        self.is_known = False
        self._closes_at_s = closes_at_s
        self._excess_micros = 0
        self.turn(now_s)

    @property
    def period_end(self) -> float:
        """When it begins anew, Unix seconds."""
        return self.span.end_s

    @property
    def reserved_micros(self) -> int:
        """For calls under way."""
        return self.limit_micros - self.spent_micros - self.left_micros

    def turn(self, now_s: float) -> None:
        """A new period begins, an override ends, or patience with an unknown spending does."""
        reserved_micros = self.reserved_micros
        if now_s >= self.span.end_s:
            self.span = span_at_s(Period(self.row.period), now_s)
            self.spent_micros = 0
            self._excess_micros = 0
        ends = [self.span.end_s]
        if self.is_known:
            overrides = [(extra, until_s) for extra, until_s in self.row.overrides if until_s > now_s]
            ends += [until_s for _, until_s in overrides]
            self.limit_micros = self.row.amount_micros + sum(extra for extra, _ in overrides)
            self.grace_micros = with_grace(self.limit_micros, self.row.grace_percent) - self.limit_micros
        else:
            is_pending = now_s < self._closes_at_s
            if is_pending:
                ends.append(self._closes_at_s)
            self.limit_micros, self.grace_micros = NO_LIMIT if is_pending else CLOSED, 0
        self.left_micros = self.limit_micros - self.spent_micros - reserved_micros
        self.turns_at_s = min(ends)

    def change(self, row: BudgetRow, now_s: float) -> None:
        """A new snapshot has another amount, name or override. Never for another period."""
        self.row = row
        self.turn(now_s)

    def learn(self, spent_micros: int, now_s: float) -> None:
        """What the ledger and the spool say was spent in this period.

        More is believed at once. Less only when it was as much less the time before: a call may be settled
        and not yet recorded, for a moment.
        """
        excess = self.spent_micros - spent_micros
        believed = spent_micros
        if self.is_known and excess > 0:
            believed += max(0, excess - self._excess_micros)
        self.left_micros += self.spent_micros - believed
        self.spent_micros, self._excess_micros = believed, believed - spent_micros
        self.is_known = True
        self.turn(now_s)

    def may_ask(self, now_s: float) -> bool:
        """Whether asking the shared purse (`Leases.reserve`) could still let a refused call through."""
        del now_s
        return False

    def refusal(self, now_s: float) -> GatewayOpsError:
        """Why a call that this account refused is refused."""
        if not self.is_known:
            msg = f'what the budget "{self.row.name}" has spent is not known yet; try again in a second'
            return SpendingUnknown(msg)
        return budget_spent(
            self.row,
            limit_micros=self.limit_micros,
            spent_micros=self.spent_micros,
            reset_s=self.span.end_s,
            now_s=now_s,
        )


def reserve(
    accounts: tuple[Account, ...], micros: int, now_s: float, *, is_grace: bool = False
) -> Account | None:
    """Sets `micros` aside in all accounts and answers None; or in none, and answers the one that refuses."""
    least = 0 if micros else 1  # when all is spent, what may turn out to cost nothing is refused too
    for account in accounts:
        if now_s >= account.turns_at_s:
            account.turn(now_s)
        left = account.left_micros - micros
        if left < least and not (is_grace and left + account.grace_micros >= least):
            _put_back(accounts, account, micros)
            return account
        account.left_micros = left
    return None


def _put_back(accounts: tuple[Account, ...], refusing: Account, micros: int) -> None:
    for account in accounts:
        if account is refusing:
            return
        account.left_micros += micros


def settle(accounts: tuple[Account, ...], reserved: int, spent: int) -> None:
    """Gives back what was reserved and notes what it cost. Once for each `reserve` that answered None."""
    freed = reserved - spent
    for account in accounts:
        account.left_micros += freed
        account.spent_micros += spent


def refusal(account: Account, now_s: float) -> GatewayOpsError:
    """BudgetSpent (429); SpendingUnknown (503) where that is why."""
    return account.refusal(now_s)


class Budgets:
    """The accounts of a worker."""

    def __init__(
        self,
        settings: BudgetSettings,
        *,
        new_account: Callable[..., Account] = Account,
        now_s: Callable[[], float] = clock.unix_s,
    ) -> None:
        """`new_account` makes leased ones where several workers share the budgets."""
        self._settings = settings
        self._new_account = new_account
        self._now_s = now_s
        self._is_started = False
        self._parents: dict[str, str] = {}
        self._accounts: dict[str, Account] = {}
        self._by_subject: dict[tuple[str, str, str], tuple[Account, ...]] = {}
        self.on_unknown: Callable[[], None] = lambda: None

    def replace(self, rows: tuple[BudgetRow, ...], snapshot: Snapshot) -> None:
        """A new snapshot; accounts keep what is spent and reserved. What is new must be `learn`ed.

        Before that, a budget that is new to a running gateway lets calls pass for five seconds at most; at
        the start nothing passes, unless the settings say `open`.
        """
        now_s = self._now_s()
        self._parents = {team.id: team.parent_id for team in snapshot.teams}
        self._accounts = {row.id: self._account(row, now_s) for row in rows}
        by_subject: dict[tuple[str, str, str], tuple[Account, ...]] = {}
        for account in self._accounts.values():
            row = account.row
            subject = (row.org_id, row.scope, row.subject)
            by_subject[subject] = (*by_subject.get(subject, ()), account)
        self._by_subject = by_subject
        self._is_started = True
        if self.has_unknown:
            self.on_unknown()

    def accounts(self, principal: Principal) -> tuple[Account, ...]:
        """All that a call of this principal spends from, teams above its own included. Cold."""
        return self.of(
            principal.org_id,
            key_id=principal.key_id,
            user_id=principal.user_id,
            team_id=principal.team_id,
            project_id=principal.project_id,
        )

    def is_grace(self, principal: Principal) -> bool:
        """Whether its key is marked: it may go on by the `grace_percent` of each of its budgets. Cold."""
        return any(principal.key_id in account.row.grace_keys for account in self.accounts(principal))

    def of(
        self, org_id: str, *, key_id: str, user_id: str, team_id: str, project_id: str
    ) -> tuple[Account, ...]:
        """The same from the ids that a record holds."""
        subjects = [(Scope.KEY, key_id), (Scope.USER, user_id), (Scope.PROJECT, project_id)]
        subjects += [(Scope.TEAM, team) for team in self._with_ancestors(team_id)]
        subjects.append((Scope.ORGANIZATION, org_id))
        found: list[Account] = []
        for scope, subject in subjects:
            found += self._by_subject.get((org_id, scope.value, subject), ())
        return tuple(found)

    @property
    def all(self) -> tuple[Account, ...]:
        """Every account of the worker."""
        return tuple(self._accounts.values())

    @property
    def has_unknown(self) -> bool:
        """Whether `learn` is waited for."""
        return any(not account.is_known for account in self._accounts.values())

    def _account(self, row: BudgetRow, now_s: float) -> Account:
        account = self._accounts.get(row.id)
        if account is not None and account.row.period == row.period:
            account.change(row, now_s)
            return account
        closes_at_s = now_s + _PENDING_S if self._is_started else now_s
        if self._settings.when_counters_fail == "open":
            closes_at_s = float("inf")
        return self._new_account(row, now_s, closes_at_s=closes_at_s)

    def _with_ancestors(self, team_id: str) -> list[str]:
        found: list[str] = []
        while team_id and team_id not in found:
            found.append(team_id)
            team_id = self._parents.get(team_id, "")
        return found
