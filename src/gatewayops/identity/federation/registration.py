"""Registration: what we know of a provider at which people sign in, whoever configured it."""

from enum import StrEnum

import msgspec

GOOGLE_ISSUER = "https://accounts.google.com"
GITHUB_URL = "https://github.com"


class Kind(StrEnum):
    """How a provider is spoken to; saml is another protocol and has its own module."""

    GOOGLE = "google"
    GITHUB = "github"
    OIDC = "oidc"
    SAML = "saml"


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """Us as a client of a provider.

    `issuer` is byte for byte what the provider calls itself; for GitHub it is the address of its pages
    (https://github.com, or of an Enterprise Server). `allows_private` lets it be in a private network.
    """

    kind: Kind
    client_id: str
    client_secret: str = ""  # empty: a public client, which PKCE alone protects
    issuer: str = ""
    scopes: tuple[str, ...] = ()  # empty: what the kind usually needs
    groups_claim: str = "groups"
    allows_private: bool = False

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Registration({self.kind}, {self.address}, {self.client_id})"

    @property
    def address(self) -> str:
        """The issuer, or the kind's own."""
        preset = {Kind.GOOGLE: GOOGLE_ISSUER, Kind.GITHUB: GITHUB_URL}
        return self.issuer or preset.get(self.kind, "")

    @property
    def scope(self) -> str:
        """What is asked for, as one text."""
        usual = ("read:user", "user:email") if self.kind is Kind.GITHUB else ("openid", "email", "profile")
        return " ".join(self.scopes or usual)
