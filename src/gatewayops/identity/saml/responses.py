"""Answers of an identity provider: what of them counts, for whom and where and when they were meant.

The signature and the schema are python3-saml's to check. It lets pass what it does not find (audience,
recipient, destination, request), so each of those is required here, and compared as a whole.
"""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gatewayops.identity.saml import documents, structure
from gatewayops.identity.saml.documents import NAMES, NotXml, text_of
from gatewayops.identity.saml.parties import IdentityProvider, SamlRefused, ServiceProvider

LEEWAY = timedelta(seconds=60)
_LONGEST = timedelta(days=1)  # each assertion is kept until it counts no longer
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")


class Expected(msgspec.Struct, frozen=True):
    """What an answer must be to count. An empty `request_id` is one that nobody asked for."""

    idp: IdentityProvider
    us: ServiceProvider
    request_id: str
    allows_sha1: bool = False


class Assertion(msgspec.Struct, frozen=True):
    """What the identity provider asserts. `id` must be used up until `until`: it counts once."""

    id: str
    until: datetime
    subject: str
    subject_format: str
    attributes: dict[str, tuple[str, ...]]


class Answer:
    """An answer that is read, and not believed yet."""

    def __init__(self, encoded: str) -> None:
        """`encoded` is the form's field SAMLResponse. Raises SamlRefused."""
        try:
            self._raw = base64.b64decode("".join(encoded.split()), validate=True)
            self._root = documents.parse(self._raw)
        except (binascii.Error, ValueError) as error:
            msg = "the response is not base64"
            raise SamlRefused(msg) from error
        except NotXml as error:
            msg = f"the response cannot be read: {error}"
            raise SamlRefused(msg) from error

    @property
    def claims_request(self) -> str:
        """The request that it says it answers; empty for none."""
        return str(self._root.get("InResponseTo", ""))

    def believe(self, expected: Expected, *, now: datetime) -> Assertion:
        """What it asserts, when all of it is as expected. Raises SamlRefused."""
        assertion = structure.check(self._root, allows_sha1=expected.allows_sha1)
        _check_times(self._root, now)
        _check_signatures(self._raw, expected)
        _check_parties(self._root, assertion, expected)
        _check_conditions(assertion, expected, now)
        until = _confirmed_until(assertion, expected, now)
        name_id = _only(assertion, "saml:Subject/saml:NameID", "NameID")
        return Assertion(
            id=assertion.get("ID"),
            until=until + LEEWAY,
            subject=text_of(name_id),
            subject_format=name_id.get("Format", ""),
            attributes=_attributes(assertion),
        )


def _check_signatures(raw: bytes, expected: Expected) -> None:
    from lxml.etree import LxmlError
    from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
    from onelogin.saml2.response import OneLogin_Saml2_Response
    from onelogin.saml2.settings import OneLogin_Saml2_Settings
    from xmlsec import Error as XmlSecError

    acs = urlsplit(expected.us.acs_url)
    is_https = "on" if acs.scheme == "https" else "off"
    here = {"https": is_https, "http_host": acs.netloc, "script_name": acs.path}
    try:
        settings = OneLogin_Saml2_Settings(_settings(expected))
        answer = OneLogin_Saml2_Response(settings, base64.b64encode(raw).decode())
        answer.is_valid(here, expected.request_id or None, raise_exceptions=True)
    except (OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError, LxmlError, XmlSecError) as error:
        told = "".join(char for char in str(error) if char.isprintable())[:300]
        msg = f"the response does not hold: {told}"
        raise SamlRefused(msg) from error


def _settings(expected: Expected) -> dict[str, Any]:
    idp, us = expected.idp, expected.us
    return {
        "strict": True,
        "sp": {"entityId": us.entity_id, "assertionConsumerService": {"url": us.acs_url}},
        "idp": {
            "entityId": idp.entity_id,
            "singleSignOnService": {"url": idp.sign_in_url},
            "x509certMulti": {"signing": list(idp.certificates)},
        },
        "security": {
            "rejectDeprecatedAlgorithm": not expected.allows_sha1,
            "wantAttributeStatement": False,
            "allowRepeatAttributeName": True,
            "allowSingleLabelDomains": True,
        },
    }


def _check_times(root: Any, now: datetime) -> None:  # noqa: ANN401 - an element of lxml, which has no types
    for name in ("IssueInstant", "NotBefore", "NotOnOrAfter", "SessionNotOnOrAfter", "AuthnInstant"):
        for element in root.xpath(f"//*[@{name}]"):
            _time(element, name, now)


