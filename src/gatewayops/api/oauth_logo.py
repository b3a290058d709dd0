"""The logo on a server's pages, at an address that names its bytes: kept by browsers, opened by nobody."""

from typing import Annotated

from fastapi import Depends, Path, Response

from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_state import AtServer, protected_server
from gatewayops.api.parts import Parts
from gatewayops.store.control import server_brandings

router = LateRouter(prefix="/oauth/{slug}", include_in_schema=False, dependencies=[Depends(protected_server)])

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "public, max-age=31536000, immutable",
}

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get("/logo/{sha256}")
async def show(sha256: Digest, here: AtServer, parts: Parts) -> Response:
    """The present logo, as the kind of picture that it was found to be."""
    server = here.server
    async with parts.database.reading() as session:
        logo = await server_brandings.logo(session, org_id=server.org_id, server_id=server.id, sha256=sha256)
    return Response(logo.raw, media_type=logo.type, headers=_HEADERS)
