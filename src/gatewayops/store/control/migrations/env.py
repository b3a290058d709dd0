"""Alembic's entry: runs on the connection that `migrate` hands over, in its transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from gatewayops.store.control import (  # noqa: F401 - so that their tables are known
    access_tables,
    account_tables,
    alert_tables,
    audit_tables,
    budget_tables,
    data_key_tables,
    end_user_tables,
    export_tables,
    factor_tables,
    limit_tables,
    masking_tables,
    oauth_grant_tables,
    oauth_tables,
    pin_tables,
    saml_tables,
    sign_in_tables,
    spool_positions,
    sso_tables,
    upstream_account_tables,
    validation_tables,
)
from gatewayops.store.control.tables import Table


def render_item(kind: str, item: Any, _autogen: AutogenContext) -> str | Literal[False]:  # noqa: ANN401 - Alembic's hook
    """Migrations name plain types, so that they outlive ours."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=True,
    render_item=render_item,
)
context.run_migrations()