def _check_parties(root: Any, assertion: Any, expected: Expected) -> None:  # noqa: ANN401 - elements of lxml
    if text_of(_only(assertion, "saml:Issuer", "Issuer")) != expected.idp.entity_id:
        msg = "the assertion is another identity provider's"
        raise SamlRefused(msg)
    if any(text_of(one) != expected.idp.entity_id for one in root.xpath("saml:Issuer", namespaces=NAMES)):
        msg = "the response is another identity provider's"
        raise SamlRefused(msg)
    if root.get("Destination", expected.us.acs_url) != expected.us.acs_url:
        msg = f"the response is meant for another address: it must go to {expected.us.acs_url}"
        raise SamlRefused(msg)
    if root.get("InResponseTo", "") != expected.request_id:
        msg = "the response answers another request than the one that this browser made here"
        raise SamlRefused(msg)


def _check_conditions(assertion: Any, expected: Expected, now: datetime) -> None:  # noqa: ANN401 - as above
    conditions = _only(assertion, "saml:Conditions", "Conditions")
    restrictions = conditions.xpath("saml:AudienceRestriction", namespaces=NAMES)
    audiences = [
        {text_of(one) for one in each.xpath("saml:Audience", namespaces=NAMES)} for each in restrictions
    ]
    if not audiences or any(expected.us.entity_id not in each for each in audiences):
        msg = f"the assertion is for another audience: ours is {expected.us.entity_id}"
        raise SamlRefused(msg)
    if (
        _time(assertion, "IssueInstant", now) > now + LEEWAY
        or _time(conditions, "NotBefore", now) > now + LEEWAY
    ):
        msg = "the assertion begins in the future: does the identity provider's clock run ahead?"
        raise SamlRefused(msg)
    if _time(conditions, "NotOnOrAfter", now + LEEWAY) <= now - LEEWAY:
        msg = "the assertion has expired: sign in again"
        raise SamlRefused(msg)


def _confirmed_until(assertion: Any, expected: Expected, now: datetime) -> datetime:  # noqa: ANN401 - as above
    """As SAML profiles, section 4.1.4.3 wants it: for this address and this request, with an end.

    The latest end of several, for so long the assertion could come again.
    """
    found = []
    path = "saml:Subject/saml:SubjectConfirmation[@Method=$bearer]/saml:SubjectConfirmationData"
    for data in assertion.xpath(path, namespaces=NAMES, bearer=_BEARER):
        until = _time(data, "NotOnOrAfter", datetime.min.replace(tzinfo=UTC))
        is_ours = data.get("Recipient") == expected.us.acs_url
        is_asked = data.get("InResponseTo", "") == expected.request_id
        if is_ours and is_asked and until > now - LEEWAY and _time(data, "NotBefore", now) <= now + LEEWAY:
            found.append(until)
    if not found:
        msg = "the assertion's subject is not confirmed for this address and request, or no longer"
        raise SamlRefused(msg)
    if max(found) > now + _LONGEST:
        msg = "the assertion counts for longer than a day (NotOnOrAfter): the identity provider must say less"
        raise SamlRefused(msg)
    return max(found)


def _attributes(assertion: Any) -> dict[str, tuple[str, ...]]:  # noqa: ANN401 - as above
    found: dict[str, tuple[str, ...]] = {}
    for one in assertion.xpath("saml:AttributeStatement/saml:Attribute", namespaces=NAMES):
        values = one.xpath("saml:AttributeValue[not(*)]", namespaces=NAMES)
        name = one.get("Name", "")
        found[name] = found.get(name, ()) + tuple(text for value in values if (text := text_of(value)))
    return found


def _only(parent: Any, path: str, what: str) -> Any:  # noqa: ANN401 - as above
    found = parent.xpath(path, namespaces=NAMES)
    if len(found) != 1:
        msg = f"the assertion has {len(found)} of {what} instead of one"
        raise SamlRefused(msg)
    return found[0]


def _time(element: Any, name: str, otherwise: datetime) -> datetime:  # noqa: ANN401 - as above
    """Always UTC (SAML core, section 1.3.3); to the second."""
    text = element.get(name)
    if text is None:
        return otherwise
    matched = _TIME.fullmatch(text)
    try:
        return datetime.fromisoformat(f"{matched.group(1) if matched else ''}+00:00")
    except ValueError as error:
        msg = f"{name} is not a time in UTC"
        raise SamlRefused(msg) from error
