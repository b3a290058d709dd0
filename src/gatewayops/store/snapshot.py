"""The snapshot: all that a gateway must know to serve, as one immutable object.

The control role builds it from the control store and hands it out; gateways keep a copy on disk
(msgpack) and serve from it while everything else is down. It holds hashes and sealed values only.
"""

import os
from pathlib import Path

import msgspec

ANY = "*"
API_KEY, ANONYMOUS, PLATFORM_OAUTH = "api_key", "none", "platform_oauth"
"""How callers of a server are known: by a key of the organisation; not at all; by its access tokens too."""
USER_OAUTH = "user_oauth"
"""How a server knows who is behind a call: each user connects an account of their own there."""


class SecretRow(msgspec.Struct, frozen=True):
    """One secret of a key: during a rotation a key has two. Times are Unix seconds."""

    prefix: str  # `gwo_prod_a1b2`
    hash: str  # bcrypt
    key_id: str
    valid_until: float | None = None


class KeyRow(msgspec.Struct, frozen=True):
    """An API key that is not revoked. `servers` and `actions` may hold `*` and `tools.*` patterns."""

    id: str
    org_id: str
    name: str
    env: str
    servers: tuple[str, ...]
    actions: tuple[str, ...]
    user_id: str = ""
    team_id: str = ""
    project_id: str = ""
    expires_at: float | None = None


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """How a server's failures are borne: retries, circuit breaker, a caller's share of the slots."""

    retry_base_ms: int = 50
    retry_max_ms: int = 2000
    retry_budget_percent: int = 20  # of the calls
    breaker_failures: int = 5  # in the window, and at least so many percent of its calls; 0 switches it off
    breaker_percent: int = 50
    breaker_window_s: float = 10.0
    breaker_open_s: float = 5.0
    breaker_probes: int = 1
    caller_share_percent: int = 100  # of max_in_flight, for one key


class ServerRow(Resilience, frozen=True):
    """An MCP server behind the gateway. `sealed_headers` opens to a JSON object, bound to org and id."""

    id: str
    org_id: str
    name: str
    url: str
    timeout_s: float
    connect_timeout_s: float
    retries: int
    max_in_flight: int
    allows_private: bool
    sealed_headers: bytes = b""
    auth: str = API_KEY
    slug: str = ""  # its name in addresses, unique over all organisations
    oauth_scopes: tuple[str, ...] = ()  # a call with an access token needs all of them
    upstream_auth: str = "none"  # or user_oauth: it gets the token of the caller's own account there
    allowed_origins: tuple[str, ...] = ()  # of pages that may call; `*` for any

    def bound_to(self) -> bytes:
        """What its sealed values are bound to."""
        return server_binding(self.org_id, self.id)


class PriceRow(msgspec.Struct, frozen=True):
    """A price rule; empty `server` or `tool` means any. Whole micro-dollars, tokens by the million."""

    org_id: str
    server: str
    tool: str
    per_call_micros: int
    input_micros_per_mtok: int
    output_micros_per_mtok: int


class OrgRow(msgspec.Struct, frozen=True):
    """An organisation's settings that count on the path of a call."""

    id: str
    masks_contacts: bool = False  # also mask e-mail addresses and phone numbers


class TeamRow(msgspec.Struct, frozen=True):
    """A node of the tree of teams: what holds for a team holds for its subtree."""

    id: str
    org_id: str
    parent_id: str = ""  # empty at the top


class LimitRow(msgspec.Struct, frozen=True):
    """A rate limit: `calls` a window of `window_s`, none when 0. `subject` is an id, or `*` for each."""

    org_id: str
    scope: str  # user, team, api_key, server or global
    subject: str
    calls: int
    window_s: int
    burst: int = 0


class MaskingRule(msgspec.Struct, frozen=True):
    """A rule of an organisation's own; `kind` is regex (RE2), field (a name) or json_path."""

    name: str
    kind: str
    pattern: str


