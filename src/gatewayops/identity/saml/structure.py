"""The shape of an answer, before its signatures are looked at: one assertion, and what signs it plainly does.

All that is read later lies in the one assertion of the document, so nothing can be wrapped around, beside or
below it. A signature stands in the element that it signs, refers to it by its only id, and changes nothing on
the way to the digest but itself and the form of writing (XML Signature best practices, sections 2.1 and 2.2).
"""

from typing import Any

from gatewayops.identity.saml.documents import NAMES, tag
from gatewayops.identity.saml.parties import SamlRefused

_DSIG, _MORE, _ENC = (
    "http://www.w3.org/2000/09/xmldsig#",
    "http://www.w3.org/2001/04/xmldsig-more#",
    "http://www.w3.org/2001/04/xmlenc#",
)
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_FORMS = frozenset((_EXCLUSIVE, f"{_EXCLUSIVE}WithComments"))
_TRANSFORMS = _FORMS | {f"{_DSIG}enveloped-signature"}
_SIGNS = frozenset(f"{_MORE}{key}-sha{bits}" for key in ("rsa", "ecdsa") for bits in (256, 384, 512))
_DIGESTS = frozenset((f"{_ENC}sha256", f"{_MORE}sha384", f"{_ENC}sha512"))
_SHA1 = frozenset((f"{_DSIG}rsa-sha1", f"{_DSIG}sha1"))


def check(root: Any, *, allows_sha1: bool) -> Any:  # noqa: ANN401 - elements of lxml, which has no types
    """The only assertion. Raises SamlRefused; signatures themselves are not verified here."""
    if root.tag != tag("samlp", "Response"):
        msg = "what came is not a SAML 2.0 Response"
        raise SamlRefused(msg)
    _check_status(root)
    if root.xpath(
        "//saml:EncryptedAssertion | //saml:EncryptedID | //saml:EncryptedAttribute", namespaces=NAMES
    ):
        msg = "the assertion is encrypted: switch encryption off at the identity provider, TLS covers the way"
        raise SamlRefused(msg)
    assertions = root.xpath("//saml:Assertion", namespaces=NAMES)
    if len(assertions) != 1 or assertions[0].getparent() is not root:
        msg = f"the response holds {len(assertions)} assertions, or not where they belong"
        raise SamlRefused(msg)
    ids = root.xpath("//@ID | //@Id | //@id")
    if len(ids) != len(set(ids)):
        msg = "an id is there twice"
        raise SamlRefused(msg)
    signatures = root.xpath("//ds:Signature", namespaces=NAMES)
    holders = [one.getparent() for one in signatures]
    if not holders:
        msg = "neither the response nor the assertion is signed"
        raise SamlRefused(msg)
    if any(one is not root and one is not assertions[0] for one in holders) or len(set(holders)) != len(
        holders
    ):
        msg = "a signature is where none belongs"
        raise SamlRefused(msg)
    for signature, holder in zip(signatures, holders, strict=True):
        _check_signature(signature, holder.get("ID", ""), allows_sha1=allows_sha1)
    return assertions[0]


def _check_status(root: Any) -> None:  # noqa: ANN401 - as above
    codes = root.xpath("samlp:Status//samlp:StatusCode/@Value", namespaces=NAMES)
    if codes[:1] != ["urn:oasis:names:tc:SAML:2.0:status:Success"]:
        last = "".join(char for char in codes[-1] if char.isprintable())[:100] if codes else "none"
        msg = f"the identity provider signed nobody in: its status is {last.rpartition(':')[2]}"
        raise SamlRefused(msg)


def _check_signature(signature: Any, signed_id: str, *, allows_sha1: bool) -> None:  # noqa: ANN401 - as above
    references = signature.xpath(".//ds:Reference/@URI", namespaces=NAMES)
    count = len(signature.xpath(".//ds:Reference | .//ds:Object", namespaces=NAMES))
    if not signed_id or references != [f"#{signed_id}"] or count != 1:
        msg = "a signature refers to something else than the element that it is in"
        raise SamlRefused(msg)
    old = _SHA1 if allows_sha1 else frozenset[str]()
    for name, allowed in (
        ("CanonicalizationMethod", _FORMS),
        ("Transform", _TRANSFORMS),
        ("SignatureMethod", _SIGNS | old),
        ("DigestMethod", _DIGESTS | old),
    ):
        for used in signature.xpath(f".//ds:{name}/@Algorithm", namespaces=NAMES):
            if used in _SHA1 and not allows_sha1:
                msg = "the signature uses SHA-1: have the identity provider sign with SHA-256"
                raise SamlRefused(msg)
            if used not in allowed:
                msg = f"the signature's {name} is none that counts here"
                raise SamlRefused(msg)
