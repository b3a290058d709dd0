"""The key that signs an organisation's requests, and its certificate. Pure."""

import base64
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from gatewayops.identity.saml.parties import SigningPair

_BITS = 3072
_LIFE = timedelta(days=3650)  # identity providers pin it, and look at its dates at most to warn


def new_pair(name: str, *, now: datetime) -> SigningPair:
    """A new one, whose certificate bears the name and is signed by itself; it takes a moment."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    der = made.public_bytes(serialization.Encoding.DER)
    return SigningPair(private_pem=pem, certificate=base64.b64encode(der).decode())
