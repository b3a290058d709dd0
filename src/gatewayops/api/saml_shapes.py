"""The part of `/v1/identity-providers` that is of SAML."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gatewayops.api.shapes import Body, LateShape
from gatewayops.identity.saml import idp_metadata
from gatewayops.identity.saml.attributes import AttributeNames
from gatewayops.identity.saml.documents import MAX_BYTES
from gatewayops.identity.saml.registration import of_settings, us_at
from gatewayops.store.control.identity_providers import Provider

Metadata = Annotated[str, Field(max_length=MAX_BYTES)]
Address = Annotated[str, Field(max_length=1024)]
_Name = Annotated[str, Field(max_length=255, pattern=r"^[\x20-\x7e]*$")]


class SamlAttributes(Body):
    """Which attributes say what of a person; empty: those that Okta, Entra ID and Google use, in turn.

    `subject` empty: the NameID, which must last. Several of `name` are put together.
    """

    subject: _Name = ""
    email: _Name = ""
    name: Annotated[list[_Name], Field(max_length=4)] = Field(default_factory=list)
    groups: _Name = ""

    def names(self) -> AttributeNames:
        """As they are kept."""
        return AttributeNames(self.subject, self.email, tuple(self.name), self.groups)


class CertificateBody(LateShape):
    """A certificate whose signatures count, and its last moment, which is shown but not enforced."""

    certificate: str
    valid_until: datetime


class SamlBody(LateShape):
    """What the provider's metadata said, and what to tell the provider of us.

    Give it `our_metadata_url`; or `our_entity_id` (audience) and `acs_url` (reply) by hand.
    """

    entity_id: str
    sign_in_url: str
    certificates: list[CertificateBody]
    metadata_url: str | None
    our_entity_id: str
    acs_url: str
    our_metadata_url: str
    allow_idp_initiated: bool
    allow_sha1: bool
    attributes: SamlAttributes


def saml_body(found: Provider, *, address: str) -> SamlBody:
    """As it is shown; `address` is ours."""
    known, us = of_settings(found.spec.settings), us_at(address, found.id)
    names = known.names
    return SamlBody(
        entity_id=known.idp.entity_id,
        sign_in_url=known.idp.sign_in_url,
        certificates=[
            CertificateBody(certificate=one, valid_until=idp_metadata.valid_until(one))
            for one in known.idp.certificates
        ],
        metadata_url=known.metadata_url or None,
        our_entity_id=us.entity_id,
        acs_url=us.acs_url,
        our_metadata_url=us.entity_id,
        allow_idp_initiated=known.allows_idp_initiated,
        allow_sha1=known.allows_sha1,
        attributes=SamlAttributes(
            subject=names.subject, email=names.email, name=list(names.name), groups=names.groups
        ),
    )
