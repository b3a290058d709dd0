"""Identity providers of organisations, as they are kept: who they are, and what they may do here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select, update

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import group_roles
from gatewayops.store.control import rows as row_writes
from gatewayops.store.control.account_tables import UserSession
from gatewayops.store.control.database import Session, lock
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.sso_tables import IdentityProvider, is_password_shut
from gatewayops.store.control.tables import User

_VOUCHING = 720_575_964
_PAST = {"synchronize_session": False}
_SHUTTING = ("is_enabled", "is_sso_required")  # one that is off shuts no passwords until it is on again


class GroupMapping(msgspec.Struct, frozen=True):
    """What members of a group get; an empty id means nothing of that kind."""

    group: str
    role_id: str = ""
    team_id: str = ""


class ProviderSpec(msgspec.Struct, frozen=True):
    """What is decided about a provider; `secret_sealed` opens under `provider_binding`.

    `trusts_email`: addresses in its own domains count as verified. `is_jit`: it makes users, in these.
    `is_sso_required`: passwords of the organisation's people count no longer, but for those of break-glass
    administrators.
    """

    kind: str
    name: str
    settings: dict[str, Any]
    secret_sealed: bytes = b""
    is_enabled: bool = True
    is_sso_required: bool = False
    trusts_email: bool = False
    is_jit: bool = False
    jit_role_id: str = ""
    jit_team_id: str = ""
    group_mappings: tuple[GroupMapping, ...] = ()
    session_hours: int = 168


class Provider(msgspec.Struct, frozen=True):
    """A provider as it is kept."""

    id: str
    org_id: str
    created_at: datetime
    spec: ProviderSpec


def new_provider_id() -> str:
    """Before it is added: its secret is sealed for it."""
    return new_id("idp")


def provider_binding(org_id: str, provider_id: str) -> bytes:
    """The additional data under which a provider's secret is sealed."""
    return f"identity_provider:{org_id}:{provider_id}".encode()


