"""Providers at which end users of a protected server may sign in. Secrets come and stay sealed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, or_, select

from gatewayops.base.errors import Conflict, NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.sign_in_tables import SignInProvider

MOST = 10
"""Of one server: each is a button."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider. `sealed_secret` opens bound to `bound_to()`; empty for a client without one.

    Whoever comes in needs an address that is verified (`trusts_email`: any that it names), of one of the
    `email_domains` if there are some; who is new may come in only with `allows_sign_up`.
    """

    id: str
    org_id: str
    server_id: str
    kind: str
    name: str
    client_id: str
    created_at: datetime
    issuer: str = ""
    sealed_secret: bytes = b""
    scopes: tuple[str, ...] = ()
    email_domains: tuple[str, ...] = ()
    allows_private: bool = False
    allows_sign_up: bool = False
    trusts_email: bool = False
    is_enabled: bool = True

    def bound_to(self) -> bytes:
        """What its secret is bound to."""
        return binding(self.org_id, self.id)


def binding(org_id: str, provider_id: str) -> bytes:
    """The additional data under which a provider's secret is sealed."""
    return f"sign-in-provider:{org_id}:{provider_id}".encode()


def new_provider_id() -> str:
    """An id for a provider to be added: its secret is sealed under it before."""
    return new_id("sip")


async def add(session: Session, provider: Provider) -> None:
    """Raises Conflict for a name that is taken, and for one too many."""
    count = select(func.count()).select_from(SignInProvider)
    there = await session.scalar(
        count.where(SignInProvider.org_id == provider.org_id, SignInProvider.server_id == provider.server_id)
    )
    if (there or 0) >= MOST:
        msg = f"a server has at most {MOST} sign-in providers; remove one first"
        raise Conflict(msg)
    values = msgspec.structs.asdict(provider)
    row = SignInProvider(**{name: _column(value) for name, value in values.items()})
    await rows.add(session, row, taken=f"name: the server has a sign-in provider {provider.name}")


async def page(session: Session, *, org_id: str, server_id: str, asked: Asked) -> Page[Provider]:
    """Those of a server, newest first."""
    query = select(SignInProvider).where(
        SignInProvider.org_id == org_id, SignInProvider.server_id == server_id
    )
    found = await page_of(session, query, SignInProvider, asked)
    return Page(rows=tuple(map(_provider, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, server_id: str, ref: str) -> Provider:
    """By id or name. Raises NotFound."""
    return _provider(await _row(session, org_id, server_id, ref))


async def offered(session: Session, *, org_id: str, server_id: str) -> tuple[Provider, ...]:
    """Those that are switched on, in the order in which they were added."""
    query = select(SignInProvider).where(
        SignInProvider.org_id == org_id,
        SignInProvider.server_id == server_id,
        SignInProvider.is_enabled.is_(True),
    )
    found = await session.scalars(query.order_by(SignInProvider.created_at, SignInProvider.id))
    return tuple(map(_provider, found))


async def change(
    session: Session, *, org_id: str, server_id: str, ref: str, changes: Mapping[str, Any]
) -> Provider:
    """Sets fields of Provider. Raises NotFound, Conflict."""
    row = await _row(session, org_id, server_id, ref)
    for name, value in changes.items():
        setattr(row, name, _column(value))
    await rows.flush(session, taken="name: the server has another sign-in provider of that name")
    return _provider(row)


async def remove(session: Session, *, org_id: str, server_id: str, ref: str) -> None:
    """Nobody comes in by it any more, also who is on the way. Raises NotFound."""
    await session.delete(await _row(session, org_id, server_id, ref))


async def _row(session: Session, org_id: str, server_id: str, ref: str) -> SignInProvider:
    is_it = or_(SignInProvider.id == ref, SignInProvider.name == ref)
    query = select(SignInProvider).where(
        SignInProvider.org_id == org_id, SignInProvider.server_id == server_id, is_it
    )
    row = await session.scalar(query)
    if row is None:
        msg = "the server has no sign-in provider of that id or name"
        raise NotFound(msg)
    return row


def _provider(row: SignInProvider) -> Provider:
    values: dict[str, Any] = {name: getattr(row, name) for name in Provider.__struct_fields__}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Provider(**values | lists)


def _column(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
