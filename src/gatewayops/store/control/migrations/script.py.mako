"""${message}."""

import sqlalchemy as sa
from alembic import op
% if imports:
${imports}
% endif

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this step."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Back to the step before."""
    ${downgrades if downgrades else "pass"}
