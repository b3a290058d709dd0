"""`/sign-in/saml/{provider}`: where browsers bring answers of SAML providers, and what these load of us."""

from fastapi import Request
from starlette.responses import Response

from gatewayops.api.forms import fields
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.saml import saml_of
from gatewayops.api.sign_in_pages import enter, wait
from gatewayops.api.sign_in_shapes import accounts_of
from gatewayops.api.sso import sso_of
from gatewayops.api.sso_pages import ProviderId, refused
from gatewayops.base.errors import GatewayOpsError
from gatewayops.identity.saml.registration import of_settings
from gatewayops.identity.saml.sp_metadata import sp_metadata

router = LateRouter(prefix="/sign-in/saml", include_in_schema=False)


@router.get("/{provider_id}/metadata")
async def metadata(provider_id: ProviderId, request: Request) -> Response:
    """Our EntityDescriptor: addresses and a certificate, for anybody."""
    try:
        provider = await sso_of(request).provider(provider_id, is_saml=True)
    except GatewayOpsError as error:
        return refused(error)
    certificate = of_settings(provider.spec.settings).certificate
    text = sp_metadata(saml_of(request).us(provider), certificate=certificate)
    headers = {"X-Content-Type-Options": "nosniff"}
    return Response(text, media_type="application/samlmetadata+xml", headers=headers)


@router.post("/{provider_id}/acs")
async def come_back(provider_id: ProviderId, request: Request) -> Response:
    """The assertion consumer service. The form is on the provider's page, so its Origin is not ours."""
    sso = sso_of(request)
    try:
        sso.count(request)
        provider = await sso.provider(provider_id, is_saml=True)
        given = await fields(request)
        found = await saml_of(request).finish(request, provider, given.get("SAMLResponse", ""))
        if not found.was_asked:
            token = await accounts_of(request).factors.wait_for_yes(found.who, method=found.method)
            return wait(request, "/sign-in/agree", token)
        return await enter(request, found.who, method=found.method)
    except GatewayOpsError as error:
        return refused(error)
