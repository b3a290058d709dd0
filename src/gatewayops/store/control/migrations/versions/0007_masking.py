"""Masking rules of an organisation, and the data keys that seal its credentials.

The switch for contacts, until now a column of the organisation, becomes two switches among the others.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_CONTACTS = ("email", "phone")


def upgrade() -> None:
    """To this step."""
    _owned_table(
        "masking_switches",
        sa.Column("class_name", sa.String(63), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("org_id", "class_name", name="uq_masking_switches_org_id_class_name"),
    )
    _owned_table(
        "masking_rules",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("pattern", sa.String(500), nullable=False),
        sa.UniqueConstraint("org_id", "name", name="uq_masking_rules_org_id_name"),
    )
    _owned_table(
        "data_keys",
        sa.Column("version", sa.String(512), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_data_keys_org_id_created_at_id", "data_keys", ["org_id", "created_at", "id"])
    for name in _CONTACTS:
        op.execute(
            "INSERT INTO masking_switches (id, org_id, created_at, class_name, is_on) "  # noqa: S608 - our own names
            f"SELECT 'mask_{name}_' || id, id, created_at, '{name}', masks_contacts "
            "FROM organisations WHERE masks_contacts"
        )
    op.drop_column("organisations", "masks_contacts")


def downgrade() -> None:
    """Back to the one before."""
    false = sa.false()
    op.add_column(
        "organisations", sa.Column("masks_contacts", sa.Boolean(), nullable=False, server_default=false)
    )
    op.execute(
        "UPDATE organisations SET masks_contacts = (1 = 1) WHERE id IN "
        "(SELECT org_id FROM masking_switches WHERE class_name = 'email' AND is_on)"
    )
    for table in ("data_keys", "masking_rules", "masking_switches"):
        op.drop_table(table)


def _owned_table(name: str, *items: Any) -> None:  # noqa: ANN401 - columns and constraints share no type
    op.create_table(
        name,
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("org_id", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name=f"fk_{name}_org_id_organisations", ondelete="CASCADE"
        ),
        *items,
    )
