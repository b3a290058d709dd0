"""Our metadata: what an identity provider's administrator loads, instead of typing addresses."""

from xml.sax.saxutils import escape, quoteattr

from gatewayops.identity.saml.parties import ServiceProvider

_METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID={entity_id}>
  <md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true"
      protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing">
      <ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
        <ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>
      </ds:KeyInfo>
    </md:KeyDescriptor>
    <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>
    <md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>
    <md:AssertionConsumerService index="0" isDefault="true"
        Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location={acs_url}/>
  </md:SPSSODescriptor>
</md:EntityDescriptor>
"""


def sp_metadata(us: ServiceProvider, *, certificate: str) -> str:
    """An EntityDescriptor; answers to us are to be signed, and ours are."""
    return _METADATA.format(
        entity_id=quoteattr(us.entity_id), certificate=escape(certificate), acs_url=quoteattr(us.acs_url)
    )
