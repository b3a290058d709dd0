"""Second factors of users besides passkeys: authenticator apps and recovery codes; and what is asked for.

A code is used up by one statement, so of two who send it at once one wins; attempts are counted the same way,
before a code is looked at, so that many at once gain nothing.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from gatewayops.base import clock
from gatewayops.base.ids import new_id
from gatewayops.store.control.database import Session
from gatewayops.store.control.factor_tables import RecoveryCode, SignInPolicy, UserPasskey, UserTotp

OFF: Final = "off"
REQUIRED: Final = "required"
Policy = Literal["off", "required"]
_FREE_FAILURES = 10  # wrong codes in a row; after that one a pause
_PAUSE = timedelta(minutes=15)
_PAST = {"synchronize_session": False}

# Made once: to make a statement anew costs as much as to run it.
_POLICY = select(SignInPolicy.second_factor).where(SignInPolicy.org_id == bindparam("org_id"))
_TOTP = select(UserTotp).where(
    UserTotp.org_id == bindparam("org_id"), UserTotp.user_id == bindparam("user_id")
)
_CODES_LEFT = select(func.count()).where(
    RecoveryCode.org_id == bindparam("org_id"),
    RecoveryCode.user_id == bindparam("user_id"),
    RecoveryCode.used_at.is_(None),
)
_WITH_TOTP = select(UserTotp.user_id).where(
    UserTotp.org_id == bindparam("org_id"),
    UserTotp.user_id.in_(bindparam("user_ids", expanding=True)),
    UserTotp.confirmed_at.is_not(None),
)
_WITH_PASSKEY = (
    select(UserPasskey.user_id)
    .where(
        UserPasskey.org_id == bindparam("org_id"),
        UserPasskey.user_id.in_(bindparam("user_ids", expanding=True)),
    )
    .distinct()
)


class Totp(msgspec.Struct, frozen=True):
    """An authenticator app; `last_step` is the time step of the last code that was taken."""

    id: str
    org_id: str
    user_id: str
    sealed_secret: bytes
    confirmed_at: datetime | None
    last_step: int


class Held(msgspec.Struct, frozen=True):
    """Which factors a user has besides the password."""

    has_totp: bool
    passkeys: int
    recovery_codes: int

    @property
    def is_any(self) -> bool:
        """Recovery codes alone are no factor."""
        return self.has_totp or self.passkeys > 0

    @property
    def kinds(self) -> list[str]:
        """With what the user may prove who they are."""
        found = ["totp"] if self.has_totp else []
        found += ["passkey"] if self.passkeys else []
        return found + (["recovery_code"] if self.is_any and self.recovery_codes else [])


async def policy(session: Session, *, org_id: str) -> Policy:
    """Whether the organisation requires a second factor of those who sign in."""
    found = await session.scalar(_POLICY, {"org_id": org_id})
    return REQUIRED if found == REQUIRED else OFF


async def set_policy(session: Session, *, org_id: str, second_factor: Policy) -> None:
    """From the next sign-in on."""
    row = await session.scalar(select(SignInPolicy).where(SignInPolicy.org_id == org_id))
    if row is None:
        row = SignInPolicy(id=new_id("sip"), org_id=org_id)
        session.add(row)
    row.second_factor = second_factor
    await session.flush()


async def held(session: Session, *, org_id: str, user_id: str) -> Held:
    """What the user has now."""
    keys = select(func.count()).where(UserPasskey.org_id == org_id, UserPasskey.user_id == user_id)
    known = await totp(session, org_id=org_id, user_id=user_id)
    return Held(
        has_totp=known is not None and known.confirmed_at is not None,
        passkeys=await session.scalar(keys) or 0,
        recovery_codes=await recovery_codes_left(session, org_id=org_id, user_id=user_id),
    )


async def recovery_codes_left(session: Session, *, org_id: str, user_id: str) -> int:
    """How many the user has that were not used."""
    return await session.scalar(_CODES_LEFT, {"org_id": org_id, "user_id": user_id}) or 0


async def kinds_of(session: Session, *, org_id: str, user_ids: list[str]) -> dict[str, list[str]]:
    """Which kinds of factors users have, by user: totp, passkey."""
    asked = {"org_id": org_id, "user_ids": user_ids}
    found: dict[str, list[str]] = {}
    for kind, query in (("totp", _WITH_TOTP), ("passkey", _WITH_PASSKEY)):
        for user_id in await session.scalars(query, asked):
            found.setdefault(user_id, []).append(kind)
    return found


async def totp(session: Session, *, org_id: str, user_id: str) -> Totp | None:
    """The user's app, confirmed or not."""
    row = await session.scalar(_TOTP, {"org_id": org_id, "user_id": user_id})
    return None if row is None else Totp(**{name: getattr(row, name) for name in Totp.__struct_fields__})


