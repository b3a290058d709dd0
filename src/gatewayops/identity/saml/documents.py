"""XML from outside: bounded, without a DOCTYPE, and without comments that could cut a text in two.

Only this module and `responses` know the XML libraries.
"""

from typing import Any

MAX_BYTES = 256 << 10
NAMES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}


class NotXml(Exception):
    """The text says why: too large, not XML, or with a DOCTYPE."""


def check(raw: bytes) -> None:
    """Raises NotXml before a parser sees it. A NUL would be UTF-16, in which a DOCTYPE looks otherwise."""
    if len(raw) > MAX_BYTES:
        msg = f"it is larger than {MAX_BYTES} bytes"
        raise NotXml(msg)
    if b"<!DOCTYPE" in raw or b"\0" in raw:
        msg = "it has a DOCTYPE, or is not UTF-8"
        raise NotXml(msg)


def parse(raw: bytes) -> Any:  # noqa: ANN401 - an element of lxml, which has no types
    """The root element. Raises NotXml."""
    from lxml.etree import XMLSyntaxError
    from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

    check(raw)
    try:
        return OneLogin_Saml2_XML.to_etree(raw)
    except (XMLSyntaxError, ValueError) as error:
        msg = "it is not well-formed XML"
        raise NotXml(msg) from error


def tag(prefix: str, name: str) -> str:
    """As lxml writes names."""
    return f"{{{NAMES[prefix]}}}{name}"


def text_of(element: Any) -> str:  # noqa: ANN401 - as above
    """All text of an element without children, trimmed."""
    return "".join(element.itertext()).strip()
