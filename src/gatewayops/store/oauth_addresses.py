"""The addresses of a protected server, in one place: tokens, metadata and challenges agree to the byte."""

METADATA = "/.well-known/oauth-protected-resource"


def issuer(public_url: str, slug: str) -> str:
    """Who signs tokens for the server; no slash at the end."""
    return f"{public_url.rstrip('/')}/oauth/{slug}"


def resource(public_url: str, slug: str) -> str:
    """The server as clients know it: the audience of its tokens."""
    return f"{public_url.rstrip('/')}/v1/mcp/{slug}"


def metadata(public_url: str, slug: str) -> str:
    """Where its protected resource metadata is (RFC 9728, section 3.1)."""
    return f"{public_url.rstrip('/')}{METADATA}/v1/mcp/{slug}"
