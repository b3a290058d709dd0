"""Where the gateway may connect to: refuses addresses through which a server URL could reach inside.

The rule is applied to every address that a name resolves to, after resolving, so that odd spellings
(`2130706433`, `0x7f.1`) and names that point inward are caught. Connect to what `resolve` returned,
never to the name again (DNS rebinding). Tables: IANA special-purpose registries (RFC 6890), RFC 6052
(NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
"""

import asyncio
import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from gatewayops.base.errors import InvalidInput, Reason, UpstreamError

_RESOLVE_S = 10.0
_MAX_URL = 2048
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\]")

# Refused even where private networks are allowed: they reach the machine's own link or its cloud's
# metadata, carry another address inside, or cannot be a server at all.
_NEVER_V4 = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "unspecified"),
        ("169.254.0.0/16", "link-local (cloud metadata)"),
        ("168.63.129.16/32", "cloud metadata"),
        ("100.100.100.200/32", "cloud metadata"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_PRIVATE_V4 = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("127.0.0.0/8", "loopback"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("100.64.0.0/10", "private (carrier-grade NAT)"),
    )
)
_NEVER_V6 = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/128", "unspecified"),
        ("fd00:ec2::254/128", "cloud metadata"),
        ("fd20:ce::254/128", "cloud metadata"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("2001::/23", "Teredo or reserved"),
        ("2001:db8::/32", "reserved for documentation"),
        ("3fff::/20", "reserved for documentation"),
        ("2002::/16", "6to4"),
    )
)
_PRIVATE_V6 = ((IPv6Network("::1/128"), "loopback"), (IPv6Network("fc00::/7"), "private"))
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_V6 = IPv6Network("2000::/3")


class AddressRefused(UpstreamError):
    """The server's address is one that the gateway does not connect to."""

    reason = Reason.UPSTREAM_ADDRESS


class AddressUnknown(UpstreamError):
    """The server's name does not resolve."""

    reason = Reason.UPSTREAM_UNREACHABLE


def check_url(url: str, *, field: str = "url") -> None:
    """Raises InvalidInput unless it is a plain http(s) URL: no user, no fragment, nothing unprintable.

    `field` is what the person who gave it calls it.
    """
    if fault := _fault(url):
        msg = f"{field}: {fault}"
        raise InvalidInput(msg, Reason.UPSTREAM_ADDRESS)


def _fault(url: str) -> str:
    if len(url) > _MAX_URL or _UNSAFE.search(url):
        return f"at most {_MAX_URL} visible ASCII characters, without backslashes"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "host or port cannot be read"
    host = parts.hostname or ""
    rules = (
        (parts.scheme in ("http", "https"), "begins with http:// or https://"),
        ("@" not in parts.netloc, "has no user name or password; send them as a header"),
        ("#" not in url, "has no fragment"),
        (port != 0, "port is 1 to 65535"),
        (
            bool(_HOST.fullmatch(host)) or _is_bracketed_v6(parts.netloc, host),
            "needs a host name or an address",
        ),
    )
    return next((fault for holds, fault in rules if not holds), "")


def _is_bracketed_v6(netloc: str, host: str) -> bool:
    try:
        return netloc.startswith("[") and isinstance(ip_address(host), IPv6Address) and "%" not in host
    except ValueError:
        return False


async def resolve(host: str, port: int, *, allows_private: bool) -> list[str]:
    """The addresses to connect to, in the system's order of preference, each one checked.

    One refused address refuses the name. Raises AddressRefused or AddressUnknown.
    """
    try:
        async with asyncio.timeout(_RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        msg = f"{host} does not resolve to an address"
        raise AddressUnknown(msg) from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    for address in addresses:
        if why := refusal(address, allows_private=allows_private):
            # not which: whoever names a host must not learn what our resolver knows of the inside
            what = "is" if host == address else "leads to an address that is"
            msg = f"{host} {what} {why}: the gateway does not connect there"
            raise AddressRefused(msg)
    return addresses


def refusal(ip: str, *, allows_private: bool) -> str | None:
    """Why this address is refused, such as `loopback`; None when it may be connected to."""
    try:
        address = ip_address(ip)
    except ValueError:
        return "not an address"
    if isinstance(address, IPv4Address):
        return _refusal_v4(address, allows_private=allows_private)
    return _refusal_v6(address, allows_private=allows_private)


def _refusal_v4(address: IPv4Address, *, allows_private: bool) -> str | None:
    for network, what in _NEVER_V4:
        if address in network:
            return what
    for network, what in _PRIVATE_V4:
        if address in network:
            return None if allows_private else what
    return None


def _refusal_v6(address: IPv6Address, *, allows_private: bool) -> str | None:
    if address.scope_id is not None:
        return "link-local"
    if address.ipv4_mapped is not None:
        return _refusal_v4(address.ipv4_mapped, allows_private=allows_private)
    if address in _NAT64:  # a public IPv4 server seen from an IPv6-only network
        why = _refusal_v4(IPv4Address(int(address) & 0xFFFFFFFF), allows_private=False)
        return f"NAT64 of an address that is {why}" if why else None
    for network, what in _NEVER_V6:
        if address in network:
            return what
    for network, what in _PRIVATE_V6:
        if address in network:
            return None if allows_private else what
    return None if address in _GLOBAL_V6 else "reserved"
