"""Adding rows, with the database's own check of what must be unique."""

from sqlalchemy.exc import IntegrityError

from gatewayops.base.errors import Conflict
from gatewayops.store.control.database import Session
from gatewayops.store.control.tables import Table


async def add(session: Session, row: Table, *, taken: str) -> None:
    """Inserts; raises Conflict(`taken`) when a row of that name is there. The transaction is lost then."""
    session.add(row)
    await flush(session, taken=taken)


async def flush(session: Session, *, taken: str) -> None:
    """Sends pending changes; raises Conflict(`taken`) when they break a unique name."""
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(taken) from error
