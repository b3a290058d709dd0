"""From a provider's claims to an ExternalIdentity. Pure, and sceptical: of wrong types nothing is taken."""

import re
from collections.abc import Mapping
from typing import Any

from gatewayops.identity.federation.registration import Kind, Registration
from gatewayops.store.external_identity import ExternalIdentity

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}")
_MAX_TEXT = 255
_MAX_GROUPS = 1_000


def identity(claims: Mapping[str, Any], registration: Registration, *, issuer: str) -> ExternalIdentity:
    """`claims` are verified ones, with a `sub`."""
    email = address(claims.get("email"))
    is_verified = claims.get("email_verified") in (True, "true")  # some providers send it as text
    if registration.kind is Kind.GOOGLE:
        is_verified = is_verified and _is_google_s_own(email, claims)
    return ExternalIdentity(
        issuer=issuer,
        subject=claims["sub"],
        email=email,
        email_verified=bool(email) and is_verified,
        name=name(claims.get("name")),
        groups=groups(claims.get(registration.groups_claim)),
    )


def lacks(claims: Mapping[str, Any], registration: Registration) -> bool:
    """Whether the userinfo endpoint may know more than this."""
    return not {"email", registration.groups_claim} <= claims.keys()


def merged(token: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """What the ID token says comes first; an address and its `email_verified` are from one and the same."""
    said = token if "email" in token else userinfo
    return {**userinfo, **token, "email_verified": said.get("email_verified")}


def address(value: object) -> str:
    """An e-mail address in lower case; empty for what is none.

    The Kelvin sign becomes a plain k: that would be the address of somebody else.
    """
    given = value if isinstance(value, str) else ""
    text = given.lower()
    return text if _EMAIL.fullmatch(text) and text.isascii() == given.isascii() else ""


def name(value: object) -> str:
    """A person's name, for showing."""
    return "".join(char for char in value if char.isprintable())[:_MAX_TEXT] if isinstance(value, str) else ""


def groups(value: object) -> tuple[str, ...]:
    """A list of texts, or one text."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple):
        return ()
    texts = (each for each in listed if isinstance(each, str) and 0 < len(each) <= _MAX_TEXT)
    return tuple(dict.fromkeys(texts))[:_MAX_GROUPS]


def _is_google_s_own(email: str, claims: Mapping[str, Any]) -> bool:
    """Google speaks for Gmail and for the domains of its Workspace customers (`hd`), and for no other."""
    domain = email.rpartition("@")[2]
    return domain == "gmail.com" or (bool(domain) and claims.get("hd") == domain)
