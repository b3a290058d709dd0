"""SAML assertions count once: the first INSERT wins, in any process, before or after a restart."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from gatewayops.base import clock
from gatewayops.store.control.database import Session
from gatewayops.store.control.saml_tables import SamlAssertion

_KEPT = timedelta(minutes=1)  # beyond its end: it was believed a moment before it is used up


async def use(session: Session, *, org_id: str, provider_id: str, assertion_id: str, until: datetime) -> bool:
    """True for the first of any number who try until then; what is over is forgotten."""
    past = {"synchronize_session": False}
    gone = delete(SamlAssertion).where(SamlAssertion.until < clock.now() - _KEPT)
    await session.execute(gone, execution_options=past)
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    made = insert(SamlAssertion).values(
        provider_id=provider_id,
        id_hash=hashlib.sha256(assertion_id.encode()).hexdigest(),
        org_id=org_id,
        until=until,
    )
    first = made.on_conflict_do_nothing().returning(SamlAssertion.id_hash)
    return await session.scalar(first) is not None