async def put_totp(session: Session, *, org_id: str, user_id: str, row_id: str, sealed: bytes) -> None:
    """A new app, to be confirmed; one that was begun and never confirmed is forgotten."""
    await _drop_totp(session, org_id=org_id, user_id=user_id)
    await session.execute(
        insert(UserTotp).values(
            id=row_id,
            org_id=org_id,
            user_id=user_id,
            sealed_secret=sealed,
            confirmed_at=None,
            last_step=0,
            failed=0,
            failed_at=None,
        )
    )


async def begin_totp_attempt(session: Session, known: Totp) -> bool:
    """Counts an attempt; False when after too many wrong codes in a row this one comes too early."""
    now = clock.now()
    may = or_(UserTotp.failed < _FREE_FAILURES, UserTotp.failed_at < now - _PAUSE)
    counted = update(UserTotp).where(UserTotp.org_id == known.org_id, UserTotp.id == known.id, may)
    counted = counted.values(failed=UserTotp.failed + 1, failed_at=now).returning(UserTotp.id)
    return await session.scalar(counted, execution_options=_PAST) is not None


async def use_totp_step(session: Session, known: Totp, *, step: int) -> bool:
    """Takes the code of a time step: True once a step, and never for one before the last."""
    used = update(UserTotp).where(
        UserTotp.org_id == known.org_id, UserTotp.id == known.id, UserTotp.last_step < step
    )
    used = used.values(last_step=step, failed=0, failed_at=None).returning(UserTotp.id)
    return await session.scalar(used, execution_options=_PAST) is not None


async def confirm_totp(session: Session, known: Totp) -> None:
    """It counts from now on: only now it is something that the audit log tells."""
    await _drop_totp(session, org_id=known.org_id, user_id=known.user_id)
    values = msgspec.structs.asdict(known) | {"confirmed_at": clock.now()}
    session.add(UserTotp(**values, failed=0, failed_at=None))
    await session.flush()


async def remove_totp(session: Session, *, org_id: str, user_id: str) -> bool:
    """Whether there was one."""
    row = await session.scalar(
        select(UserTotp).where(
            UserTotp.org_id == org_id, UserTotp.user_id == user_id, UserTotp.confirmed_at.is_not(None)
        )
    )
    if row is None:
        return False
    await session.delete(row)
    await session.flush()
    return True


async def put_recovery_codes(session: Session, *, org_id: str, user_id: str, hashes: list[str]) -> None:
    """These count from now on, and none from before."""
    await session.execute(
        delete(RecoveryCode).where(RecoveryCode.org_id == org_id, RecoveryCode.user_id == user_id),
        execution_options=_PAST,
    )
    for one in hashes:
        values = {"id": new_id("rec"), "org_id": org_id, "user_id": user_id, "hash": one, "used_at": None}
        await session.execute(insert(RecoveryCode).values(**values))


async def use_recovery_code(session: Session, *, org_id: str, user_id: str, code_hash: str) -> bool:
    """True once a code."""
    used = update(RecoveryCode).where(
        RecoveryCode.org_id == org_id,
        RecoveryCode.user_id == user_id,
        RecoveryCode.hash == code_hash,
        RecoveryCode.used_at.is_(None),
    )
    used = used.values(used_at=clock.now()).returning(RecoveryCode.id)
    return await session.scalar(used, execution_options=_PAST) is not None


async def remove_all(session: Session, *, org_id: str, user_id: str) -> int:
    """The user has no second factor any more; how many there were."""
    removed = int(await remove_totp(session, org_id=org_id, user_id=user_id))
    await _drop_totp(session, org_id=org_id, user_id=user_id)
    keys = select(UserPasskey).where(UserPasskey.org_id == org_id, UserPasskey.user_id == user_id)
    for row in (await session.scalars(keys)).all():
        await session.delete(row)
        removed += 1
    await session.flush()
    await put_recovery_codes(session, org_id=org_id, user_id=user_id, hashes=[])
    return removed


async def _drop_totp(session: Session, *, org_id: str, user_id: str) -> None:
    dropped = delete(UserTotp).where(
        UserTotp.org_id == org_id, UserTotp.user_id == user_id, UserTotp.confirmed_at.is_(None)
    )
    await session.execute(dropped, execution_options=_PAST)
