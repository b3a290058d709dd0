"""The bodies of `/v1/servers`."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from pydantic import AfterValidator, Field

from gatewayops.api.shapes import Body, LateShape, Listed
from gatewayops.store.control.servers import Server
from gatewayops.store.oauth_addresses import Site
from gatewayops.store.snapshot import ANY, Resilience
from gatewayops.upstream.breaker import State
from gatewayops.upstream.health import Seen

ServerName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Retries = Annotated[int, Field(ge=0, le=10)]
InFlight = Annotated[int, Field(ge=1, le=10_000)]
Backoff = Annotated[int, Field(ge=0, le=60_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Share = Annotated[int, Field(ge=1, le=100)]
Failures = Annotated[int, Field(ge=0, le=10_000)]
Probes = Annotated[int, Field(ge=1, le=100)]

Auth = Literal["api_key", "none", "platform_oauth"]
UpstreamAuth = Literal["none", "user_oauth"]


def _no_offline_access(scopes: list[str]) -> list[str]:
    if "offline_access" in scopes:
        msg = "offline_access is between a client and the authorization server; a server has none such"
        raise ValueError(msg)
    return list(dict.fromkeys(scopes))


Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,100}$")]  # RFC 6749, appendix A.4
Scopes = Annotated[list[Scope], Field(max_length=50), AfterValidator(_no_offline_access)]

_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?|[a-z][a-z0-9+.-]*-extension://[a-z0-9-]+"
)


def _origins(origins: list[str]) -> list[str]:
    for origin in origins:
        if origin != ANY and not _ORIGIN.fullmatch(origin):
            msg = "scheme, host and port as browsers write them, such as https://app.example.com, or *"
            raise ValueError(msg)
    return list(dict.fromkeys(origins))


Origins = Annotated[
    list[Annotated[str, Field(max_length=255)]], Field(max_length=50), AfterValidator(_origins)
]
Slug = Annotated[str, Field(max_length=63)]

_DEFAULT = Resilience()


class NewServer(Body):
    """`headers` go to the server with every call; their values are sealed and never come back.

    The waits between retries double from `retry_base_ms` up to `retry_max_ms`. The breaker opens when, within
    `breaker_window_s`, at least `breaker_failures` calls failed (0: never) and they are at least
    `breaker_percent` of the calls; after `breaker_open_s` it lets `breaker_probes` calls try. One key may
    have `caller_share_percent` of `max_in_flight`.

    `auth` says how callers are known: by a key of the organisation (`api_key`), also by access tokens of the
    server's own authorization server (`platform_oauth`), or not at all (`none`: anybody may call). With an
    access token a call needs all `oauth_scopes`; `allows_sign_up` lets end users make accounts, without
    `offers_password` they sign in only at the server's sign-in providers, and with `requires_verified_email`
    they get in with a password once they have shown that the address is theirs.

    `upstream_auth` says how the server knows who is behind a call: it does not, or each user connects an
    account of their own there (`user_oauth`), for `upstream_scopes` or, without any, for what it asks.
    `slug` names the server in addresses; the default is its name, where that is free. `allowed_origins` are
    those of web pages that may call, such as `https://inspector.example.com`, or `*` for any.
    """

    name: ServerName
    url: str
    timeout_s: Seconds = 30.0
    connect_timeout_s: Seconds = 5.0
    retries: Retries = 2
    max_in_flight: InFlight = 100
    headers: dict[str, str] = Field(default={})
    allow_private_network: bool = False
    auth: Auth = "api_key"
    oauth_scopes: Scopes = Field(default=[])
    allows_sign_up: bool = False
    offers_password: bool = True
    requires_verified_email: bool = True
    upstream_auth: UpstreamAuth = "none"
    upstream_scopes: Scopes = Field(default=[])
    slug: Slug | None = None
    allowed_origins: Origins = Field(default=[])
    retry_base_ms: Backoff = _DEFAULT.retry_base_ms
    retry_max_ms: Backoff = _DEFAULT.retry_max_ms
    retry_budget_percent: Percent = _DEFAULT.retry_budget_percent
    breaker_failures: Failures = _DEFAULT.breaker_failures
    breaker_percent: Share = _DEFAULT.breaker_percent
    breaker_window_s: Seconds = _DEFAULT.breaker_window_s
    breaker_open_s: Seconds = _DEFAULT.breaker_open_s
    breaker_probes: Probes = _DEFAULT.breaker_probes
    caller_share_percent: Share = _DEFAULT.caller_share_percent


class ServerChange(Body):
    """What is left out stays as it is; `headers` replaces all headers."""

    name: ServerName | None = None
    url: str | None = None
    timeout_s: Seconds | None = None
    connect_timeout_s: Seconds | None = None
    retries: Retries | None = None
    max_in_flight: InFlight | None = None
    headers: dict[str, str] | None = None
    allow_private_network: bool | None = None
    auth: Auth | None = None
    oauth_scopes: Scopes | None = None
    allows_sign_up: bool | None = None
    offers_password: bool | None = None
    requires_verified_email: bool | None = None
    upstream_auth: UpstreamAuth | None = None
    upstream_scopes: Scopes | None = None
    slug: Slug | None = None
    allowed_origins: Origins | None = None
    retry_base_ms: Backoff | None = None
    retry_max_ms: Backoff | None = None
    retry_budget_percent: Percent | None = None
    breaker_failures: Failures | None = None
    breaker_percent: Share | None = None
    breaker_window_s: Seconds | None = None
    breaker_open_s: Seconds | None = None
    breaker_probes: Probes | None = None
    caller_share_percent: Share | None = None


class Health(LateShape):
    """How the gateways see the server: the worst that any of `gateways` workers told in the last 45 seconds.

    `state` is closed (well), half_open (being tried again), open (calls are refused until `retry_at`), or
    unknown when no gateway told anything. `last_failure` is a reason, or `status 503`.
    """

    state: str
    gateways: int
    since: datetime | None = None
    retry_at: datetime | None = None
    last_failure: str | None = None
    openings: int = 0


class ServerBody(LateShape):
    """A server, with the names of its headers. `slug` is its name in addresses: clients use `address`."""

    id: str
    name: str
    slug: str
    address: str
    auth: str
    oauth_scopes: list[str]
    allows_sign_up: bool
    offers_password: bool
    requires_verified_email: bool
    upstream_auth: str
    upstream_scopes: list[str]
    allowed_origins: list[str]
    url: str
    timeout_s: float
    connect_timeout_s: float
    retries: int
    max_in_flight: int
    header_names: list[str]
    allow_private_network: bool
    retry_base_ms: int
    retry_max_ms: int
    retry_budget_percent: int
    breaker_failures: int
    breaker_percent: int
    breaker_window_s: float
    breaker_open_s: float
    breaker_probes: int
    caller_share_percent: int
    health: Health
    created_at: datetime
    updated_at: datetime


class OneServer(LateShape):
    """The answer about one server."""

    server: ServerBody


class ServerList(Listed):
    """A page of servers."""

    servers: list[ServerBody]


class Tested(LateShape):
    """What a first conversation with the server showed; `error` says why when it is not ok."""

    ok: bool
    era: str | None = None
    server_name: str | None = None
    server_version: str | None = None
    tools: list[str] = Field(default=[])
    latency_ms: float | None = None
    error: str | None = None


def server_body(server: Server, seen: Seen, site: Site) -> ServerBody:
    """A server and what is known of its health; `site` says where clients find it."""
    spec = msgspec.structs.asdict(server.spec)
    return ServerBody(
        id=server.id,
        slug=server.slug,
        address=site.address(server.slug),
        allow_private_network=spec.pop("allows_private"),
        header_names=list(server.headers.names),
        health=_health(seen),
        created_at=server.created_at,
        updated_at=server.updated_at,
        **spec,
    )


def _health(seen: Seen) -> Health:
    worst = seen.worst
    if worst is None:
        state = State.CLOSED.value if seen.gateways else "unknown"
        return Health(state=state, gateways=seen.gateways)
    return Health(
        state=worst.state.value,
        gateways=seen.gateways,
        since=datetime.fromtimestamp(worst.since, UTC),
        retry_at=datetime.fromtimestamp(worst.retry_at, UTC) if worst.retry_at is not None else None,
        last_failure=worst.last_failure or None,
        openings=worst.openings,
    )
