"""How a server's pages for end users look, as its customer decided."""

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.orm import defer

from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import revision
from gatewayops.store.control.database import Session
from gatewayops.store.control.end_user_tables import ServerBranding


class Branding(msgspec.Struct, frozen=True):
    """What is empty looks as ours does. `logo_sha256` names the logo in its address; empty for none."""

    product_name: str = ""
    accent_color: str = ""  # #rrggbb
    terms_url: str = ""
    privacy_url: str = ""
    support_email: str = ""
    logo_sha256: str = ""


PLAIN = Branding()


class Logo(msgspec.Struct, frozen=True):
    """A picture, with the media type that its bytes were found to have."""

    type: str
    sha256: str
    raw: bytes


async def find(session: Session, *, org_id: str, server_id: str) -> Branding:
    """PLAIN where nothing was decided."""
    row = await session.scalar(_of(org_id, server_id).options(defer(ServerBranding.logo)))
    return PLAIN if row is None else _branding(row)


async def logo(session: Session, *, org_id: str, server_id: str, sha256: str) -> Logo:
    """Raises NotFound for any but the present one."""
    row = await session.scalar(_of(org_id, server_id))
    if row is None or not row.logo or row.logo_sha256 != sha256:
        msg = "no such logo"
        raise NotFound(msg)
    return Logo(row.logo_type, row.logo_sha256, row.logo)


async def put(session: Session, *, org_id: str, server_id: str, changes: dict[str, str]) -> Branding:
    """Changes what is given, fields of Branding."""
    row = await _row(session, org_id, server_id)
    for name, value in changes.items():
        setattr(row, name, value)
    return await _changed(session, row)


async def put_logo(session: Session, *, org_id: str, server_id: str, logo: Logo | None) -> Branding:
    """Another one, or none."""
    row = await _row(session, org_id, server_id)
    row.logo_type, row.logo_sha256, row.logo = (logo.type, logo.sha256, logo.raw) if logo else ("", "", b"")
    return await _changed(session, row)


async def remove(session: Session, *, org_id: str, server_id: str) -> None:
    """Back to ours; where there is none, nothing is done."""
    row = await session.scalar(_of(org_id, server_id))
    if row is not None:
        await session.delete(row)
        await revision.bump(session)


async def _row(session: Session, org_id: str, server_id: str) -> ServerBranding:
    row = await session.scalar(_of(org_id, server_id))
    if row is None:
        texts = dict.fromkeys((*Branding.__struct_fields__, "logo_type"), "")
        row = ServerBranding(id=new_id("brand"), org_id=org_id, server_id=server_id, logo=b"", **texts)
        session.add(row)
    return row


async def _changed(session: Session, row: ServerBranding) -> Branding:
    await session.flush()
    await revision.bump(session)
    return _branding(row)


def _of(org_id: str, server_id: str) -> Select[ServerBranding]:
    return select(ServerBranding).where(
        ServerBranding.org_id == org_id, ServerBranding.server_id == server_id
    )


def _branding(row: ServerBranding) -> Branding:
    return Branding(**{name: getattr(row, name) for name in Branding.__struct_fields__})