async def add(session: Session, *, org_id: str, provider_id: str, spec: ProviderSpec) -> Provider:
    """Raises Conflict when the name is taken."""
    columns = msgspec.structs.asdict(spec) | {"group_mappings": msgspec.to_builtins(spec.group_mappings)}
    row = IdentityProvider(id=provider_id, org_id=org_id, **columns)
    await row_writes.add(session, row, taken=f"name: an identity provider {spec.name} exists")
    return _provider(row)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Provider]:
    """The organisation's, newest first."""
    query = select(IdentityProvider).where(IdentityProvider.org_id == org_id)
    found = await page_of(session, query, IdentityProvider, asked)
    return Page(rows=tuple(map(_provider, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, ref: str) -> Provider:
    """By id or name. Raises NotFound."""
    return _provider(await _row(session, org_id, ref))


async def of_id(session: Session, provider_id: str) -> Provider | None:
    """One that is enabled, in whatever organisation: who signs in has none yet."""
    row = await session.get(IdentityProvider, provider_id)
    return _provider(row) if row is not None and row.is_enabled else None


async def offered(session: Session, *, org_id: str) -> tuple[Provider, ...]:
    """Those that the organisation's sign-in page shows."""
    query = select(IdentityProvider).where(
        IdentityProvider.org_id == org_id, IdentityProvider.is_enabled.is_(True)
    )
    found = await session.scalars(query.order_by(IdentityProvider.name).limit(50))
    return tuple(map(_provider, found))


async def change(session: Session, *, org_id: str, provider_id: str, columns: Mapping[str, Any]) -> Provider:
    """Sets these fields of the spec; sessions that count no longer end, roles that no group gives go.

    Of `settings` those that are given: others may be changed by somebody else at the same moment.
    Raises NotFound, Conflict.
    """
    row = await _row(session, org_id, provider_id, is_to_change=True)
    if "settings" in columns:
        columns = {**columns, "settings": row.settings | columns["settings"]}
    for name, value in columns.items():
        setattr(row, name, msgspec.to_builtins(value) if isinstance(value, tuple) else value)
    await row_writes.flush(session, taken=f"name: an identity provider {columns.get('name')} exists")
    if "group_mappings" in columns:
        kept = [one.role_id for one in columns["group_mappings"]]
        await group_roles.take_back(session, org_id=org_id, provider_id=row.id, but=kept)
    if columns.get("is_enabled") is False:
        await end_sessions(session, org_id=org_id, provider_id=row.id)
        await group_roles.take_back(session, org_id=org_id, provider_id=row.id, but=())
    if row.is_enabled and row.is_sso_required and not columns.keys().isdisjoint(_SHUTTING):
        await _end_password_sessions(session, org_id)
    return _provider(row)


async def remove(session: Session, *, org_id: str, ref: str) -> Provider:
    """It, its domains, its identities, the roles that its groups gave, the sessions that it made.

    Raises NotFound.
    """
    row = await _row(session, org_id, ref)
    await end_sessions(session, org_id=org_id, provider_id=row.id)
    await group_roles.take_all_back(session, org_id=org_id, provider_id=row.id)
    await session.delete(row)
    await session.flush()
    return _provider(row)


async def shuts_passwords(session: Session, *, org_id: str, user_id: str) -> bool:
    """Whether this user's password counts no longer, because the organisation requires single sign-on."""
    query = select(User.id).where(User.org_id == org_id, User.id == user_id, is_password_shut())
    return await session.scalar(query) is not None


async def vouches(session: Session, *, org_id: str, user_id: str, provider_id: str) -> bool:
    """Whether a session of this user may begin: by this provider, or with an empty id without any.

    Until the transaction ends nobody ends such sessions, so the one that begins now is not overlooked.
    """
    await lock(session, _VOUCHING)
    if not provider_id:
        return not await shuts_passwords(session, org_id=org_id, user_id=user_id)
    known = await of_id(session, provider_id)
    return known is not None and known.org_id == org_id


async def end_sessions(session: Session, *, org_id: str, provider_id: str, user_id: str = "") -> int:
    """Those that the provider made are over, of one user or of all; how many that were."""
    await lock(session, _VOUCHING)
    ended = update(UserSession).where(
        UserSession.org_id == org_id,
        UserSession.provider_id == provider_id,
        UserSession.revoked_at.is_(None),
    )
    if user_id:
        ended = ended.where(UserSession.user_id == user_id)
    done = await session.execute(
        ended.values(revoked_at=clock.now()).returning(UserSession.id), execution_options=_PAST
    )
    return len(done.all())


async def _end_password_sessions(session: Session, org_id: str) -> None:
    """Those that no provider made, but for break-glass administrators' own."""
    await lock(session, _VOUCHING)
    keeps = select(User.id).where(User.org_id == org_id, User.is_break_glass.is_(True))
    ended = update(UserSession).where(
        UserSession.org_id == org_id,
        UserSession.provider_id == "",
        UserSession.revoked_at.is_(None),
        UserSession.user_id.not_in(keeps),
    )
    await session.execute(ended.values(revoked_at=clock.now()), execution_options=_PAST)


async def _row(session: Session, org_id: str, ref: str, *, is_to_change: bool = False) -> IdentityProvider:
    is_it = (IdentityProvider.id == ref) | (IdentityProvider.name == ref)
    query = select(IdentityProvider).where(IdentityProvider.org_id == org_id, is_it)
    row = await session.scalar(query.with_for_update() if is_to_change else query)
    if row is None:
        msg = "no identity provider of that id or name"
        raise NotFound(msg)
    return row


def _provider(row: IdentityProvider) -> Provider:
    spec = {name: getattr(row, name) for name in ProviderSpec.__struct_fields__}
    spec["group_mappings"] = msgspec.convert(row.group_mappings, tuple[GroupMapping, ...])
    return Provider(row.id, row.org_id, row.created_at, ProviderSpec(**spec))
