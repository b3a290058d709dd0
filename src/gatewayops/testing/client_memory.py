"""ClientMemory: where the official Python client keeps tokens and registration: a TokenStorage in memory."""

from mcp.shared.auth import OAuthClientInformationFull, OAuthToken


class ClientMemory:
    """Of one client; what it keeps can be looked at and replaced."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """None before the first sign-in."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """In place of those before."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """None before it registered."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """In place of what it was before."""
        self.client = client_info
