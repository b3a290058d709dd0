"""Sign-ins under way at providers: each begun in one browser, finished there, and only once."""

from datetime import timedelta

import msgspec
from sqlalchemy import delete, insert, update

from gatewayops.base import clock
from gatewayops.base.ids import new_id
from gatewayops.store.control.database import Session
from gatewayops.store.control.sso_tables import SsoAttempt

LIFE = timedelta(minutes=10)
_PAST = {"synchronize_session": False}


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as it is kept; `verifier_sealed` is empty where the protocol has none (SAML)."""

    org_id: str
    provider_id: str
    browser_hash: str
    nonce: str
    verifier_sealed: bytes = b""
    return_to: str = "/"


def attempt_binding(org_id: str, state_hash: str) -> bytes:
    """The additional data under which an attempt's verifier is sealed."""
    return f"sso_attempt:{org_id}:{state_hash}".encode()


async def begin(session: Session, begun: Begun, *, state_hash: str) -> None:
    """Keeps it for ten minutes; those that are over are forgotten."""
    now = clock.now()
    await session.execute(delete(SsoAttempt).where(SsoAttempt.expires_at < now), execution_options=_PAST)
    values = msgspec.structs.asdict(begun) | {
        "id": new_id("sso"),
        "state_hash": state_hash,
        "created_at": now,
        "expires_at": now + LIFE,
        "used_at": None,
    }
    await session.execute(insert(SsoAttempt).values(**values))


async def use(session: Session, *, provider_id: str, state_hash: str, browser_hash: str) -> Begun | None:
    """Uses up the one of this state, browser and provider; None for any other, and for all but the first."""
    spent = update(SsoAttempt).where(
        SsoAttempt.provider_id == provider_id,
        SsoAttempt.state_hash == state_hash,
        SsoAttempt.browser_hash == browser_hash,
        SsoAttempt.used_at.is_(None),
        SsoAttempt.expires_at > clock.now(),
    )
    columns = [getattr(SsoAttempt, name) for name in Begun.__struct_fields__]
    found = await session.execute(
        spent.values(used_at=clock.now()).returning(*columns), execution_options=_PAST
    )
    row = found.one_or_none()
    return None if row is None else Begun(**row._asdict())
