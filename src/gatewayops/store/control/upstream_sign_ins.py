"""Users who were sent to an MCP server's authorization server: each comes back once, in the same session."""

from datetime import timedelta

import msgspec
from sqlalchemy import delete, insert

from gatewayops.base import clock
from gatewayops.store.control.database import Session
from gatewayops.store.control.upstream_account_tables import UpstreamSignIn as SignInTable
from gatewayops.store.control.upstream_accounts import Place

LIFE = timedelta(minutes=10)
_PAST = {"synchronize_session": False}


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """One under way. `sealed_verifier` opens bound to `bound_to()`."""

    id: str
    org_id: str
    server_id: str
    user_id: str
    session_id: str
    client_ref: str
    state_hash: str
    sealed_verifier: bytes
    place: Place
    scope: str
    sends_iss: bool

    def bound_to(self) -> bytes:
        """What its verifier is bound to."""
        return binding(self.org_id, self.id)


def binding(org_id: str, sign_in_id: str) -> bytes:
    """The additional data under which a verifier is sealed."""
    return f"upstream-sign-in:{org_id}:{sign_in_id}".encode()


async def begin(session: Session, sign_in: SignIn) -> None:
    """Keeps it for ten minutes; those that ended are forgotten."""
    now = clock.now()
    await session.execute(delete(SignInTable).where(SignInTable.expires_at < now), execution_options=_PAST)
    values = msgspec.structs.asdict(sign_in)
    values |= msgspec.structs.asdict(values.pop("place"))
    await session.execute(insert(SignInTable).values(**values, created_at=now, expires_at=now + LIFE))


async def use(session: Session, *, state_hash: str, user_id: str, session_id: str) -> SignIn | None:
    """The one of this state, used up by this statement; None for a stranger, a second time, too late."""
    used = delete(SignInTable).where(
        SignInTable.state_hash == state_hash,
        SignInTable.user_id == user_id,
        SignInTable.session_id == session_id,
        SignInTable.expires_at > clock.now(),
    )
    row = await session.scalar(used.returning(SignInTable), execution_options=_PAST)
    if row is None:
        return None
    place = Place(**{name: getattr(row, name) for name in Place.__struct_fields__})
    plain = [name for name in SignIn.__struct_fields__ if name != "place"]
    return SignIn(place=place, **{name: getattr(row, name) for name in plain})
