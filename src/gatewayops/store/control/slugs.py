"""Slugs: the names of servers in addresses, which all organisations share.

The first organisation to have one keeps it for good, so that nobody gets callers who look for another. Some
belong to nobody: a host of that name would be taken for the installation's own, or for mail or a browser's
set-up. What is not a label of a host's name can no longer be chosen; servers of before keep theirs.
"""

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from gatewayops.base.errors import Conflict, InvalidInput
from gatewayops.base.ids import random_text
from gatewayops.store import oauth_addresses
from gatewayops.store.control.database import Session
from gatewayops.store.control.tables import McpServer, Organisation, SlugClaim

_LENGTH = 63
_RESERVED = frozenset({
    "abuse", "account", "accounts", "admin", "administrator", "api", "app", "auth", "autoconfig",
    "autodiscover", "billing", "cdn", "console", "control", "dashboard", "ftp", "gateway", "gatewayops",
    "hostmaster", "id", "imap", "internal", "isatap", "localdomain", "localhost", "login", "mail", "mta-sts",
    "ns", "ns1", "ns2", "oauth", "openid", "pop", "pop3", "postmaster", "root", "security", "signin",
    "signup", "smtp", "sso", "static", "status", "support", "webmaster", "wpad", "www",
})  # fmt: skip


def check(slug: str) -> None:
    """Raises InvalidInput for one that nobody may choose."""
    if not oauth_addresses.is_label(slug):
        msg = "slug: lower-case letters, digits and dashes, none at the ends; at most 63"
        raise InvalidInput(msg)
    if not _is_open(slug):
        msg = f"slug: {slug} is reserved; choose another"
        raise InvalidInput(msg)


async def claim(session: Session, *, org_id: str, server_id: str, slug: str) -> None:
    """For a server of this organisation. Raises Conflict for one that is or was another organisation's.

    Names of the organisation's other servers are taken too: keys may use names in its place.
    """
    known = await session.get(SlugClaim, slug)
    if known is not None and known.org_id != org_id:
        msg = "slug: another organisation has or had it"
        raise Conflict(msg)
    is_taken = or_(McpServer.slug == slug, (McpServer.org_id == org_id) & (McpServer.name == slug))
    if await session.scalar(select(McpServer.id).where(is_taken, McpServer.id != server_id)):
        msg = "slug: another server has it, or is called so"
        raise Conflict(msg)
    if known is None:
        await _keep(session, slug, org_id)


async def check_name(session: Session, *, org_id: str, server_id: str, name: str) -> None:
    """Raises Conflict for a name that is the slug of the organisation's other server."""
    has_it = (McpServer.org_id == org_id) & (McpServer.slug == name)
    if await session.scalar(select(McpServer.id).where(has_it, McpServer.id != server_id)):
        msg = f"name: another server is found as {name}"
        raise Conflict(msg)


async def free(session: Session, *, org_id: str, name: str) -> str:
    """One for a new server: its name, else that with the organisation's slug, else with random letters."""
    org = await session.scalar(select(Organisation.slug).where(Organisation.id == org_id))
    own = name.strip("-") or "server"
    longer = f"{own}-{org}"[:_LENGTH].rstrip("-")
    for slug in (own, longer):
        if _is_open(slug) and await _is_free(session, org_id, slug):
            break
    else:
        slug = f"{longer[: _LENGTH - 7]}-{random_text(6).lower()}"
    if await session.get(SlugClaim, slug) is None:
        await _keep(session, slug, org_id)
    return slug


def _is_open(slug: str) -> bool:
    return slug not in _RESERVED and slug[2:4] != "--"  # `xn--` is another name in disguise (RFC 5890)


async def _is_free(session: Session, org_id: str, slug: str) -> bool:
    known = await session.get(SlugClaim, slug)
    if known is not None and known.org_id != org_id:
        return False
    return await session.scalar(select(McpServer.id).where(McpServer.slug == slug)) is None


async def _keep(session: Session, slug: str, org_id: str) -> None:
    session.add(SlugClaim(slug=slug, org_id=org_id))
    try:
        await session.flush()
    except IntegrityError as error:  # another was quicker
        msg = "slug: another organisation has just taken it; try again"
        raise Conflict(msg) from error
