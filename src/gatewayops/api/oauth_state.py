"""What the OAuth routes share in a process, and the server that a request is about.

The server is found by its slug in the path; addresses are those that the settings say. Of the Host that the
gateway passes on only one thing counts: whether it is the server's own, and so which form the answer has.
"""

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from fastapi import Depends, Path, Request

from gatewayops.api.oauth_keys import SigningKeys
from gatewayops.api.oauth_look import Look
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.identity.oauth.attempts import Attempts
from gatewayops.identity.oauth.passwords import Passwords
from gatewayops.store.control import oauth_servers
from gatewayops.store.control.oauth_clients import Client
from gatewayops.store.control.oauth_servers import ProtectedServer
from gatewayops.upstream.federation.relying_party import RelyingParty

Slug = Annotated[str, Path(pattern="^[a-z0-9-]{1,128}$")]


class OAuthState:
    """One an app. Attempts are counted in this process only."""

    def __init__(self, parts: ControlParts) -> None:
        """Nothing is read yet."""
        self.servers: dict[str, tuple[int, ProtectedServer]] = {}  # by slug, and at which revision
        self.clients: dict[tuple[str, str], tuple[int, Client]] = {}  # by server and client_id, likewise
        self.keys = SigningKeys(parts.database, parts.credentials)
        self.passwords = Passwords()
        self.party = RelyingParty()
        self.key_sets: dict[str, tuple[str, float]] = {}  # of clients, by address, until when
        self.by_person_and_address = Attempts(10, window_s=60)
        self.by_address = Attempts(60, window_s=60)
        self.by_person = Attempts(100, window_s=300)
        self.leaving = Attempts(60, window_s=60)  # to sign-in providers, by address
        self.registrations = Attempts(30, window_s=60)
        self.new_keys = Attempts(1, window_s=60)  # of issuers whose kept ones signed nothing that came
        self.codes_by_address = Attempts(10, window_s=60)  # wrong codes of devices
        self.codes = Attempts(100, window_s=60)
        self.mails_to_person = Attempts(3, window_s=900)
        self.mails_from_address = Attempts(20, window_s=900)
        self.documents = Attempts(60, window_s=60)


class Here(msgspec.Struct, frozen=True):
    """The protected server of a request, with its addresses."""

    server: ProtectedServer
    issuer: str
    resource: str
    revision: int  # of the rules, when the request began; 0 while nobody watches them

    @property
    def look(self) -> Look:
        """Of its pages."""
        branding = self.server.branding
        path = f"{urlsplit(self.issuer).path}/logo/{branding.logo_sha256}"
        logo_url = path if branding.logo_sha256 else ""
        return Look(self.server.name, self.resource, branding, logo_url)


async def protected_server(slug: Slug, request: Request, parts: Parts) -> Here:
    """A dependency; raises NotFound. What needs it is open to end users and their clients.

    The server is as it was when the revision rose last, which the watch sees within a fifth of a second.
    """
    servers, watch = request.app.state.oauth.servers, request.app.state.watch
    kept_at, server = servers.get(slug, (0, None))
    revision = watch.revision  # before the look: what is kept is never older than it says
    if server is None or kept_at != revision:
        async with parts.database.reading() as session:
            server = await oauth_servers.by_slug(session, slug=slug)
        if revision > 0:
            servers[slug] = revision, server
    site = parts.site
    at_host = site.is_host_of(request.headers.get("x-forwarded-host", ""), slug)
    addresses = site.addresses(slug, at_host=at_host)
    here = Here(server=server, issuer=addresses.issuer, resource=addresses.resource, revision=revision)
    request.state.look = here.look  # for a page about a fault
    return here


async def _state(request: Request) -> OAuthState:
    state = request.app.state.oauth
    assert isinstance(state, OAuthState)
    return state


AtServer = Annotated[Here, Depends(protected_server)]
State = Annotated[OAuthState, Depends(_state)]
