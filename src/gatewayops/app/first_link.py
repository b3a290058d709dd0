"""The link that makes the first administrator: there while nobody can sign in, so no password is built in.

Its token lies in the data directory, sealed: the control role makes it, the supervisor prints it at each
start until it is used.
"""

from pathlib import Path

from gatewayops.app.layout import DataDirectory
from gatewayops.base.crypto import SealBroken
from gatewayops.identity.user_tokens import hash_of, is_link_token, new_link_token
from gatewayops.store.control import one_time_links, user_passwords
from gatewayops.store.control.database import Database
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.one_time_links import FIRST_ADMIN, NewLink

_BOUND_TO = b"first-link"


async def ensure(database: Database, data: DataDirectory) -> None:
    """A link that works, the one before if it still does; none once somebody can sign in."""
    kept = read(data)
    async with database.reading() as session:
        if await user_passwords.is_any(session):
            _path(data).unlink(missing_ok=True)
            return
        if kept and await one_time_links.peek(session, kind=FIRST_ADMIN, link_hash=hash_of(kept)):
            return
    token = new_link_token()
    async with database.session() as session:
        link = NewLink(org_id=DEFAULT_ORG, kind=FIRST_ADMIN, hash=hash_of(token))
        await one_time_links.add(session, link)
    _write(data, token)


def read(data: DataDirectory) -> str:
    """The token; empty when there is none."""
    try:
        token = data.sealer().open(_path(data).read_bytes(), bound_to=_BOUND_TO).decode()
    except (FileNotFoundError, SealBroken):
        return ""
    return token if is_link_token(token) else ""


def _write(data: DataDirectory, token: str) -> None:
    draft = _path(data).with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(data.sealer().seal(token.encode(), bound_to=_BOUND_TO))
    draft.replace(_path(data))


def _path(data: DataDirectory) -> Path:
    return data.secrets / "first-link"
