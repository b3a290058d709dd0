"""Signed assertions that were taken, of clients and of issuers: none is taken twice, by any control role."""

from datetime import UTC, datetime

from sqlalchemy import insert

from gatewayops.store.control.database import Session
from gatewayops.store.control.oauth_grant_tables import UsedAssertion
from gatewayops.store.control.tables import Table

_ADD = insert(Table.metadata.tables[UsedAssertion.__tablename__])


async def use_up(session: Session, *, org_id: str, digest: str, expires_s: float) -> None:
    """The assertion is taken now. Raises Conflict, on commit, when it was before, whoever was quicker.

    `digest` names it among all; it is forgotten after `expires_s`, in Unix seconds.
    """
    until = datetime.fromtimestamp(expires_s, UTC)
    await session.execute(_ADD, {"hash": digest, "org_id": org_id, "expires_at": until})
