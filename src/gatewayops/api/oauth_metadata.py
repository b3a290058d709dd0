"""Discovery: what a protected server's OAuth server says about itself, and the keys that sign its tokens.

RFC 8414 inserts the well-known part before the path, OpenID Connect appends it; clients try either.
"""

from typing import Any

from fastapi import Depends
from fastapi.responses import JSONResponse

from gatewayops.api.late_routes import LateRouter
from gatewayops.api.oauth_state import AtServer, Here, State, protected_server
from gatewayops.identity.oauth import metadata

router = LateRouter(include_in_schema=False, dependencies=[Depends(protected_server)])

_FRESH = {"Cache-Control": "public, max-age=300"}
_KEYS_FRESH = {"Cache-Control": "public, max-age=600"}


@router.get("/.well-known/oauth-authorization-server/oauth/{slug}")
@router.get("/oauth/{slug}/.well-known/oauth-authorization-server")
async def of_server(here: AtServer) -> JSONResponse:
    """RFC 8414."""
    return _document(metadata.of_server(here.issuer, here.server.scopes, _more(here)))


@router.get("/.well-known/openid-configuration/oauth/{slug}")
@router.get("/oauth/{slug}/.well-known/openid-configuration")
async def of_provider(here: AtServer) -> JSONResponse:
    """OpenID Connect discovery."""
    return _document(metadata.of_provider(here.issuer, here.server.scopes, _more(here)))


@router.get("/oauth/{slug}/jwks")
async def keys(here: AtServer, state: State) -> JSONResponse:
    """Public keys: the one that signs, the one that comes next, and those whose tokens may still live."""
    known = await state.keys.of(here.server.org_id)
    return JSONResponse(
        {"keys": list(known.public.values())}, headers=_KEYS_FRESH, media_type="application/jwk-set+json"
    )


def _more(here: Here) -> tuple[str, ...]:
    return metadata.enabled(here.server.grants, trusts_issuers=here.server.trusts_issuers)


def _document(document: dict[str, Any]) -> JSONResponse:
    return JSONResponse(document, headers=_FRESH)
