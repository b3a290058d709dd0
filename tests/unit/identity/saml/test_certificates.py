"""Certificates of identity providers that count, and those that are refused with what is wrong."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gatewayops.identity.saml.idp_metadata import of_fields
from gatewayops.identity.saml.parties import MetadataInvalid

P256 = bytes.fromhex("06082a8648ce3d030107")


def _certificate():
    key, now, name = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1).not_valid_before(now)
    return made.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _read(der):
    text = base64.b64encode(der).decode()
    return of_fields(entity_id="idp", sign_in_url="https://idp.example/sso", certificates=(text,))


def test_a_key_on_a_curve_that_nobody_knows_is_refused_like_one_of_another_kind():
    assert len(_read(_certificate()).certificates) == 1
    with pytest.raises(MetadataInvalid, match="certificate"):
        _read(_certificate().replace(P256, P256[:-1] + b"\x09"))
