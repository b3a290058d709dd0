"""E-mail domains that lead to an identity provider.

A domain counts once it is verified: by a document that the domain's own web server shows, or by the
administrator of the machine. One organisation has a verified domain; unverified claims are worth nothing.
"""

from datetime import datetime

import msgspec
from sqlalchemy import Select, select

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id, random_text
from gatewayops.store.control import rows as row_writes
from gatewayops.store.control.database import Session
from gatewayops.store.control.paging import Asked, Page, page_of
from gatewayops.store.control.sso_tables import IdentityProvider
from gatewayops.store.control.sso_tables import SsoDomain as DomainTable

BY_DOCUMENT = "document"
BY_MACHINE = "machine"
_PROOF_LENGTH = 43


class Domain(msgspec.Struct, frozen=True):
    """A domain; while `verified_at` is None it leads nowhere. `proof` is what its document must say."""

    id: str
    org_id: str
    provider_id: str
    domain: str
    proof: str
    created_at: datetime
    verified_at: datetime | None
    verified_by: str


async def add(session: Session, *, org_id: str, provider_id: str, domain: str) -> Domain:
    """Claims it; raises Conflict when the organisation has it already."""
    row = DomainTable(
        id=new_id("dom"),
        org_id=org_id,
        provider_id=provider_id,
        domain=domain.lower(),
        proof=random_text(_PROOF_LENGTH),
        verified_at=None,
        verified_by="",
    )
    await row_writes.add(session, row, taken=f"domain: {domain} is among your domains already")
    return _domain(row)


async def page(session: Session, *, org_id: str, asked: Asked) -> Page[Domain]:
    """The organisation's, newest first."""
    found = await page_of(
        session, select(DomainTable).where(DomainTable.org_id == org_id), DomainTable, asked
    )
    return Page(rows=tuple(map(_domain, found.rows)), cursor=found.cursor)


async def find(session: Session, *, org_id: str, ref: str) -> Domain:
    """By id or name. Raises NotFound."""
    return _domain(await _row(session, org_id, ref))


async def verify(session: Session, *, org_id: str, ref: str, by: str) -> Domain:
    """From now on it leads to its provider. Raises NotFound, Conflict when it is another organisation's."""
    row = await _row(session, org_id, ref)
    if row.verified_at is None:
        row.verified_at, row.verified_by = clock.now(), by
        await row_writes.flush(session, taken=f"domain: another organisation has verified {row.domain}")
    return _domain(row)


async def remove(session: Session, *, org_id: str, ref: str) -> None:
    """It leads nowhere. Raises NotFound."""
    await session.delete(await _row(session, org_id, ref))
    await session.flush()


async def of_email(session: Session, email: str) -> Domain | None:
    """The verified domain of an address, whosever it is; that its provider is enabled is not asked."""
    row = await session.scalar(_verified(email))
    return None if row is None else _domain(row)


async def leads_to(session: Session, email: str) -> str:
    """The enabled provider that the address's domain leads to; empty for none."""
    query = _verified(email).join(IdentityProvider, IdentityProvider.id == DomainTable.provider_id)
    row = await session.scalar(query.where(IdentityProvider.is_enabled.is_(True)))
    return "" if row is None else row.provider_id


def _verified(email: str) -> Select[DomainTable]:
    """Of whatever somebody typed: PostgreSQL fails at a NUL, which is in no domain."""
    typed = email.rpartition("@")[2]
    domain = typed.lower() if typed.isprintable() else ""
    return select(DomainTable).where(DomainTable.domain == domain, DomainTable.verified_at.is_not(None))


async def _row(session: Session, org_id: str, ref: str) -> DomainTable:
    is_it = (DomainTable.id == ref) | (DomainTable.domain == ref.lower())
    row = await session.scalar(select(DomainTable).where(DomainTable.org_id == org_id, is_it))
    if row is None:
        msg = "no domain of that id or name"
        raise NotFound(msg)
    return row


def _domain(row: DomainTable) -> Domain:
    return Domain(**{name: getattr(row, name) for name in Domain.__struct_fields__})
