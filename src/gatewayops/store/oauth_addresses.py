"""The addresses of a protected server, in one place: tokens, metadata and challenges agree to the byte."""


def issuer(public_url: str, slug: str) -> str:
    """Who signs tokens for the server; no slash at the end."""
    return f"{public_url.rstrip('/')}/oauth/{slug}"


def resource(public_url: str, slug: str) -> str:
    """The server as clients know it: the audience of its tokens."""
    return f"{public_url.rstrip('/')}/v1/mcp/{slug}"
