"""All tables of the control store, for those who make them."""

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

METADATA = Table.metadata
