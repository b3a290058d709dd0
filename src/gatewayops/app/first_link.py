"""The link that makes the first administrator: there while nobody can sign in, so no password is built in.

Its token lies in the data directory, sealed: the control role makes it, the supervisor prints it at each
start until it is used.
"""

from gatewayops.app.first_link_file import path, read, write
from gatewayops.app.layout import DataDirectory
from gatewayops.identity.user_tokens import hash_of, new_link_token
from gatewayops.store.control import one_time_links, user_passwords
from gatewayops.store.control.database import Database
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.one_time_links import FIRST_ADMIN, NewLink


async def ensure(database: Database, data: DataDirectory) -> None:
    """A link that works, the one before if it still does; none once somebody can sign in."""
    kept = read(data)
    async with database.reading() as session:
        if await user_passwords.is_any(session):
            path(data).unlink(missing_ok=True)
            return
        if kept and await one_time_links.peek(session, kind=FIRST_ADMIN, link_hash=hash_of(kept)):
            return
    token = new_link_token()
    async with database.session() as session:
        link = NewLink(org_id=DEFAULT_ORG, kind=FIRST_ADMIN, hash=hash_of(token))
        await one_time_links.add(session, link)
    write(data, token)
