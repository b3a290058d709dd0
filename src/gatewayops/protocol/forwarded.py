"""Whom a proxy forwards: `X-Forwarded-For`, believed only as far as trusted proxies wrote it.

Each proxy adds, at the right, who connected to it; all that is left of the first untrusted address is what
that client claimed, and counts nothing. Pure.
"""

import ipaddress
from collections.abc import Iterable

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TrustedProxies:
    """The networks whose word counts; false when there are none."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Raises ValueError for what is neither an address nor a network such as 10.0.0.0/8."""
        self._networks: tuple[_Network, ...] = tuple(map(_network, networks))

    def __bool__(self) -> bool:
        """Whether anybody is trusted."""
        return bool(self._networks)

    def trusts(self, address: str) -> bool:
        """Whether this is one of them."""
        found = _parsed(address) if self._networks else None
        return found is not None and any(found in network for network in self._networks)

    def client(self, peer: str, said: Iterable[str]) -> str:
        """The nearest address that is none of ours; `said` are the headers that a trusted `peer` sent."""
        found = peer
        for one in reversed(",".join(said).split(",")):
            address = _parsed(one)
            if address is None:
                break
            found = str(address)
            if not self.trusts(found):
                break
        return found


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        msg = f"trusted_proxies: {text[:50]!r} is no address or network such as 10.0.0.0/8"
        raise ValueError(msg) from error


def _parsed(text: str) -> _Address | None:
    """An address, with or without a port; None for anything else."""
    plain = text.strip()
    if plain.startswith("["):
        plain = plain[1:].partition("]")[0]
    elif plain.count(":") == 1:
        plain = plain.partition(":")[0]
    try:
        found = ipaddress.ip_address(plain)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
