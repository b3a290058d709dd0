"""Settings of the OAuth servers of protected servers."""

import re
from urllib.parse import urlsplit

import msgspec

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z][a-z0-9-]{0,61}[a-z0-9]")


class OAuthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Empty `domain`: servers are found below `gateway.public_url` only."""

    domain: str = ""  # mcp.example.com: each server has a host of its own, https://<slug>.mcp.example.com

    def __post_init__(self) -> None:
        """Raises ValueError for what is no domain in lower case."""
        if self.domain and (len(self.domain) > 180 or not _DOMAIN.fullmatch(self.domain)):
            msg = "domain: a name in lower case such as mcp.example.com, without a scheme, a port or a star"
            raise ValueError(msg)

    def fault_beside(self, hosts: tuple[str, ...], public_url: str) -> str:
        """What is wrong with the domain beside the gateway's own names; empty if nothing.

        A name of ours that is also a server's would put that server on one origin with the API.
        """
        own = [*hosts, urlsplit(public_url).netloc]
        names = (host.lower().partition(":")[0] for host in own)
        for name in names:
            if self.domain and name.endswith(f".{self.domain}"):
                return (
                    f"domain: {name}, a name of the gateway's own, is below it; choose one for servers only"
                )
        return ""
