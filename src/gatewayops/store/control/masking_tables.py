"""The tables of masking: which built-in classes an organisation switched, and the rules it made."""

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import OwnedTable


class MaskingSwitch(OwnedTable):
    """A built-in class whose state an organisation decided; without a row the default holds."""

    __tablename__ = "masking_switches"
    __table_args__ = (UniqueConstraint("org_id", "class_name"),)

    class_name: Mapped[str] = mapped_column(String(63))
    is_on: Mapped[bool]


class MaskingRule(OwnedTable):
    """A rule of an organisation's own."""

    __tablename__ = "masking_rules"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    name: Mapped[str] = mapped_column(String(63))
    kind: Mapped[str] = mapped_column(String(16))  # regex, field or json_path
    pattern: Mapped[str] = mapped_column(String(500))
