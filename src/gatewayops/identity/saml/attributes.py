"""Who an assertion is about: each identity provider has names of its own for the same few things.

What the provider's settings name is taken, and nothing else in its place; where they name nothing, the names
that Okta, Entra ID, Google Workspace and the eduPerson schemas use are tried in order.
"""

from collections.abc import Mapping

import msgspec

from gatewayops.identity.federation import claims
from gatewayops.identity.saml.parties import SamlRefused
from gatewayops.identity.saml.responses import Assertion
from gatewayops.store.external_identity import ExternalIdentity

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_ENTRA = "http://schemas.microsoft.com"
_EMAILS = (
    "email",
    "mail",
    "emailAddress",
    "Email",
    f"{_CLAIMS}/emailaddress",
    "urn:oid:0.9.2342.19200300.100.1.3",
)
_NAMES = (
    ("displayName",),
    (f"{_ENTRA}/identity/claims/displayname",),
    ("urn:oid:2.16.840.1.113730.3.1.241",),
    ("firstName", "lastName"),
    (f"{_CLAIMS}/givenname", f"{_CLAIMS}/surname"),
)
_GROUPS = (
    "groups",
    "memberOf",
    f"{_ENTRA}/ws/2008/06/identity/claims/groups",
    "http://schemas.xmlsoap.org/claims/Group",
)
_LONGEST_SUBJECT = 255
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"


class AttributeNames(msgspec.Struct, frozen=True):
    """Which attributes to read; empty: those that are usual. Several of `name` are put together."""

    subject: str = ""
    email: str = ""
    name: tuple[str, ...] = ()
    groups: str = ""


def identity_of(assertion: Assertion, names: AttributeNames, *, issuer: str) -> ExternalIdentity:
    """Raises SamlRefused for one without a lasting name, who would be another person at each sign-in.

    That an address is verified is not said: nothing in SAML says it. Who admits knows the provider's domains.
    """
    given = assertion.attributes
    subject = _first(given, (names.subject,)) if names.subject else assertion.subject
    is_passing = not names.subject and assertion.subject_format == _TRANSIENT
    if not 0 < len(subject) <= _LONGEST_SUBJECT or is_passing:
        msg = (
            "the assertion has no lasting name for the person: set NameID to persistent or emailAddress there"
        )
        raise SamlRefused(msg)
    email = _first(given, (names.email,) if names.email else _EMAILS)
    groups = (names.groups,) if names.groups else _GROUPS
    return ExternalIdentity(
        issuer=issuer,
        subject=subject,
        email=claims.address(email or ("" if names.email else assertion.subject)),
        name=claims.name(_name(given, (names.name,) if names.name else _NAMES)),
        groups=claims.groups(next((given[one] for one in groups if given.get(one)), ())),
    )


def _first(given: Mapping[str, tuple[str, ...]], names: tuple[str, ...]) -> str:
    return next((given[name][0] for name in names if given.get(name)), "")


def _name(given: Mapping[str, tuple[str, ...]], names: tuple[tuple[str, ...], ...]) -> str:
    whole = (" ".join(filter(None, (_first(given, (part,)) for part in parts))) for parts in names)
    return next(filter(None, whole), "")
