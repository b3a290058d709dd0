"""`/v1/identity-issuers`: identity providers whose assertions (ID-JAG) an organisation takes."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Response
from pydantic import Field

from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body, InPath, LateShape, Listed, Name, PageAsked, paging
from gatewayops.base.errors import InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.store.control import identity_issuers
from gatewayops.store.control.identity_issuers import Issuer
from gatewayops.upstream.address import check_url

router = LateRouter(prefix="/v1/identity-issuers", tags=["End users"])

Reader = Annotated[Principal, Depends(principal_for("end_users.read"))]
Writer = Annotated[Principal, Depends(principal_for("end_users.write"))]


class NewIssuer(Body):
    """`issuer` is what its assertions call it, to the byte; its keys are at `jwks_uri`. Both by https."""

    name: Name
    issuer: Annotated[str, Field(min_length=1, max_length=512)]
    jwks_uri: Annotated[str, Field(min_length=1, max_length=2048)]


class IssuerBody(LateShape):
    """An issuer that is trusted."""

    id: str
    name: str
    issuer: str
    jwks_uri: str
    created_at: datetime


class OneIssuer(LateShape):
    """The answer about one."""

    identity_issuer: IssuerBody


class IssuerList(Listed):
    """A page of issuers."""

    identity_issuers: list[IssuerBody]


@router.post("", status_code=201)
async def add(body: NewIssuer, caller: Writer, parts: Parts) -> OneIssuer:
    """Its users may use every protected server of the organisation, through clients that it vouches for."""
    for field in ("issuer", "jwks_uri"):
        url = getattr(body, field)
        check_url(url, field=field)
        if not url.startswith("https://"):
            msg = f"{field}: begins with https://"
            raise InvalidInput(msg)
    async with parts.database.session() as session:
        made = await identity_issuers.add(
            session, org_id=caller.org_id, name=body.name, issuer=body.issuer, jwks_uri=body.jwks_uri
        )
    return OneIssuer(identity_issuer=_body(made))


@router.get("")
async def list_issuers(caller: Reader, parts: Parts, asked: PageAsked) -> IssuerList:
    """Newest first."""
    async with parts.database.reading() as session:
        page = await identity_issuers.page(session, org_id=caller.org_id, asked=asked)
    return IssuerList(identity_issuers=[_body(row) for row in page.rows], **paging(page))


@router.delete("/{issuer}", status_code=204)
async def remove(issuer: InPath, caller: Writer, parts: Parts) -> Response:
    """Its assertions count no more, and tokens of those whom it vouched for end within a second."""
    async with parts.database.session() as session:
        await identity_issuers.remove(session, org_id=caller.org_id, ref=issuer)
    return Response(status_code=204)


def _body(issuer: Issuer) -> IssuerBody:
    return IssuerBody(**{name: getattr(issuer, name) for name in IssuerBody.model_fields})
