"""What `/v1/auth/keys` takes and answers."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gatewayops.api.shapes import Body, LateShape, Listed, Moment, Name, Ref
from gatewayops.identity.scopes import DEFAULT_ACTIONS, DEFAULT_SERVERS

_MAX_LABELS = 32

Patterns = Annotated[list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=200)]


class NewScopes(Body):
    """What a new key may do; what is left out gets the default, or what its role needs."""

    mcp_servers: Patterns = Field(default=list(DEFAULT_SERVERS), examples=[["filesystem", "database"]])
    actions: Patterns = Field(default=list(DEFAULT_ACTIONS), examples=[["tools.call", "tools.list"]])


class NewKey(Body):
    """`user`, `team` and `project` are ids or names (a user's: e-mail address), here or in `metadata`.

    `role` (id or name) is bound to the key; then scopes that are not given are as wide as the role needs.
    """

    name: Name
    env: str = Field(default="prod", pattern="^[a-z0-9]{1,12}$")
    expires_at: Moment | None = None
    scopes: NewScopes = NewScopes()
    user: Ref = ""
    team: Ref = ""
    project: Ref = ""
    role: Ref = ""
    metadata: Annotated[dict[Name, Ref], Field(max_length=_MAX_LABELS)] = Field(default={})


class Scopes(LateShape):
    """What a key may do."""

    mcp_servers: list[str]
    actions: list[str]


class Usage(LateShape):
    """What a key has done; `cost` in dollars."""

    calls: int
    errors: int
    cost: float
    last_used: datetime | None


class KeyBody(LateShape):
    """A key; `metadata` says whom it acts for and holds the labels given when it was made."""

    id: str
    name: str
    prefix: str
    env: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    scopes: Scopes
    roles: list[str] = Field(description="Bound to the key itself; more may be inherited.")
    metadata: dict[str, str | None]


class KeyWithSecret(KeyBody):
    """Shown once."""

    secret: str


class KeyWithUsage(KeyBody):
    """`usage` is null while the telemetry store does not answer, and in lists unless it is asked for."""

    usage: Usage | None


class KeyMade(LateShape):
    """The answer that holds the secret."""

    key: KeyWithSecret
    warning: str


class KeyRotated(KeyMade):
    """The former secret works until `previous_valid_until`."""

    previous_valid_until: datetime


class KeyShown(LateShape):
    """One key with what it has done."""

    key: KeyWithUsage


class KeyRevoked(LateShape):
    """One key that is denied from now on."""

    key: KeyBody


class KeysAsked(LateShape):
    """Which keys: `user` is whose (id or e-mail address), `query` is in the name or begins the prefix."""

    include_revoked: bool = False
    include_usage: bool = False
    user: Ref = ""
    query: Ref = ""


class KeyList(Listed):
    """A page of keys; `usage` is told with `include_usage`."""

    keys: list[KeyWithUsage]
