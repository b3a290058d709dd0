"""The addresses of a protected server, in one place: tokens, metadata and challenges agree to the byte.

A server has up to two forms of them: below the installation's own address, and at a host of its own below
the domain of the settings. Each form is complete; a token of one is no good at the other.
"""

import re
from urllib.parse import urlsplit

import msgspec

METADATA = "/.well-known/oauth-protected-resource"
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Addresses(msgspec.Struct, frozen=True):
    """Of one server in one form; no slash at an end.

    `issuer` signs its tokens, `resource` is the server as clients know it and the audience of its tokens, at
    `metadata` is what RFC 9728 (section 3.1) says of it.
    """

    issuer: str
    resource: str
    metadata: str


class Site(msgspec.Struct, frozen=True):
    """Where an installation's servers are found; an empty `domain` gives them no hosts of their own."""

    public_url: str
    domain: str = ""

    def addresses(self, slug: str, *, at_host: bool) -> Addresses:
        """In the form that a client used."""
        if at_host:
            base = self._base(slug)
            return Addresses(base, f"{base}/mcp", f"{base}{METADATA}/mcp")
        url = self.public_url
        return Addresses(issuer(url, slug), resource(url, slug), metadata(url, slug))

    def forms(self, slug: str) -> tuple[Addresses, ...]:
        """All that a client may use."""
        has_host = bool(self.domain) and is_label(slug)
        return tuple(self.addresses(slug, at_host=at_host) for at_host in sorted({False, has_host}))

    def address(self, slug: str) -> str:
        """What to give to people: at a host of its own where there are such."""
        return self._shown(slug).resource

    def issuer(self, slug: str) -> str:
        """Of that address."""
        return self._shown(slug).issuer

    def is_host_of(self, host: str, slug: str) -> bool:
        """Whether a Host header's value, with or without its port, is the server's own host."""
        name = host.lower().partition(":")[0]
        return bool(self.domain) and name == f"{slug}.{self.domain}"

    def _shown(self, slug: str) -> Addresses:
        return self.addresses(slug, at_host=bool(self.domain) and is_label(slug))

    def _base(self, slug: str) -> str:
        parts = urlsplit(self.public_url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{slug}.{self.domain}{port}"


def is_label(slug: str) -> bool:
    """Whether it can stand in a host's name (RFC 1123, 2.1)."""
    return _LABEL.fullmatch(slug) is not None


def issuer(public_url: str, slug: str) -> str:
    """Who signs tokens for the server, by path."""
    return f"{public_url.rstrip('/')}/oauth/{slug}"


def resource(public_url: str, slug: str) -> str:
    """The server by path."""
    return f"{public_url.rstrip('/')}/v1/mcp/{slug}"


def metadata(public_url: str, slug: str) -> str:
    """Where its protected resource metadata is, by path."""
    return f"{public_url.rstrip('/')}{METADATA}/v1/mcp/{slug}"
