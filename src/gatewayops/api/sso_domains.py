"""`/v1/sso-domains`: whose addresses sign in at which provider, and the proof that a domain is one's own."""

from typing import Annotated

from fastapi import Depends, Path, Response

from gatewayops.api.access import check_holds_all
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import PageAsked, paging
from gatewayops.api.sso_shapes import DomainList, NewDomain, OneDomain, document_url, domain_body
from gatewayops.base.errors import GatewayOpsError, InvalidInput, NotFound
from gatewayops.identity.principal import Principal
from gatewayops.store.control import identity_providers, sso_domains
from gatewayops.store.control.sso_domains import BY_DOCUMENT, BY_MACHINE, Domain
from gatewayops.upstream import guarded_fetch

router = LateRouter(prefix="/v1/sso-domains", tags=["Single sign-on"])

_WRITE = "sso.write"

InDomainPath = Annotated[str, Path(pattern="^[A-Za-z0-9._-]{1,253}$")]  # an id or the domain
Reader = Annotated[Principal, Depends(principal_for("sso.read"))]
Writer = Annotated[Principal, Depends(principal_for(_WRITE))]


@router.post("", status_code=201)
async def add(body: NewDomain, caller: Writer, parts: Parts) -> OneDomain:
    """Claims a domain for a provider; it leads nowhere until it is verified."""
    await check_holds_all(parts.database, caller, _WRITE)
    async with parts.database.session() as session:
        try:
            known = await identity_providers.find(session, org_id=caller.org_id, ref=body.provider)
        except NotFound as error:
            msg = "provider: no identity provider of that id or name"
            raise InvalidInput(msg) from error
        made = await sso_domains.add(session, org_id=caller.org_id, provider_id=known.id, domain=body.domain)
    return OneDomain(domain=domain_body(made))


@router.get("")
async def list_domains(caller: Reader, parts: Parts, asked: PageAsked) -> DomainList:
    """The organisation's domains, newest first."""
    async with parts.database.reading() as session:
        page = await sso_domains.page(session, org_id=caller.org_id, asked=asked)
    return DomainList(domains=[domain_body(row) for row in page.rows], **paging(page))


@router.post("/{domain}/verify")
async def verify(domain: InDomainPath, caller: Writer, parts: Parts) -> OneDomain:
    """Looks at the domain's document, and on success the domain leads to its provider from now on.

    The administrator at the machine needs no document: they answer for all organisations there.
    """
    await check_holds_all(parts.database, caller, _WRITE)
    async with parts.database.reading() as session:
        known = await sso_domains.find(session, org_id=caller.org_id, ref=domain)
    if not caller.is_local_admin:
        await _check_document(known)
    by = BY_MACHINE if caller.is_local_admin else BY_DOCUMENT
    async with parts.database.session() as session:
        verified = await sso_domains.verify(session, org_id=caller.org_id, ref=known.id, by=by)
    return OneDomain(domain=domain_body(verified))


@router.delete("/{domain}", status_code=204)
async def remove(domain: InDomainPath, caller: Writer, parts: Parts) -> Response:
    """Its addresses lead to no provider any more; who is linked already still comes in."""
    await check_holds_all(parts.database, caller, _WRITE)
    async with parts.database.session() as session:
        await sso_domains.remove(session, org_id=caller.org_id, ref=domain)
    return Response(status_code=204)


async def _check_document(known: Domain) -> None:
    where = document_url(known)
    try:
        found = await guarded_fetch.fetch(where)
    except GatewayOpsError as error:
        msg = f"domain: {where} does not show the document: {error.detail}"
        raise InvalidInput(msg) from error
    if found.content.get("gatewayops-domain") != known.proof:
        msg = f"domain: the document at {where} holds something else than `document`"
        raise InvalidInput(msg)
