"""SAML providers as administrators set them: their metadata, given or fetched, and the key that is ours."""

import asyncio
from typing import Any

import msgspec

from gatewayops.api.sso_shapes import NewSamlProvider, ProviderChange
from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError, InvalidInput
from gatewayops.identity.saml import idp_metadata, signing_pair
from gatewayops.identity.saml.documents import MAX_BYTES
from gatewayops.identity.saml.parties import IdentityProvider
from gatewayops.identity.saml.registration import SamlRegistration, kept, of_settings
from gatewayops.store.control.identity_providers import Provider
from gatewayops.upstream.guarded_fetch import Question, fetch_bytes


async def settings_of(body: NewSamlProvider) -> tuple[dict[str, Any], bytes]:
    """The settings of a new provider, and the private key that signs our requests. Raises InvalidInput."""
    idp = await described(body.metadata, body.metadata_url, allows_private=body.allow_private_network)
    pair = await asyncio.to_thread(signing_pair.new_pair, f"GatewayOps {body.name}", now=clock.now())
    registration = SamlRegistration(
        idp=idp,
        certificate=pair.certificate,
        metadata_url=body.metadata_url,
        allows_private=body.allow_private_network,
        allows_idp_initiated=body.allow_idp_initiated,
        allows_sha1=body.allow_sha1,
        names=body.attributes.names(),
    )
    return kept(registration), pair.private_pem


async def changed(known: Provider, body: ProviderChange) -> dict[str, Any]:
    """Those settings that change. Raises InvalidInput, also for another provider's metadata."""
    registration = of_settings(known.spec.settings)
    new: dict[str, Any] = {}
    if body.metadata or body.metadata_url:
        url, allows = body.metadata_url or "", registration.allows_private
        idp = await described(body.metadata or "", url, allows_private=allows)
        if idp.entity_id != registration.idp.entity_id:
            msg = f"metadata: of {idp.entity_id}; people are known as {registration.idp.entity_id}'s"
            raise InvalidInput(msg)
        new |= {"idp": idp, "metadata_url": url}
    if body.allow_idp_initiated is not None:
        new["allows_idp_initiated"] = body.allow_idp_initiated
    if body.allow_sha1 is not None:
        new["allows_sha1"] = body.allow_sha1
    if body.attributes is not None:
        new["names"] = body.attributes.names()
    after = kept(msgspec.structs.replace(registration, **new))
    return {name: after[name] for name in new}


async def described(text: str, url: str, *, allows_private: bool) -> IdentityProvider:
    """By its metadata: given as text, or fetched. Raises InvalidInput."""
    if bool(text) == bool(url):
        msg = "metadata: give the document as `metadata`, or its address as `metadata_url`"
        raise InvalidInput(msg)
    raw = text.encode()
    if url:
        asked = Question(
            url=url, headers={"accept": "application/samlmetadata+xml, */*"}, max_bytes=MAX_BYTES
        )
        try:
            raw = await fetch_bytes(asked, allows_private=allows_private)
        except GatewayOpsError as error:
            msg = f"metadata_url: {error.detail}"
            raise InvalidInput(msg) from error
    return await asyncio.to_thread(idp_metadata.read, raw)
