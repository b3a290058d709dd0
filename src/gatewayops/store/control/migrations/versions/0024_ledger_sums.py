"""The ledger's sums by day and subject, which budgets ask for all the time: kept from here on."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_SUBJECTS = {
    "organization": "org_id",
    "key": "key_id",
    "user": "user_id",
    "team": "team_id",
    "project": "project_id",
}


def upgrade() -> None:
    """To this step."""
    op.create_table(
        "ledger_sums",
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("org_id", sa.String(255), nullable=False),
        sa.Column("cost_micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "subject", "day", "org_id", name="pk_ledger_sums"),
    )
    sums = sa.table("ledger_sums", *map(sa.column, ("scope", "subject", "day", "org_id", "cost_micros")))
    entries = sa.table("ledger_entries", *map(sa.column, ("day", "cost_micros", *_SUBJECTS.values())))
    for scope, column in _SUBJECTS.items():
        subject = entries.c[column]
        entered = (
            sa.select(
                sa.literal(scope),
                subject,
                entries.c.day,
                entries.c.org_id,
                sa.func.sum(entries.c.cost_micros),
            )
            .where(subject != "")
            .group_by(subject, entries.c.day, entries.c.org_id)
        )
        op.execute(sums.insert().from_select(list(sums.c.keys()), entered))


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("ledger_sums")
