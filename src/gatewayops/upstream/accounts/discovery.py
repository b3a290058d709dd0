"""Where the users of an MCP server sign in: protected resource metadata (RFC 9728), then that of its
authorization server (RFC 8414 or OpenID Connect discovery), as MCP's authorization specification says.

Every address comes from strangers: it is asked through guarded_fetch, and checked before anybody is sent on.
"""

import asyncio
import re
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from gatewayops.base.errors import GatewayOpsError, UpstreamError
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream import guarded_fetch
from gatewayops.upstream.address import check_url
from gatewayops.upstream.registry import Upstream
from gatewayops.upstream.settings import UpstreamSettings

_ALL_S = 20.0
_RESOURCE = "/.well-known/oauth-protected-resource"
_SERVER, _PROVIDER = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
_PARAMETER = r'(?:^|[\s,]){}="((?:[^"\\]|\\.)*)"'
_HELLO = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
_T = TypeVar("_T")
_ACCEPT = [(b"accept", b"application/json, text/event-stream")]


class SignInImpossible(UpstreamError):
    """The server does not say, or says wrongly, where its users sign in; the detail says what is missing."""


class SignInPlace(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization server, and for what to ask it. Empty addresses are those that it does not have."""

    resource: str
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str = ""
    revocation_endpoint: str = ""
    auth_methods: tuple[str, ...] = ("client_secret_basic",)
    scope: str = ""
    takes_documents: bool = False
    sends_iss: bool = False


class _Resource(msgspec.Struct, frozen=True):
    resource: str
    authorization_servers: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()


class _Server(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str = ""
    revocation_endpoint: str = ""
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    client_id_metadata_document_supported: bool = False
    authorization_response_iss_parameter_supported: bool = False


class _Challenge(msgspec.Struct, frozen=True):
    metadata: str = ""
    scope: str = ""


async def discover(row: ServerRow, settings: UpstreamSettings, *, scopes: tuple[str, ...]) -> SignInPlace:
    """`scopes` are those to ask for; none: what the server names. Raises UpstreamError."""
    try:
        async with asyncio.timeout(_ALL_S):
            challenge = await _challenge(row, settings)
            resource = await _resource(row, challenge)
            server = await _server(row, resource.authorization_servers[0])
    except TimeoutError as error:
        msg = f"{row.name}: it took too long to find out where its users sign in"
        raise SignInImpossible(msg) from error
    return SignInPlace(
        resource=resource.resource,
        issuer=server.issuer,
        authorization_endpoint=server.authorization_endpoint,
        token_endpoint=server.token_endpoint,
        registration_endpoint=server.registration_endpoint,
        revocation_endpoint=server.revocation_endpoint,
        auth_methods=server.token_endpoint_auth_methods_supported,
        scope=_scope(scopes, challenge, resource, server),
        takes_documents=server.client_id_metadata_document_supported,
        sends_iss=server.authorization_response_iss_parameter_supported,
    )


def _scope(scopes: tuple[str, ...], challenge: _Challenge, resource: _Resource, server: _Server) -> str:
    """As the specification wants it; with `offline_access` where only that brings a refresh token."""
    wanted = list(scopes) or challenge.scope.split() or list(resource.scopes_supported)
    if "offline_access" in server.scopes_supported and "offline_access" not in wanted:
        wanted.append("offline_access")
    return " ".join(wanted)


async def _challenge(row: ServerRow, settings: UpstreamSettings) -> _Challenge:
    """What the server tells who comes without a token; nothing of ours is sent along."""
    upstream = Upstream(row, settings, headers={})
    try:
        exchange = await upstream.pool.send(upstream.request(b"POST", _ACCEPT, _HELLO))
        await exchange.answered
    finally:
        upstream.pool.close()
    said = exchange.header(b"www-authenticate").decode("latin-1") if exchange.status in (401, 403) else ""
    return _Challenge(metadata=_parameter(said, "resource_metadata"), scope=_parameter(said, "scope"))


def _parameter(said: str, name: str) -> str:
    found = re.search(_PARAMETER.format(name), said)
    return found.group(1) if found else ""


async def _resource(row: ServerRow, challenge: _Challenge) -> _Resource:
    at = urlsplit(row.url)
    tried = [challenge.metadata] if challenge.metadata else _inserted(row.url, _RESOURCE)
    found = await _first(row, list(dict.fromkeys(tried)), _Resource)
    if found is None or not found.authorization_servers:
        msg = f"{row.name} does not say where its users sign in (RFC 9728: {at.netloc}{_RESOURCE}…)"
        raise SignInImpossible(msg)
    if not _covers(found.resource, row.url):
        msg = f"{row.name}: what it says of itself is about another address than {at.netloc}{at.path}"
        raise SignInImpossible(msg)
    return found


async def _server(row: ServerRow, issuer: str) -> _Server:
    check_url(issuer, field="authorization_servers")
    tried = [_inserted(issuer, _SERVER)[0], _inserted(issuer, _PROVIDER)[0]]
    tried.append(issuer.removesuffix("/") + _PROVIDER)
    found = await _first(row, list(dict.fromkeys(tried)), _Server)
    if found is None or found.issuer != issuer:
        where = urlsplit(issuer).netloc
        msg = f"{row.name}: its authorization server {where} does not describe itself (RFC 8414)"
        raise SignInImpossible(msg)
    if "S256" not in found.code_challenge_methods_supported:
        msg = f"{row.name}: its authorization server does not take PKCE with S256, which we need"
        raise SignInImpossible(msg)
    schemes = ("https://", "http://") if row.allows_private else ("https://",)
    for name in ("authorization", "token", "registration", "revocation"):
        address = getattr(found, f"{name}_endpoint")
        if address and not address.startswith(schemes):
            msg = f"{row.name}: the {name} endpoint of its authorization server does not begin with https://"
            raise SignInImpossible(msg)
        if address:
            check_url(address, field=f"{name}_endpoint")
    return found


async def _first(row: ServerRow, urls: list[str], kind: type[_T]) -> _T | None:
    """The first of these documents that is there. Raises SignInImpossible when that one is broken."""
    for url in urls:
        try:
            found = await guarded_fetch.fetch(url, allows_private=row.allows_private)
        except GatewayOpsError:
            continue
        try:
            return msgspec.convert(found.content, kind)
        except msgspec.ValidationError as error:
            msg = f"{row.name}: what {urlsplit(url).netloc} says of signing in cannot be used: {error}"
            raise SignInImpossible(msg) from error
    return None


def _inserted(url: str, well_known: str) -> list[str]:
    """With the path behind the well-known part (RFC 8414, section 3.1), then without it."""
    at = urlsplit(url)
    origin, path = f"{at.scheme}://{at.netloc}", at.path.rstrip("/")
    return [f"{origin}{well_known}{path}", f"{origin}{well_known}"]


def _covers(resource: str, url: str) -> bool:
    """Whether the resource is the URL, or a part of the same origin's paths that holds it."""
    of, at = urlsplit(resource), urlsplit(url)
    if (of.scheme, of.netloc.lower()) != (at.scheme, at.netloc.lower()) or of.query or of.fragment:
        return False
    return f"{at.path.rstrip('/')}/".startswith(f"{of.path.rstrip('/')}/")
