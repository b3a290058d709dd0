"""What an identity provider says of itself: its EntityDescriptor, read once and kept as a few fields."""

import base64
import binascii
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gatewayops.identity.saml import documents
from gatewayops.identity.saml.documents import NAMES, NotXml
from gatewayops.identity.saml.parties import IdentityProvider, MetadataInvalid

_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_MAX_CERTIFICATES = 4
_MIN_RSA_BITS = 2048
_LONGEST = 1024  # characters of an entity id (SAML core, section 8.3.6) and of an address


def read(raw: bytes) -> IdentityProvider:
    """Of a document that describes one identity provider. Raises MetadataInvalid.

    Nothing vouches for a document but the way it came: over https from the address that an administrator
    gave, or from their own hands.
    """
    try:
        root = documents.parse(raw)
    except NotXml as error:
        msg = f"metadata: {error}"
        raise MetadataInvalid(msg) from error
    found = root.xpath("descendant-or-self::md:EntityDescriptor[md:IDPSSODescriptor]", namespaces=NAMES)
    if len(found) != 1:
        msg = f"metadata: it describes {len(found)} identity providers instead of one"
        raise MetadataInvalid(msg)
    return of_fields(
        entity_id=found[0].get("entityID", ""),
        sign_in_url=_sign_in_url(found[0]),
        certificates=_certificates(found[0]),
    )


def of_fields(*, entity_id: str, sign_in_url: str, certificates: tuple[str, ...]) -> IdentityProvider:
    """Of what an administrator copied from a page; certificates as PEM or base64. Raises MetadataInvalid."""
    if not 0 < len(entity_id) <= _LONGEST:
        msg = f"entity_id: 1 to {_LONGEST} characters"
        raise MetadataInvalid(msg)
    parts = urlsplit(sign_in_url)
    if parts.scheme not in ("https", "http") or not parts.netloc or len(sign_in_url) > _LONGEST:
        msg = "sign_in_url: the http(s) address of a SingleSignOnService with the binding HTTP-Redirect"
        raise MetadataInvalid(msg)
    if not 0 < len(certificates) <= _MAX_CERTIFICATES:
        msg = f"certificates: 1 to {_MAX_CERTIFICATES} that sign, not {len(certificates)}"
        raise MetadataInvalid(msg)
    plain = tuple(dict.fromkeys(_plain(text) for text in certificates))
    return IdentityProvider(entity_id=entity_id, sign_in_url=sign_in_url, certificates=plain)


def valid_until(certificate: str) -> datetime:
    """The last moment that a certificate gives itself."""
    return x509.load_der_x509_certificate(base64.b64decode(certificate)).not_valid_after_utc


def _sign_in_url(entity: Any) -> str:  # noqa: ANN401 - an element of lxml
    path = "md:IDPSSODescriptor/md:SingleSignOnService[@Binding=$binding]/@Location"
    found = entity.xpath(path, namespaces=NAMES, binding=_REDIRECT)
    return str(found[0]) if found else ""


def _certificates(entity: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
    path = "md:IDPSSODescriptor/md:KeyDescriptor[not(@use) or @use='signing']//ds:X509Certificate"
    return tuple(documents.text_of(one) for one in entity.xpath(path, namespaces=NAMES))


def _plain(text: str) -> str:
    """Base64 of DER, checked: of a key that is long enough to believe."""
    bare = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    try:
        der = base64.b64decode("".join(bare.split()), validate=True)
        key = x509.load_der_x509_certificate(der).public_key()
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        msg = "certificates: not a certificate of an RSA or EC key, as PEM or base64"
        raise MetadataInvalid(msg) from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        msg = f"certificates: an RSA key of {key.key_size} bits; {_MIN_RSA_BITS} at least"
        raise MetadataInvalid(msg)
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        msg = "certificates: of an RSA or EC key"
        raise MetadataInvalid(msg)
    return base64.b64encode(der).decode()
