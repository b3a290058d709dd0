"""OAuth clients of a protected server: registered by the customer, by themselves, or known by a document."""

from datetime import datetime

import msgspec
from sqlalchemy import Select, func, or_, select, update

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.base.ids import new_id
from gatewayops.store.control import oauth_grants, oauth_revocations, revision, rows
from gatewayops.store.control.database import Session
from gatewayops.store.control.oauth_tables import OAuthClient, OAuthConsent
from gatewayops.store.control.paging import Asked, Page, page_of

_LISTS = ("redirect_uris", "grant_types")


class ClientSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says about itself. `auth_method` is a token_endpoint_auth_method; `jwks` is JSON."""

    name: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    scope: str = ""
    jwks: str = ""
    jwks_uri: str = ""


class Client(msgspec.Struct, frozen=True):
    """A client as it is kept. `kind`: registered, dynamic, document (fresh until a moment)."""

    id: str
    org_id: str
    server_id: str
    client_id: str
    kind: str
    spec: ClientSpec
    secret_hash: str
    created_at: datetime
    fresh_until: datetime | None
    disabled_at: datetime | None


class Consent(msgspec.Struct, frozen=True):
    """What an end user has allowed a client; `client_id` is what the client calls itself."""

    id: str
    server_id: str
    end_user_id: str
    client_ref: str
    client_id: str
    client_name: str
    scope: str
    created_at: datetime


async def add(
    session: Session, *, org_id: str, server_id: str, kind: str, spec: ClientSpec, secret_hash: str
) -> Client:
    """A client under an id of ours. One that an operator registers may change what the server offers."""
    client_id = new_id("cl")
    if kind == "registered":
        await revision.bump(session)
    row = OAuthClient(id=client_id, client_id=client_id, kind=kind, server_id=server_id)
    row.secret_hash = secret_hash
    return await _add(session, org_id, row, spec)


async def hand_over(session: Session, known: Client, *, token_hash: str) -> None:
    """Whoever shows the token of this hash may manage the client's registration (RFC 7592)."""
    handed = update(OAuthClient).where(OAuthClient.org_id == known.org_id, OAuthClient.id == known.id)
    past = {"synchronize_session": False}
    await session.execute(handed.values(registration_token_hash=token_hash), execution_options=past)


async def managed(
    session: Session, *, org_id: str, server_id: str, client_id: str, token_hash: str
) -> Client | None:
    """A client that is not disabled, for who shows its registration access token."""
    query = _of_id(org_id, server_id, client_id).where(
        OAuthClient.kind == "dynamic", OAuthClient.registration_token_hash == token_hash
    )
    row = await session.scalar(query)
    return None if row is None or not token_hash else _client(row)


async def replace(session: Session, known: Client, *, spec: ClientSpec, secret_hash: str) -> Client:
    """The client describes itself anew. Where answers go to other addresses, people are asked again."""
    row = await session.get(OAuthClient, known.id)
    if row is None or row.org_id != known.org_id:
        msg = "no client of that id at this server"
        raise NotFound(msg)
    if known.spec.redirect_uris != spec.redirect_uris or known.spec.name != spec.name:
        for consent_row in await session.scalars(
            select(OAuthConsent).where(
                OAuthConsent.org_id == known.org_id, OAuthConsent.client_ref == known.id
            )
        ):
            await session.delete(consent_row)
    row.secret_hash = secret_hash
    _write(row, spec)
    await revision.bump(session)
    await session.flush()
    return _client(row)


async def keep_document(
    session: Session, *, org_id: str, server_id: str, url: str, spec: ClientSpec, fresh_until: datetime
) -> Client:
    """What the document at the client's id says now."""
    query = select(OAuthClient).where(OAuthClient.server_id == server_id, OAuthClient.client_id == url)
    row = await session.scalar(query.where(OAuthClient.org_id == org_id))
    if row is None:
        row = OAuthClient(id=new_id("cl"), client_id=url, kind="document", server_id=server_id)
        row.secret_hash = ""
        row.fresh_until = fresh_until
        return await _add(session, org_id, row, spec)
    if _client(row).spec != spec:
        await revision.bump(session)
    _write(row, spec)
    row.fresh_until = fresh_until
    await session.flush()
    return _client(row)


async def of_id(session: Session, *, org_id: str, server_id: str, client_id: str) -> Client | None:
    """By what it calls itself, at this server; None when it is not known or disabled."""
    row = await session.scalar(_of_id(org_id, server_id, client_id))
    return None if row is None else _client(row)


async def by_ref(session: Session, *, org_id: str, server_id: str, ref: str) -> Client | None:
    """By our own id of it; None when it is disabled or gone."""
    query = select(OAuthClient).where(OAuthClient.org_id == org_id, OAuthClient.server_id == server_id)
    row = await session.scalar(query.where(OAuthClient.id == ref, OAuthClient.disabled_at.is_(None)))
    return None if row is None else _client(row)


async def count(session: Session, *, server_id: str) -> int:
    """How many clients a server has."""
    query = select(func.count()).select_from(OAuthClient).where(OAuthClient.server_id == server_id)
    return int(await session.scalar(query) or 0)


async def page(session: Session, *, org_id: str, server_id: str, asked: Asked) -> Page[Client]:
    """A server's clients, newest first, disabled ones too."""
    query = select(OAuthClient).where(OAuthClient.org_id == org_id, OAuthClient.server_id == server_id)
    found = await page_of(session, query, OAuthClient, asked)
    return Page(rows=tuple(map(_client, found.rows)), cursor=found.cursor)


