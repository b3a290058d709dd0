"""Retries and breakers of a server."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_WHOLE = {
    "retry_base_ms": 50,
    "retry_max_ms": 2000,
    "retry_budget_percent": 20,
    "breaker_failures": 5,
    "breaker_percent": 50,
    "breaker_probes": 1,
    "caller_share_percent": 100,
}
_SECONDS = {"breaker_window_s": 10.0, "breaker_open_s": 5.0}


def upgrade() -> None:
    """To this step: servers that are there get the defaults."""
    for name, value in _WHOLE.items():
        op.add_column("mcp_servers", sa.Column(name, sa.Integer(), nullable=False, server_default=str(value)))
    for name, seconds in _SECONDS.items():
        op.add_column(
            "mcp_servers", sa.Column(name, sa.Double(), nullable=False, server_default=str(seconds))
        )


def downgrade() -> None:
    """Back to the one before."""
    for name in (*_WHOLE, *_SECONDS):
        op.drop_column("mcp_servers", name)
