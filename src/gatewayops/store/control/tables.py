"""The tables of the control store. Only this package sees these classes; others get plain structs.

A change here needs a migration: `make migration m="what changes"`.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from gatewayops.base import clock


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times in both databases; SQLite itself keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses naive times, which would silently mean the machine's zone."""
        if value is not None and value.tzinfo is None:
            msg = "times in the control store are aware"
            raise ValueError(msg)
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What was stored was UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """The base: constraint names that migrations can rely on, and the types of columns."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: String(255),
        datetime: UtcDateTime(),
        list[str]: JSON(),
        dict[str, str]: JSON(),
        bytes: LargeBinary(),
    }


class Revision(Table):
    """One row: the number that rises with every change that gateways must learn."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Organisation(Table):
    """A tenant."""

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class OwnedTable(Table):
    """What belongs to one organisation."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class Team(OwnedTable):
    """A node of the tree of teams."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    name: Mapped[str]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"))


class Project(OwnedTable):
    """What costs are attributed to besides people and teams."""

    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("org_id", "name"),)

    name: Mapped[str]
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"))


class User(OwnedTable):
    """A person of the organisation. Who is disabled does not sign in, and their keys do not count."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("org_id", "email"),)

    email: Mapped[str]
    name: Mapped[str]
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"))
    disabled_at: Mapped[datetime | None]
    is_break_glass: Mapped[bool] = mapped_column(default=False)  # may use a password where SSO is required


class ApiKey(OwnedTable):
    """A key without its secrets."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "org_id", "created_at", "id"),)

    name: Mapped[str]
    env: Mapped[str] = mapped_column(String(12))
    prefix: Mapped[str] = mapped_column(String(24))  # of the newest secret
    servers: Mapped[list[str]]
    actions: Mapped[list[str]]
    labels: Mapped[dict[str, str]]
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"))
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiKeySecret(OwnedTable):
    """A secret's hash; two a key while a rotation overlaps."""

    __tablename__ = "api_key_secrets"

    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    prefix: Mapped[str] = mapped_column(String(24), index=True)
    hash: Mapped[str] = mapped_column(String(80))
    valid_until: Mapped[datetime | None]


class McpServer(OwnedTable):
    """A server behind the gateway; header values are sealed by the caller, names are for showing."""

    __tablename__ = "mcp_servers"
    __table_args__ = (UniqueConstraint("org_id", "name"), Index(None, "slug", unique=True))

    name: Mapped[str] = mapped_column(String(63))
    url: Mapped[str] = mapped_column(String(2048))
    timeout_s: Mapped[float]
    connect_timeout_s: Mapped[float]
    retries: Mapped[int]
    max_in_flight: Mapped[int]
    allows_private: Mapped[bool]
    header_names: Mapped[list[str]]
    sealed_headers: Mapped[bytes]
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)
    retry_base_ms: Mapped[int]
    retry_max_ms: Mapped[int]
    retry_budget_percent: Mapped[int]
    breaker_failures: Mapped[int]
    breaker_percent: Mapped[int]
    breaker_window_s: Mapped[float]
    breaker_open_s: Mapped[float]
    breaker_probes: Mapped[int]
    caller_share_percent: Mapped[int]
    auth: Mapped[str] = mapped_column(String(16), default="api_key")  # api_key, none, platform_oauth
    slug: Mapped[str] = mapped_column(String(128))  # in addresses; unique over all organisations
    oauth_scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    allows_sign_up: Mapped[bool] = mapped_column(default=False)
    offers_password: Mapped[bool] = mapped_column(default=True)
    requires_verified_email: Mapped[bool] = mapped_column(default=True)
    upstream_auth: Mapped[str] = mapped_column(String(16), default="none")  # none, user_oauth
    upstream_scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    allowed_origins: Mapped[list[str]] = mapped_column(JSON, default=list)


class SlugClaim(Table):
    """Whose a slug is, for good: who lets go of one does not hand its callers to another organisation."""

    __tablename__ = "slug_claims"

    slug: Mapped[str] = mapped_column(String(128), primary_key=True)
    org_id: Mapped[str]  # of no foreign key: it outlives the organisation


class PriceRule(OwnedTable):
    """What calls cost; empty server or tool means any."""

    __tablename__ = "price_rules"
    __table_args__ = (UniqueConstraint("org_id", "server", "tool"),)

    server: Mapped[str]
    tool: Mapped[str]
    per_call_micros: Mapped[int] = mapped_column(BigInteger)
    input_micros_per_mtok: Mapped[int] = mapped_column(BigInteger)
    output_micros_per_mtok: Mapped[int] = mapped_column(BigInteger)
