"""Where users are signed in. A session is found by its hash on every request, so one that was ended is over
at once; it slides while it is used, up to a fixed end."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, delete, insert, select, update

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control.account_tables import UserSession as SessionTable
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.tables import User

SLIDING = timedelta(hours=8)
ABSOLUTE = timedelta(days=7)
FRESH = timedelta(minutes=10)
TOUCHED_EVERY = timedelta(minutes=1)
_KEPT = timedelta(days=30)  # after the end
Moment = datetime | BindParameter[datetime]
_PAST = {"synchronize_session": False}


class NewSession(msgspec.Struct, frozen=True):
    """What is known of who signs in; `hash` is the SHA-256 of what they hold."""

    org_id: str
    user_id: str
    hash: str
    address: str
    user_agent: str
    method: str = ""  # such as password, password+totp, passkey
    provider_id: str = ""  # that vouched for them; empty for a password
    hours: int = 0  # it may last; 0: as long as any


class UserSession(msgspec.Struct, frozen=True):
    """A session without what opens it."""

    id: str
    org_id: str
    user_id: str
    address: str
    user_agent: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    method: str
    confirmed_at: datetime | None
    provider_id: str = ""

    @property
    def ends_at(self) -> datetime:
        """When it is over if nobody uses it any more."""
        return min(self.used_at + SLIDING, self.expires_at)

    @property
    def is_fresh(self) -> bool:
        """Whether they proved who they are just now, as changing one's factors needs it."""
        return self.confirmed_at is not None and clock.now() - self.confirmed_at <= FRESH


class SignedIn(msgspec.Struct, frozen=True):
    """A live session and whose it is."""

    session: UserSession
    email: str
    name: str
    team_id: str


async def begin(session: Session, new: NewSession) -> UserSession:
    """A new one; those of the user that ended long ago are forgotten."""
    now = clock.now()
    values = msgspec.structs.asdict(new) | {
        "id": new_id("us"),
        "created_at": now,
        "used_at": now,
        "expires_at": now + (min(timedelta(hours=new.hours), ABSOLUTE) if new.hours else ABSOLUTE),
        "revoked_at": None,
        "confirmed_at": now,
    }
    del values["hours"]
    over = delete(SessionTable).where(SessionTable.org_id == new.org_id, SessionTable.user_id == new.user_id)
    await session.execute(over.where(SessionTable.expires_at < now - _KEPT), execution_options=_PAST)
    await session.execute(insert(SessionTable).values(**values))
    del values["hash"]
    return UserSession(**values)


async def of_hash(session: Session, session_hash: str) -> SignedIn | None:
    """The live session of that hash, in whatever organisation it is."""
    now = clock.now()
    given = {"hash": session_hash, "now": now, "used_since": now - SLIDING}
    found = (await session.execute(_OF_HASH, given)).one_or_none()
    if found is None:
        return None
    email, name, team_id, *known = found
    return SignedIn(UserSession(*known), email=email, name=name, team_id=team_id or "")


async def touch(session: Session, known: UserSession) -> None:
    """It was used now."""
    used = update(SessionTable).where(SessionTable.org_id == known.org_id, SessionTable.id == known.id)
    await session.execute(used.values(used_at=clock.now()), execution_options=_PAST)


async def confirm(session: Session, known: UserSession) -> None:
    """Whose it is has proved it anew."""
    used = update(SessionTable).where(SessionTable.org_id == known.org_id, SessionTable.id == known.id)
    await session.execute(used.values(confirmed_at=clock.now()), execution_options=_PAST)


async def page(session: Session, *, org_id: str, user_id: str, asked: Asked) -> Page[UserSession]:
    """Live ones of a user, or with an empty `user_id` of everybody in the organisation; newest first."""
    query: Select[SessionTable] = select(SessionTable).where(SessionTable.org_id == org_id, *_is_live())
    if user_id:
        query = query.where(SessionTable.user_id == user_id)
    found = await page_of(session, query, SessionTable, asked)
    return Page(rows=tuple(map(_session, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, session_id: str) -> UserSession:
    """One, live or not. Raises NotFound."""
    found = await find_or_none(session, org_id=org_id, session_id=session_id)
    if found is None:
        msg = "no session of that id"
        raise NotFound(msg)
    return found


async def find_or_none(session: Session, *, org_id: str, session_id: str) -> UserSession | None:
    """The same as a question."""
    query = select(SessionTable).where(SessionTable.org_id == org_id, SessionTable.id == session_id)
    row = await session.scalar(query)
    return None if row is None else _session(row)


async def end(session: Session, known: UserSession) -> None:
    """Over from now on; again is no error."""
    ended = update(SessionTable).where(
        SessionTable.org_id == known.org_id,
        SessionTable.id == known.id,
        SessionTable.revoked_at.is_(None),
    )
    await session.execute(ended.values(revoked_at=clock.now()), execution_options=_PAST)


async def end_all(session: Session, *, org_id: str, user_id: str, but: str = "") -> int:
    """All live ones of a user, `but` that of this id; how many that were."""
    ended = update(SessionTable).where(
        SessionTable.org_id == org_id, SessionTable.user_id == user_id, SessionTable.id != but, *_is_live()
    )
    done = await session.execute(
        ended.values(revoked_at=clock.now()).returning(SessionTable.id), execution_options=_PAST
    )
    return len(done.all())


async def emails(session: Session, *, org_id: str, user_ids: set[str]) -> dict[str, str]:
    """Whose sessions these are, by the user's id."""
    query = select(User.id, User.email).where(User.org_id == org_id, User.id.in_(user_ids))
    return {row.id: row.email for row in await session.execute(query)}


def _is_live() -> tuple[ColumnElement[bool], ...]:
    now = clock.now()
    return _live_at(now, now - SLIDING)


def _live_at(now: Moment, used_since: Moment) -> tuple[ColumnElement[bool], ...]:
    return (
        SessionTable.revoked_at.is_(None),
        SessionTable.expires_at > now,
        SessionTable.used_at > used_since,
    )


_OF_HASH = (  # made once: it is asked with every request
    select(
        User.email,
        User.name,
        User.team_id,
        *(getattr(SessionTable, name) for name in UserSession.__struct_fields__),
    )
    .join(User, User.id == SessionTable.user_id)
    .where(
        SessionTable.hash == bindparam("hash"),
        User.disabled_at.is_(None),
        *_live_at(bindparam("now"), bindparam("used_since")),
    )
)


def _session(row: SessionTable) -> UserSession:
    return UserSession(**{name: getattr(row, name) for name in UserSession.__struct_fields__})
