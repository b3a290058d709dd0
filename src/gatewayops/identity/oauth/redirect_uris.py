"""Redirect URIs: which may be registered, and when a given one is a registered one.

Given URIs must be registered ones character by character; only the port of http on loopback is free, as
native apps take whichever they get (RFC 8252, 7.3). Schemes of apps (`cursor://…`) may be registered.
"""

import re
from ipaddress import IPv4Address
from urllib.parse import urlsplit

from gatewayops.identity.oauth.refusals import OAuthRefused

MAX_URIS = 20
_MAX_LENGTH = 2048
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_BROKEN = re.compile(r"[\\<>\"'`{}|^]")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_NUMBER_AT_END = re.compile(r"(?:^|\.)(?:\d+|0[xX][0-9A-Fa-f]*)$")
_APP_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_HIDDEN = re.compile(r"%(?![0-9A-Fa-f]{2})|%(0[0-9A-Fa-f]|1[0-9A-Fa-f]|7[Ff]|2[EeFf]|5[Cc]|40|23|25)")
_LOOPBACK = re.compile(r"(http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::(\d{1,5}))?((?:[/?].*)?)")
_DANGEROUS = frozenset(
    (
        *("javascript", "data", "vbscript", "blob", "about", "file", "filesystem", "view-source", "ftp"),
        *("ws", "wss", "mailto", "tel", "sms", "jar", "intent", "ms-appinstaller", "search-ms", "shell"),
        *("chrome", "chrome-extension", "moz-extension", "resource", "res", "wyciwyg", "cid", "mid"),
    )
)


def check(uri: str) -> None:
    """Raises OAuthRefused (invalid_redirect_uri) for what may not be registered."""
    if fault := _fault(uri):
        msg = f"redirect_uris: {fault}"
        raise OAuthRefused("invalid_redirect_uri", msg)


def matches(registered: tuple[str, ...], given: str) -> bool:
    """Whether the given one is registered."""
    if given in registered:
        return True
    wanted = _without_port(given)
    return wanted is not None and any(_without_port(one) == wanted for one in registered)


def is_loopback(uri: str) -> bool:
    """Whether any program on the person's machine may receive what is sent there."""
    return _LOOPBACK.fullmatch(uri) is not None


def is_web(uri: str) -> bool:
    """Whether it names a host that a certificate vouches for."""
    return uri.startswith("https://")


def shown(uri: str) -> str:
    """What to tell a person about where an approval is sent: a host, or an app's scheme."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("http", "https") else f"the app that opens {parts.scheme}: links"


def _without_port(uri: str) -> tuple[str, str] | None:
    found = _LOOPBACK.fullmatch(uri)
    if found is None or not _is_port(found.group(2)):
        return None
    return found.group(1), found.group(3)


def _is_port(text: str | None) -> bool:
    return text is None or 0 < int(text) <= 65535


def _fault(uri: str) -> str:
    if len(uri) > _MAX_LENGTH or not _VISIBLE.fullmatch(uri) or _BROKEN.search(uri):
        return f"at most {_MAX_LENGTH} visible ASCII characters that an address may have"
    if "#" in uri:
        return "no fragment"
    if _HIDDEN.search(uri):
        return (
            "nothing hidden by percent-encoding: control characters, dots, slashes, @, # and % stand plainly"
        )
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "host or port cannot be read"
    if "@" in parts.netloc or port == 0 or {".", ".."} & set(parts.path.split("/")):
        return "no user name or password, no port 0, no . or .. in the path"
    return _scheme_fault(uri, parts.scheme, parts.netloc)


def _scheme_fault(uri: str, scheme: str, netloc: str) -> str:
    if not uri.startswith(f"{scheme}:"):
        return "the scheme in lower case"
    if scheme == "http":
        return "" if is_loopback(uri) else "http only for localhost, 127.0.0.1 and [::1]; others need https"
    if scheme == "https":
        is_host = _is_host(re.sub(r":\d{1,5}$", "", netloc))
        return "" if is_host else "https needs a host name or an address"
    is_odd = "[" in netloc or "]" in netloc  # no app has such an address, and readers differ on it
    if not _APP_SCHEME.fullmatch(scheme) or scheme in _DANGEROUS or len(uri) <= len(scheme) + 1 or is_odd:
        return "https, http on loopback, or the scheme of an app"
    return ""


def _is_host(text: str) -> bool:
    """A host that ends in a number is an address to a browser, `127.1` is 127.0.0.1 (WHATWG URL, 3.5)."""
    if not _HOST.fullmatch(text) or ".." in text:
        return False
    try:
        return not _NUMBER_AT_END.search(text) or bool(IPv4Address(text))
    except ValueError:
        return False
