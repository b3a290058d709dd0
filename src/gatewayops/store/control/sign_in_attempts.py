"""End users who were sent to a provider: each comes back once, to the same server, in the same browser."""

from datetime import timedelta

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update

from gatewayops.base import clock
from gatewayops.base.ids import new_id
from gatewayops.store.control.database import Session
from gatewayops.store.control.sign_in_tables import SignInAttempt
from gatewayops.store.external_identity import ExternalIdentity

LIFE = timedelta(minutes=10)
_PAST = {"synchronize_session": False}


class Whose(msgspec.Struct, frozen=True):
    """The browser at a server of an organisation; `browser_hash` is empty for one that we don't know."""

    org_id: str
    server_id: str
    browser_hash: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """One under way. `sealed_verifier` opens bound to `binding()` of its state."""

    id: str
    provider_id: str
    request_id: str
    nonce: str
    sealed_verifier: bytes


def new_attempt_id() -> str:
    """For an attempt to be kept."""
    return new_id("sia")


def binding(org_id: str, attempt_id: str) -> bytes:
    """The additional data under which an attempt's verifier is sealed."""
    return f"sign-in-attempt:{org_id}:{attempt_id}".encode()


async def begin(session: Session, whose: Whose, left: Left, *, state_hash: str) -> None:
    """Keeps it for ten minutes."""
    now = clock.now()
    values = msgspec.structs.asdict(whose) | msgspec.structs.asdict(left)
    values |= {"state_hash": state_hash, "identity": b"", "used_at": None}
    values |= {"created_at": now, "expires_at": now + LIFE}
    await session.execute(insert(SignInAttempt).values(**values))


async def use(session: Session, whose: Whose, *, provider_id: str, state_hash: str) -> Left | None:
    """The one of this state, used up by this statement.

    None for a second time, too late, another browser, and what was begun at another provider or server.
    """
    used = update(SignInAttempt).where(
        *_is_of(whose),
        SignInAttempt.provider_id == provider_id,
        SignInAttempt.state_hash == state_hash,
        SignInAttempt.used_at.is_(None),
    )
    columns = [getattr(SignInAttempt, name) for name in Left.__struct_fields__]
    found = await session.execute(
        used.values(used_at=clock.now()).returning(*columns), execution_options=_PAST
    )
    row = found.one_or_none()
    return None if row is None else Left(**row._asdict())


async def keep_identity(session: Session, whose: Whose, left: Left, who: ExternalIdentity) -> None:
    """Who came back, until they prove in this browser to be somebody here as well."""
    slim = msgspec.json.encode(msgspec.structs.replace(who, groups=()))
    kept = update(SignInAttempt).where(*_is_of(whose), SignInAttempt.id == left.id)
    await session.execute(kept.values(identity=slim), execution_options=_PAST)


async def waiting(
    session: Session, whose: Whose, *, request_id: str
) -> tuple[str, str, ExternalIdentity] | None:
    """Who came back last and waits: the attempt's id, the provider's, and the identity."""
    query = select(SignInAttempt).where(
        *_is_of(whose), SignInAttempt.request_id == request_id, SignInAttempt.identity != b""
    )
    row = await session.scalar(query.order_by(SignInAttempt.created_at.desc(), SignInAttempt.id).limit(1))
    if row is None:
        return None
    return row.id, row.provider_id, msgspec.json.decode(row.identity, type=ExternalIdentity)


async def end(session: Session, whose: Whose, *, attempt_id: str) -> bool:
    """True for one of any number who try."""
    ended = delete(SignInAttempt).where(*_is_of(whose), SignInAttempt.id == attempt_id)
    return await session.scalar(ended.returning(SignInAttempt.id), execution_options=_PAST) is not None


def _is_of(whose: Whose) -> tuple[ColumnElement[bool], ...]:
    return (
        SignInAttempt.org_id == whose.org_id,
        SignInAttempt.server_id == whose.server_id,
        SignInAttempt.browser_hash == whose.browser_hash,
        SignInAttempt.browser_hash != "",
        SignInAttempt.expires_at > clock.now(),
    )
