"""Requests to identity providers: a signed AuthnRequest over HTTP-Redirect (SAML bindings, section 3.4)."""

import base64
import zlib
from datetime import datetime
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gatewayops.base.ids import random_text
from gatewayops.identity.saml.parties import IdentityProvider, ServiceProvider

_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_REQUEST = (
    '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
    ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0"'
    ' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" ID={id} IssueInstant={issued}'
    " Destination={to} AssertionConsumerServiceURL={acs}><saml:Issuer>{issuer}</saml:Issuer>"
    '<samlp:NameIDPolicy AllowCreate="true"/></samlp:AuthnRequest>'
)


def new_request_id() -> str:
    """An XML ID with 190 random bits."""
    return f"_{random_text(32)}"


def redirect_url(
    idp: IdentityProvider, us: ServiceProvider, *, request_id: str, private_pem: bytes, now: datetime
) -> str:
    """Where to send the browser; the signature covers all that we add."""
    xml = _REQUEST.format(
        id=quoteattr(request_id),
        issued=quoteattr(now.strftime("%Y-%m-%dT%H:%M:%SZ")),
        to=quoteattr(idp.sign_in_url),
        acs=quoteattr(us.acs_url),
        issuer=escape(us.entity_id),
    )
    squeezed = zlib.compress(xml.encode(), wbits=-15)
    query = f"SAMLRequest={quote(base64.b64encode(squeezed), safe='')}&SigAlg={quote(_RSA_SHA256, safe='')}"
    # ours, and sealed since it was made: to prove that its factors are primes takes 0.2 s
    key = load_pem_private_key(private_pem, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = base64.b64encode(key.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256()))
    mark = "&" if "?" in idp.sign_in_url else "?"
    return f"{idp.sign_in_url}{mark}{query}&Signature={quote(signature, safe='')}"
