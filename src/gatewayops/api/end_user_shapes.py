"""The bodies of `/v1/end-users` and of the clients of a server."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from gatewayops.api.shapes import Body, Email, LateShape, Listed, Name, Ref, Scope
from gatewayops.identity.oauth.grant_types import DEFAULT, PERSONAL, TRUSTED
from gatewayops.identity.oauth.passwords import MIN_LENGTH
from gatewayops.store.control.end_users import BrowserSession, EndUser
from gatewayops.store.control.oauth_clients import Client, Consent

GrantType = Annotated[str, Field(json_schema_extra={"enum": [*PERSONAL, *TRUSTED]}, max_length=64)]
Password = Annotated[SecretStr, Field(min_length=MIN_LENGTH, max_length=256)]


class NewEndUser(Body):
    """Somebody who may sign in to the organisation's protected servers with this password.

    `email_verified`: you vouch for the address; else they must show that it is theirs, where servers want it.
    """

    email: Email
    name: Ref = ""
    password: Password
    email_verified: bool = True


class EndUserChange(Body):
    """`enabled: false` ends all sessions and tokens within a second, and so does a new password.

    With `email_verified` you vouch for the address.
    """

    enabled: bool | None = None
    password: Password | None = None
    email_verified: Literal[True] | None = None


class EndUserBody(LateShape):
    """An end user."""

    id: str
    email: str
    name: str
    enabled: bool
    email_verified: bool
    created_at: datetime
    signed_in_at: datetime | None


class SessionBody(LateShape):
    """A browser that is signed in."""

    id: str
    server_id: str
    address: str
    user_agent: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime


class ConsentBody(LateShape):
    """What an end user allowed a client at a server."""

    id: str
    server_id: str
    client_id: str
    client_name: str
    scopes: list[str]
    created_at: datetime


class NewClient(Body):
    """A client that you register yourself, such as your own app; its secret is shown once.

    `client_credentials` and token exchange ask no person: only clients with a secret or a key get them, and
    only here. Without `scopes` a client may ask for all that the server offers.
    """

    name: Name
    redirect_uris: list[str] = Field(default=[], max_length=20)
    auth_method: Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"] = (
        "client_secret_basic"
    )
    grant_types: list[GrantType] = Field(default=list(DEFAULT), min_length=1, max_length=10)
    scopes: list[Scope] = Field(default=[], max_length=50)
    jwks: dict[str, Any] | None = None
    jwks_uri: Ref = ""


class ClientBody(LateShape):
    """A client of a server. `kind`: registered by you, dynamic (by itself), document (at its address)."""

    id: str
    client_id: str
    kind: str
    name: str
    redirect_uris: list[str]
    auth_method: str
    grant_types: list[str]
    scopes: list[str]
    enabled: bool
    created_at: datetime


class NewClientBody(ClientBody):
    """A client just made, with the secret if it has one."""

    secret: str | None


class OneEndUser(LateShape):
    """The answer about one."""

    end_user: EndUserBody


class EndUserList(Listed):
    """A page of end users."""

    end_users: list[EndUserBody]


class SessionList(Listed):
    """A page of sessions."""

    sessions: list[SessionBody]


class ConsentList(Listed):
    """A page of consents."""

    consents: list[ConsentBody]


class OneNewClient(LateShape):
    """The answer to a registration."""

    client: NewClientBody


class ClientList(Listed):
    """A page of clients."""

    clients: list[ClientBody]


def end_user_body(user: EndUser) -> EndUserBody:
    """As the API shows one."""
    return EndUserBody(
        id=user.id,
        email=user.email,
        name=user.name,
        enabled=user.disabled_at is None,
        email_verified=user.email_verified_at is not None,
        created_at=user.created_at,
        signed_in_at=user.signed_in_at,
    )


def session_body(session: BrowserSession) -> SessionBody:
    """As the API shows one."""
    return SessionBody(**{name: getattr(session, name) for name in SessionBody.model_fields})


def consent_body(consent: Consent) -> ConsentBody:
    """As the API shows one."""
    return ConsentBody(
        id=consent.id,
        server_id=consent.server_id,
        client_id=consent.client_id,
        client_name=consent.client_name,
        scopes=consent.scope.split(),
        created_at=consent.created_at,
    )


def client_body(client: Client) -> ClientBody:
    """As the API shows one."""
    return ClientBody(
        id=client.id,
        client_id=client.client_id,
        kind=client.kind,
        name=client.spec.name,
        redirect_uris=list(client.spec.redirect_uris),
        auth_method=client.spec.auth_method,
        grant_types=list(client.spec.grant_types),
        scopes=client.spec.scope.split(),
        enabled=client.disabled_at is None,
        created_at=client.created_at,
    )