async def disable(session: Session, *, org_id: str, server_id: str, ref: str) -> None:
    """It gets no more tokens, and those that it has end within a second. Raises NotFound."""
    is_it = or_(OAuthClient.id == ref, OAuthClient.client_id == ref)
    query = select(OAuthClient).where(OAuthClient.org_id == org_id, OAuthClient.server_id == server_id, is_it)
    row = await session.scalar(query)
    if row is None:
        msg = "no client of that id at this server"
        raise NotFound(msg)
    row.disabled_at = row.disabled_at or clock.now()
    await revision.bump(session)
    await oauth_grants.revoke_all(session, org_id=org_id, client_ref=row.id, reason="client_disabled")
    if row.kind == "registered":  # what it has in its own name comes of no grant
        await oauth_revocations.add(session, org_id=org_id, kind="client", subject=row.client_id)


async def consented(session: Session, *, client: Client, end_user_id: str) -> str | None:
    """The scope that was allowed before; None when the person never said yes."""
    query = select(OAuthConsent.scope).where(
        OAuthConsent.org_id == client.org_id,
        OAuthConsent.server_id == client.server_id,
        OAuthConsent.client_ref == client.id,
        OAuthConsent.end_user_id == end_user_id,
    )
    return await session.scalar(query)


async def consent(session: Session, *, client: Client, end_user_id: str, scope: str) -> None:
    """The person said yes to this scope, besides what was allowed before."""
    query = select(OAuthConsent).where(
        OAuthConsent.org_id == client.org_id,
        OAuthConsent.client_ref == client.id,
        OAuthConsent.end_user_id == end_user_id,
    )
    row = await session.scalar(query)
    if row is None:
        row = OAuthConsent(
            id=new_id("con"),
            org_id=client.org_id,
            server_id=client.server_id,
            end_user_id=end_user_id,
            client_ref=client.id,
            scope=scope,
        )
        await rows.add(session, row, taken="the consent was given meanwhile; try again")
        return
    row.scope = " ".join(dict.fromkeys([*row.scope.split(), *scope.split()]))


async def consents(session: Session, *, org_id: str, end_user_id: str, asked: Asked) -> Page[Consent]:
    """What an end user has allowed, newest first."""
    query = select(OAuthConsent).where(OAuthConsent.org_id == org_id, OAuthConsent.end_user_id == end_user_id)
    found = await page_of(session, query, OAuthConsent, asked)
    refs = {row.client_ref for row in found.rows}
    clients = {
        row.id: row for row in await session.scalars(select(OAuthClient).where(OAuthClient.id.in_(refs)))
    }
    return Page(rows=tuple(_consent(row, clients[row.client_ref]) for row in found.rows), cursor=found.cursor)


async def withdraw(session: Session, *, org_id: str, end_user_id: str, consent_id: str) -> None:
    """The client must ask again, and what it holds of this person ends within a second. Raises NotFound."""
    query = select(OAuthConsent).where(OAuthConsent.org_id == org_id, OAuthConsent.id == consent_id)
    row = await session.scalar(query.where(OAuthConsent.end_user_id == end_user_id))
    if row is None:
        msg = "no consent of that id"
        raise NotFound(msg)
    await session.delete(row)
    await oauth_grants.revoke_all(
        session,
        org_id=org_id,
        end_user_id=row.end_user_id,
        client_ref=row.client_ref,
        reason="consent_withdrawn",
    )


async def withdraw_all(session: Session, *, org_id: str, end_user_id: str) -> None:
    """Every client must ask this person again; their grants end elsewhere."""
    query = select(OAuthConsent).where(OAuthConsent.org_id == org_id, OAuthConsent.end_user_id == end_user_id)
    for row in await session.scalars(query):
        await session.delete(row)


def _of_id(org_id: str, server_id: str, client_id: str) -> Select[OAuthClient]:
    return select(OAuthClient).where(
        OAuthClient.org_id == org_id,
        OAuthClient.server_id == server_id,
        OAuthClient.client_id == client_id,
        OAuthClient.disabled_at.is_(None),
    )


async def _add(session: Session, org_id: str, row: OAuthClient, spec: ClientSpec) -> Client:
    row.org_id = org_id
    row.disabled_at = None
    row.registration_token_hash = ""
    _write(row, spec)
    await rows.add(session, row, taken="the client registered meanwhile; try again")
    return _client(row)


def _write(row: OAuthClient, spec: ClientSpec) -> None:
    for column, value in msgspec.structs.asdict(spec).items():
        setattr(row, column, list(value) if column in _LISTS else value)


def _client(row: OAuthClient) -> Client:
    spec = {name: getattr(row, name) for name in ClientSpec.__struct_fields__}
    own = {name: getattr(row, name) for name in Client.__struct_fields__ if name != "spec"}
    lists = {name: tuple(spec[name]) for name in _LISTS}
    return Client(spec=ClientSpec(**spec | lists), **own)


def _consent(row: OAuthConsent, client: OAuthClient) -> Consent:
    return Consent(
        id=row.id,
        server_id=row.server_id,
        end_user_id=row.end_user_id,
        client_ref=row.client_ref,
        client_id=client.client_id,
        client_name=client.name,
        scope=row.scope,
        created_at=row.created_at,
    )
