"""The tables of budgets and of the ledger. Money is whole micro-dollars."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable, Table

__all__ = ["Budget", "BudgetEvent", "BudgetOverride", "LedgerEntry", "LedgerSum"]


class Budget(OwnedTable):
    """What one subject may spend a period. `subject` is an id, or the organisation's own."""

    __tablename__ = "budgets"
    __table_args__ = (
        UniqueConstraint("org_id", "name"),
        Index(None, "org_id", "scope", "subject"),
    )

    name: Mapped[str]
    scope: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str]
    period: Mapped[str] = mapped_column(String(8))
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    is_hard: Mapped[bool]
    grace_percent: Mapped[int]
    grace_keys: Mapped[list[str]] = mapped_column(JSON())
    updated_at: Mapped[datetime]


class BudgetOverride(OwnedTable):
    """More money for one budget until a moment, and why."""

    __tablename__ = "budget_overrides"

    budget_id: Mapped[str] = mapped_column(ForeignKey("budgets.id", ondelete="CASCADE"), index=True)
    extra_micros: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(String(1000))
    until: Mapped[datetime]
    made_by: Mapped[str]


class BudgetEvent(OwnedTable):
    """A threshold that was reached: once a budget, period and threshold."""

    __tablename__ = "budget_events"
    __table_args__ = (UniqueConstraint("budget_id", "period_start", "threshold"),)

    budget_id: Mapped[str] = mapped_column(ForeignKey("budgets.id", ondelete="CASCADE"))
    period_start: Mapped[str] = mapped_column(String(10))  # ISO date
    threshold: Mapped[int]  # per cent of the amount
    spent_micros: Mapped[int] = mapped_column(BigInteger)
    amount_micros: Mapped[int] = mapped_column(BigInteger)


class LedgerEntry(Table):
    """What was spent on one UTC day by whom, for what; rises only. No configuration, so no OwnedTable.

    Without foreign keys: what was spent stays true when who spent it is gone.
    """

    __tablename__ = "ledger_entries"

    org_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # ISO date, UTC
    key_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    team_id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(primary_key=True)
    server: Mapped[str] = mapped_column(primary_key=True)
    tool: Mapped[str] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(BigInteger)
    cost_micros: Mapped[int] = mapped_column(BigInteger)


class LedgerSum(Table):
    """What one subject spent on one UTC day: the entries' sum, written with them. Budgets ask for no more."""

    __tablename__ = "ledger_sums"

    scope: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # ISO date, UTC
    org_id: Mapped[str] = mapped_column(primary_key=True)
    cost_micros: Mapped[int] = mapped_column(BigInteger)