class MaskingRow(msgspec.Struct, frozen=True):
    """How an organisation's records are masked where that differs from the defaults."""

    org_id: str
    switched_on: tuple[str, ...] = ()  # built-in classes that are off by default
    switched_off: tuple[str, ...] = ()
    rules: tuple[MaskingRule, ...] = ()


class DataKeyRow(msgspec.Struct, frozen=True):
    """An organisation's data key, wrapped by a version of the installation's master key."""

    id: str
    org_id: str
    version: str  # of the master key: its provider, a colon, its name there
    wrapped: bytes


class ToolRow(msgspec.Struct, frozen=True):
    """A pinned tool. `definition` (JSON) and `hash` are of what counts: empty where nothing was approved."""

    org_id: str
    server: str
    name: str
    definition: bytes
    hash: str
    state: str  # approved or held: a held tool is neither listed nor called


class CatalogueRow(msgspec.Struct, frozen=True):
    """A server whose tools are known; what is not among them, or differs, meets `pinning`."""

    org_id: str
    server: str
    pinning: str  # block, warn or allow


class Permission(msgspec.Struct, frozen=True):
    """What a role or a policy says. Patterns are globs with `*` only, case counts; see policy/access."""

    effect: str  # allow or deny
    server: str  # empty: not a server, but an action of the control API
    action: str
    named: str = ANY  # tool, prompt or URI


class UserRow(msgspec.Struct, frozen=True):
    """A person and the team they belong to."""

    id: str
    org_id: str
    team_id: str = ""


class RoleRow(msgspec.Struct, frozen=True):
    """A role; those of every installation (store/predefined_roles.py) have an empty org_id."""

    id: str
    org_id: str
    name: str
    permissions: tuple[Permission, ...] = ()


class BindingRow(msgspec.Struct, frozen=True):
    """Who holds a role. `subject_kind` is organization, team, user or key."""

    id: str
    org_id: str
    role_id: str
    subject_kind: str
    subject_id: str


class PolicyRow(msgspec.Struct, frozen=True):
    """A permission that a subject holds without a role between."""

    id: str
    org_id: str
    subject_kind: str
    subject_id: str
    permission: Permission


class AccessRows(msgspec.Struct, frozen=True):
    """Who may what, of all organisations."""

    users: tuple[UserRow, ...] = ()
    roles: tuple[RoleRow, ...] = ()
    bindings: tuple[BindingRow, ...] = ()
    policies: tuple[PolicyRow, ...] = ()


class BudgetRow(msgspec.Struct, frozen=True):
    """A hard budget; soft ones refuse nothing, so gateways need not know them. Whole micro-dollars."""

    id: str
    org_id: str
    name: str
    scope: str  # organization, team, project, user or key
    subject: str  # an id
    period: str  # day, week or month
    amount_micros: int
    grace_percent: int = 0
    grace_keys: tuple[str, ...] = ()  # keys marked for grace
    overrides: tuple[tuple[int, float], ...] = ()  # extra micro-dollars, until when (Unix seconds)


class OwnPattern(msgspec.Struct, frozen=True):
    """A deny pattern of an organisation's own, RE2 syntax; `mode` is off, report or block."""

    name: str
    pattern: str
    mode: str


class ValidationRow(msgspec.Struct, frozen=True):
    """What arguments must be like; empty `server` or `tool` means any, None leaves it to a broader rule."""

    org_id: str
    server: str
    tool: str
    schema_mode: str | None = None  # off, report or block
    max_bytes: int | None = None
    max_depth: int | None = None
    max_items: int | None = None
    patterns: dict[str, str] = {}  # a starter set's name to its mode
    own_patterns: tuple[OwnPattern, ...] = ()


class StepRow(msgspec.Struct, frozen=True):
    """One change: set (to `value`, JSON), remove or rename (to the name `to`) what the pointer names."""

    op: str
    path: str  # RFC 6901
    to: str = ""
    value: bytes = b""


