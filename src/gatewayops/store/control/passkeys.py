"""Passkeys of users, and the challenges of their ceremonies. One statement consumes a challenge."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.factor_tables import PasskeyChallenge, UserPasskey
from gatewayops.store.control.tables import User

MOST = 20  # a user
LIFE = timedelta(minutes=5)  # of a challenge
_PAST = {"synchronize_session": False}
_OF_USER = (  # made once: to make a statement anew costs as much as to run it
    select(UserPasskey)
    .where(UserPasskey.org_id == bindparam("org_id"), UserPasskey.user_id == bindparam("user_id"))
    .order_by(UserPasskey.created_at, UserPasskey.id)
)


class NewPasskey(msgspec.Struct, frozen=True):
    """One that was just registered; `credential_id` is base64url."""

    org_id: str
    user_id: str
    name: str
    credential_id: str
    public_key: bytes
    sign_count: int
    transports: list[str]


class Passkey(NewPasskey, frozen=True):
    """One that is kept."""

    id: str
    created_at: datetime
    used_at: datetime | None


class Owned(msgspec.Struct, frozen=True):
    """A passkey and whose it is."""

    passkey: Passkey
    email: str


async def challenge(session: Session, *, challenge_hash: str, purpose: str, bound_to: str = "") -> None:
    """Keeps a new one; those that ran out are forgotten."""
    now = clock.now()
    old = delete(PasskeyChallenge).where(PasskeyChallenge.expires_at < now)
    await session.execute(old, execution_options=_PAST)
    values = {
        "hash": challenge_hash,
        "purpose": purpose,
        "bound_to": bound_to,
        "expires_at": now + LIFE,
    }
    await session.execute(insert(PasskeyChallenge).values(**values))


async def use_challenge(session: Session, *, challenge_hash: str, purpose: str, bound_to: str = "") -> bool:
    """True once, for what it was made for."""
    used = delete(PasskeyChallenge).where(
        PasskeyChallenge.hash == challenge_hash,
        PasskeyChallenge.purpose == purpose,
        PasskeyChallenge.bound_to == bound_to,
        PasskeyChallenge.expires_at > clock.now(),
    )
    found = await session.scalar(used.returning(PasskeyChallenge.hash), execution_options=_PAST)
    return found is not None


async def of_user(session: Session, *, org_id: str, user_id: str) -> tuple[Passkey, ...]:
    """The oldest first; never more than `MOST`."""
    found = await session.scalars(_OF_USER, {"org_id": org_id, "user_id": user_id})
    return tuple(map(_passkey, found))


async def of_credential(session: Session, credential_id: str) -> Owned | None:
    """Whoever it is that comes with it, in whatever organisation; not who is shut out."""
    query = (
        select(UserPasskey, User.email)
        .join(User, User.id == UserPasskey.user_id)
        .where(UserPasskey.credential_id == credential_id, User.disabled_at.is_(None))
    )
    found = (await session.execute(query)).one_or_none()
    return None if found is None else Owned(_passkey(found[0]), found[1])


async def add(session: Session, new: NewPasskey) -> Passkey:
    """Raises Conflict for one too many, or one that is registered already."""
    if len(await of_user(session, org_id=new.org_id, user_id=new.user_id)) >= MOST:
        msg = f"you have {MOST} passkeys, as many as one may have; remove one first"
        raise Conflict(msg)
    row = UserPasskey(**msgspec.structs.asdict(new), id=new_id("pk"), created_at=clock.now(), used_at=None)
    await rows.add(session, row, taken="this passkey is registered already")
    return _passkey(row)


async def use(session: Session, known: Passkey, *, sign_count: int) -> bool:
    """It signed somebody in; False when its counter was seen already, as that of a copy is."""
    counts = UserPasskey.sign_count < sign_count if sign_count else UserPasskey.sign_count == 0
    used = update(UserPasskey).where(UserPasskey.org_id == known.org_id, UserPasskey.id == known.id, counts)
    used = used.values(sign_count=sign_count, used_at=clock.now()).returning(UserPasskey.id)
    return await session.scalar(used, execution_options=_PAST) is not None


async def remove(session: Session, *, org_id: str, user_id: str, passkey_id: str) -> Passkey:
    """Raises NotFound for what is not the user's."""
    query = select(UserPasskey).where(
        UserPasskey.org_id == org_id, UserPasskey.user_id == user_id, UserPasskey.id == passkey_id
    )
    row = await session.scalar(query)
    if row is None:
        msg = "no passkey of that id"
        raise NotFound(msg)
    await session.delete(row)
    await session.flush()
    return _passkey(row)


def _passkey(row: UserPasskey) -> Passkey:
    return Passkey(**{name: getattr(row, name) for name in Passkey.__struct_fields__})
