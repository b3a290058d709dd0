"""The table of rate limits."""

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable


class LimitRule(OwnedTable):
    """How often a subject may call: its id, `*` for each of the scope, empty for the organisation."""

    __tablename__ = "limit_rules"
    __table_args__ = (UniqueConstraint("org_id", "scope", "subject"),)

    scope: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str]
    calls: Mapped[int] = mapped_column(BigInteger)  # 0: no limit
    window_s: Mapped[int]
    burst: Mapped[int] = mapped_column(BigInteger)