class TransformRow(msgspec.Struct, frozen=True):
    """How calls of a tool are changed. `sealed_headers` opens to a JSON object, bound to org and id."""

    id: str
    org_id: str
    server: str
    tool: str
    request: tuple[StepRow, ...] = ()
    response: tuple[StepRow, ...] = ()
    sealed_headers: bytes = b""

    def bound_to(self) -> bytes:
        """What its sealed values are bound to."""
        return transform_binding(self.org_id, self.id)


class SigningKeyRow(msgspec.Struct, frozen=True):
    """The public part of a key that signs an organisation's access tokens, as a JWK (RFC 7517)."""

    kid: str
    org_id: str
    jwk: dict[str, str]


class RevocationRow(msgspec.Struct, frozen=True):
    """Access tokens that no longer count: those of `subject` issued at or before `before_s`, Unix seconds."""

    org_id: str
    kind: str  # end_user, client, grant or token
    subject: str  # an id
    before_s: int


class UpstreamAccountRow(msgspec.Struct, frozen=True):
    """A user's account at a server. `sealed_token`, an access token, is bound to org and id.

    It is empty where the user must sign in again. `expires_at` is in Unix seconds.
    """

    id: str
    org_id: str
    server_id: str
    user_id: str
    sealed_token: bytes = b""
    expires_at: float | None = None

    def bound_to(self) -> bytes:
        """What its token is bound to."""
        return account_binding(self.org_id, self.id)


class Snapshot(msgspec.Struct, frozen=True):
    """Everything at one revision of the control store."""

    revision: int
    made_at: float
    orgs: tuple[OrgRow, ...] = ()
    keys: tuple[KeyRow, ...] = ()
    secrets: tuple[SecretRow, ...] = ()
    servers: tuple[ServerRow, ...] = ()
    prices: tuple[PriceRow, ...] = ()
    teams: tuple[TeamRow, ...] = ()
    limits: tuple[LimitRow, ...] = ()
    masking: tuple[MaskingRow, ...] = ()
    data_keys: tuple[DataKeyRow, ...] = ()
    tools: tuple[ToolRow, ...] = ()
    catalogues: tuple[CatalogueRow, ...] = ()
    access: AccessRows = AccessRows()
    budgets: tuple[BudgetRow, ...] = ()
    validation: tuple[ValidationRow, ...] = ()
    transforms: tuple[TransformRow, ...] = ()  # in the order in which they apply
    signing_keys: tuple[SigningKeyRow, ...] = ()
    revocations: tuple[RevocationRow, ...] = ()
    upstream_accounts: tuple[UpstreamAccountRow, ...] = ()


EMPTY = Snapshot(revision=-1, made_at=0.0)


def server_binding(org_id: str, server_id: str) -> bytes:
    """The additional data under which a server's headers are sealed."""
    return f"server:{org_id}:{server_id}".encode()


def transform_binding(org_id: str, transform_id: str) -> bytes:
    """The additional data under which a transformation's headers are sealed."""
    return f"transform:{org_id}:{transform_id}".encode()


def account_binding(org_id: str, account_id: str) -> bytes:
    """The additional data under which the access token of a user's account is sealed."""
    return f"upstream-access:{org_id}:{account_id}".encode()


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot as msgpack."""
    return msgspec.msgpack.encode(snapshot)


def decode(raw: bytes) -> Snapshot:
    """The snapshot from msgpack; raises msgspec.ValidationError or DecodeError for anything else."""
    return msgspec.msgpack.decode(raw, type=Snapshot)


def write_file(path: Path, raw: bytes) -> None:
    """Replaces the copy on disk in one step, readable by the owner only; several workers share one copy."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}.new")
    draft.touch(mode=0o600)
    draft.write_bytes(raw)
    draft.replace(path)
