"""Sign-ins whose first factor was right and that wait for the rest, ten minutes at most.

None of them is a session: it opens nothing but the next step. One statement takes an attempt, one ends it.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, insert, select, update

from gatewayops.base import clock
from gatewayops.base.ids import new_id
from gatewayops.store.control.account_tables import UserPassword
from gatewayops.store.control.database import Session
from gatewayops.store.control.factor_tables import PendingSignIn
from gatewayops.store.control.sso_tables import is_password_shut
from gatewayops.store.control.tables import Organisation, User
from gatewayops.store.control.user_passwords import Membership

CHOOSE = "choose"
PROVE = "prove"
ENROL = "enrol"
AGREE = "agree"
LIFE = timedelta(minutes=10)
_ATTEMPTS = 5
_PAST = {"synchronize_session": False}


class NewPending(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits; `hash` is the SHA-256 of what they hold, `method` how they began."""

    org_id: str
    user_id: str
    hash: str
    method: str
    step: str
    choices: list[str] = []
    provider_id: str = ""  # that vouched for them; empty for a password
    hours: int = 0  # the session may last; 0: as long as any
    return_to: str = "/"


class Pending(NewPending, frozen=True, kw_only=True):
    """One that waits."""

    id: str
    email: str
    created_at: datetime


class Choice(msgspec.Struct, frozen=True):
    """A user who may be meant, and their organisation."""

    user_id: str
    email: str
    organization: Membership


async def begin(session: Session, new: NewPending) -> None:
    """Those that ran out are forgotten."""
    now = clock.now()
    old = delete(PendingSignIn).where(PendingSignIn.expires_at < now)
    await session.execute(old, execution_options=_PAST)
    values = msgspec.structs.asdict(new) | {"id": new_id("pend"), "created_at": now, "attempts": 0}
    await session.execute(insert(PendingSignIn).values(**values, expires_at=now + LIFE))


async def find(session: Session, *, pending_hash: str, step: str) -> Pending | None:
    """One that waits for that step, whosever it is; not of who is shut out."""
    query = (
        select(PendingSignIn, User.email)
        .join(User, User.id == PendingSignIn.user_id)
        .where(
            PendingSignIn.hash == pending_hash,
            PendingSignIn.step == step,
            PendingSignIn.attempts < _ATTEMPTS,
            PendingSignIn.expires_at > clock.now(),
            User.disabled_at.is_(None),
        )
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        return None
    row = found[0]
    values = {name: getattr(row, name) for name in Pending.__struct_fields__ if name != "email"}
    return Pending(**values, email=found[1])


async def attempt(session: Session, known: Pending) -> bool:
    """Counts an attempt; False when there were too many."""
    counted = update(PendingSignIn).where(
        PendingSignIn.org_id == known.org_id, PendingSignIn.id == known.id, PendingSignIn.attempts < _ATTEMPTS
    )
    counted = counted.values(attempts=PendingSignIn.attempts + 1).returning(PendingSignIn.id)
    return await session.scalar(counted, execution_options=_PAST) is not None


async def finish(session: Session, known: Pending) -> bool:
    """True for one of any number who try."""
    done = delete(PendingSignIn).where(PendingSignIn.org_id == known.org_id, PendingSignIn.id == known.id)
    found = await session.scalar(done.returning(PendingSignIn.id), execution_options=_PAST)
    return found is not None


async def end_all(session: Session, *, org_id: str, user_id: str) -> None:
    """None of the user's goes on: the password they began with, or what they may prove, is another now."""
    over = delete(PendingSignIn).where(PendingSignIn.org_id == org_id, PendingSignIn.user_id == user_id)
    await session.execute(over, execution_options=_PAST)


async def choices(session: Session, known: Pending) -> tuple[Choice, ...]:
    """Among whom the person may choose, the oldest first; not whose password was changed meanwhile."""
    query = (
        select(User, Organisation)
        .join(Organisation, Organisation.id == User.org_id)
        .join(UserPassword, UserPassword.user_id == User.id)
        .where(User.id.in_(known.choices), User.disabled_at.is_(None))
        .where(UserPassword.changed_at <= known.created_at, ~is_password_shut())
    )
    found = {
        user.id: Choice(user.id, user.email, Membership(id=org.id, slug=org.slug, name=org.name))
        for user, org in await session.execute(query)
    }
    return tuple(found[user_id] for user_id in known.choices if user_id in found)
