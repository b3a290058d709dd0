"""`/v1/servers/{server}/branding`: how the pages look on which end users of a server sign in and decide."""

import base64
import binascii
import hashlib
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Response
from pydantic import AfterValidator, Field

from gatewayops.api.accent import accent, is_color
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_look import OURS
from gatewayops.api.parts import Parts
from gatewayops.api.picture import MAX_BYTES, picture_of
from gatewayops.api.server_clients import find_protected
from gatewayops.api.shapes import Body, Email, InPath, LateShape
from gatewayops.base.errors import InvalidInput
from gatewayops.identity.principal import Principal
from gatewayops.store.control import server_brandings
from gatewayops.store.control.oauth_servers import ProtectedServer
from gatewayops.store.control.server_brandings import Branding, Logo
from gatewayops.store.oauth_addresses import Site

router = LateRouter(prefix="/v1/servers/{server}/branding", tags=["End users"])

Reader = Annotated[Principal, Depends(principal_for("servers.read"))]
Writer = Annotated[Principal, Depends(principal_for("servers.write"))]


def _plain(text: str) -> str:
    if not text.isprintable():
        msg = "a name without line feeds, control characters and marks that cannot be seen"
        raise ValueError(msg)
    return text.strip()


def _color(text: str) -> str:
    if text and not is_color(text.lower()):
        msg = "a colour such as #0b7285"
        raise ValueError(msg)
    return text.lower()


def _https(text: str) -> str:
    parts = urlsplit(text)
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if text and not (is_plain and parts.scheme == "https" and parts.hostname and "@" not in parts.netloc):
        msg = "an https address such as https://acme.example/terms"
        raise ValueError(msg)
    return text


ProductName = Annotated[str, Field(max_length=60), AfterValidator(_plain)]
Color = Annotated[str, Field(max_length=7), AfterValidator(_color)]
Link = Annotated[str, Field(max_length=500), AfterValidator(_https)]
NoEmail = Annotated[str, Field(max_length=0)]


class BrandingChange(Body):
    """What is left out stays as it is; what is empty is as ours again."""

    product_name: ProductName | None = None
    accent_color: Color | None = None
    terms_url: Link | None = None
    privacy_url: Link | None = None
    support_email: Email | NoEmail | None = None


class NewLogo(Body):
    """A PNG, JPEG or WebP picture in base64: 128 KiB and 1024 by 1024 pixels at most."""

    image: Annotated[str, Field(max_length=4 * MAX_BYTES)]


class BrandingBody(LateShape):
    """A server's branding. The accents are the shades of `accent_color` that can be read on the pages."""

    product_name: str
    accent_color: str
    accent_on_light: str
    accent_on_dark: str
    terms_url: str
    privacy_url: str
    support_email: str
    logo_url: str | None


class OneBranding(LateShape):
    """The answer about one server's."""

    branding: BrandingBody


@router.get("")
async def show(server: InPath, caller: Reader, parts: Parts) -> OneBranding:
    """As it is; empty where nothing was decided."""
    known = await find_protected(parts, caller, server)
    async with parts.database.reading() as session:
        found = await server_brandings.find(session, org_id=caller.org_id, server_id=known.id)
    return _body(found, known, parts.site)


@router.patch("")
async def change(server: InPath, body: BrandingChange, caller: Writer, parts: Parts) -> OneBranding:
    """Changes what is given; the pages show it within a second."""
    known = await find_protected(parts, caller, server)
    changes = body.model_dump(exclude_none=True)
    async with parts.database.session() as session:
        found = await server_brandings.put(session, org_id=caller.org_id, server_id=known.id, changes=changes)
    return _body(found, known, parts.site)


@router.delete("", status_code=204)
async def remove(server: InPath, caller: Writer, parts: Parts) -> Response:
    """The pages look as ours again."""
    known = await find_protected(parts, caller, server)
    async with parts.database.session() as session:
        await server_brandings.remove(session, org_id=caller.org_id, server_id=known.id)
    return Response(status_code=204)


@router.put("/logo")
async def put_logo(server: InPath, body: NewLogo, caller: Writer, parts: Parts) -> OneBranding:
    """Sets the logo. What it is is decided by its bytes."""
    known = await find_protected(parts, caller, server)
    logo = _logo(body.image)
    async with parts.database.session() as session:
        found = await server_brandings.put_logo(session, org_id=caller.org_id, server_id=known.id, logo=logo)
    return _body(found, known, parts.site)


@router.delete("/logo")
async def remove_logo(server: InPath, caller: Writer, parts: Parts) -> OneBranding:
    """Takes the logo away."""
    known = await find_protected(parts, caller, server)
    async with parts.database.session() as session:
        found = await server_brandings.put_logo(session, org_id=caller.org_id, server_id=known.id, logo=None)
    return _body(found, known, parts.site)


def _logo(image: str) -> Logo:
    try:
        raw = base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = "image: base64 of the file's bytes"
        raise InvalidInput(msg) from error
    return Logo(picture_of(raw).type, hashlib.sha256(raw).hexdigest(), raw)


def _body(found: Branding, server: ProtectedServer, site: Site) -> OneBranding:
    shades = accent(found.accent_color or OURS)
    issuer = site.issuer(server.slug)
    return OneBranding(
        branding=BrandingBody(
            product_name=found.product_name,
            accent_color=found.accent_color,
            accent_on_light=shades.on_light,
            accent_on_dark=shades.on_dark,
            terms_url=found.terms_url,
            privacy_url=found.privacy_url,
            support_email=found.support_email,
            logo_url=f"{issuer}/logo/{found.logo_sha256}" if found.logo_sha256 else None,
        )
    )
