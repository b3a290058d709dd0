"""The tree of settings: read once, from environment and file, handed out in parts.

`GATEWAYOPS_<SECTION>__<FIELD>` in the environment wins over `gatewayops.toml` in the data directory
(or the file named by `GATEWAYOPS_CONFIG`), which wins over the defaults. A wrong value stops the
start and names the field.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gatewayops.alerts.settings import AlertSettings
from gatewayops.api.settings import ControlSettings
from gatewayops.base.errors import InvalidInput
from gatewayops.cost.budgets.settings import BudgetSettings
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.identity.oauth.settings import OAuthSettings
from gatewayops.policy.limits.settings import LimitSettings
from gatewayops.policy.pins.settings import PinSettings
from gatewayops.policy.validation.settings import ValidationSettings
from gatewayops.protocol.forwarded import TrustedProxies
from gatewayops.query.settings import AnalyticsSettings
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.settings import RecordSettings
from gatewayops.store.control.settings import ControlStoreSettings
from gatewayops.store.secrets.settings import SecretsSettings
from gatewayops.store.telemetry.settings import TelemetrySettings
from gatewayops.upstream.settings import UpstreamSettings

_PREFIX = "GATEWAYOPS_"
_LISTS = frozenset(  # a,b
    ("allowed_hosts", "allowed_origins", "apprise_schemes", "argument_fields", "trusted_proxies")
)
_NOT_SETTINGS = {_PREFIX + name for name in ("CONFIG", "URL", "KEY")}  # URL and KEY: the CLI's --url, --key


class SettingsWrong(InvalidInput):
    """A setting that cannot be used; the detail names it."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings; sections by package."""

    data_dir: str = ""  # empty: `.gatewayops` in the working directory
    redis_url: str = ""  # counters shared by several workers: redis://host:6379/0
    trusted_proxies: tuple[str, ...] = ()  # networks whose X-Forwarded-For and -Proto count: 10.0.0.0/8
    gateway: GatewaySettings = GatewaySettings()
    oauth: OAuthSettings = OAuthSettings()
    control: ControlSettings = ControlSettings()
    control_store: ControlStoreSettings = ControlStoreSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    secrets: SecretsSettings = SecretsSettings()
    record: RecordSettings = RecordSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    pins: PinSettings = PinSettings()
    limits: LimitSettings = LimitSettings()
    validation: ValidationSettings = ValidationSettings()
    budgets: BudgetSettings = BudgetSettings()
    audit: AuditSettings = AuditSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    alerts: AlertSettings = AlertSettings()

    def __post_init__(self) -> None:
        """Raises ValueError for a network that is none."""
        TrustedProxies(self.trusted_proxies)

    @property
    def data(self) -> Path:
        """The data directory, absolute."""
        return Path(self.data_dir or ".gatewayops").absolute()

    @property
    def public_url(self) -> str:
        """The installation as clients and browsers see it, without a slash at the end."""
        return self.gateway.clients_url

    @property
    def control_url(self) -> str:
        """The control store's SQLAlchemy address."""
        return self.control_store.url or f"sqlite+aiosqlite:///{self.data / 'control.db'}"


def load(overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from file and environment, with `overrides` (`{"gateway": {"port": 9000}}`) on top.

    Raises SettingsWrong with the field's name.
    """
    env = os.environ if environ is None else environ
    overrides = overrides or {}
    tree = _from_file(_file_path(overrides, env))
    _merge(tree, _from_environment(env))
    _merge(tree, overrides)
    try:
        settings = msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        msg = f"settings: {error}"
        raise SettingsWrong(msg) from error
    gateway = settings.gateway
    if fault := settings.oauth.fault_beside(gateway.allowed_hosts, gateway.public_url):
        msg = f"settings: oauth.{fault}"
        raise SettingsWrong(msg)
    return settings


def _file_path(overrides: Mapping[str, Any], env: Mapping[str, str]) -> Path:
    data_dir = overrides.get("data_dir") or env.get(_PREFIX + "DATA_DIR") or ".gatewayops"
    return Path(env.get(_PREFIX + "CONFIG") or Path(data_dir) / "gatewayops.toml")


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        msg = f"settings: {path} is not TOML: {error}"
        raise SettingsWrong(msg) from error


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in env.items():
        if not name.startswith(_PREFIX) or name in _NOT_SETTINGS:
            continue
        section, _, field = name.removeprefix(_PREFIX).lower().partition("__")
        given = _parts(value) if (field or section) in _LISTS else value
        if field:
            tree.setdefault(section, {})[field] = given
        else:
            tree[section] = given
    return tree


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for name, value in other.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def child_environment(settings: Settings, *, control_address: str) -> dict[str, str]:
    """The environment in which a role that we start reads these settings anew.

    The configuration file and the environment are inherited; what the command line changed is added.
    """
    control_host, _, control_port = control_address.rpartition(":")
    changes = {
        "DATA_DIR": str(settings.data),
        "REDIS_URL": settings.redis_url,
        "GATEWAY__HOST": settings.gateway.host,
        "GATEWAY__PORT": str(settings.gateway.port),
        "GATEWAY__WORKERS": str(settings.gateway.workers),
        "CONTROL__HOST": control_host,
        "CONTROL__PORT": control_port,
    }
    return {**os.environ, **{_PREFIX + name: value for name, value in changes.items()}}


class Setting(msgspec.Struct, frozen=True):
    """One line of the reference; `source` is default, file, environment or command line."""

    name: str
    default: Any
    value: Any
    source: str


def reference(
    overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> list[Setting]:
    """Every setting with its default, its value here and where that comes from. Secrets are hidden."""
    env = os.environ if environ is None else environ
    overrides = overrides or {}
    default, current = Settings(), load(overrides, env)
    sources = (
        ("command line", overrides),
        ("environment", _from_environment(env)),
        ("file", _from_file(_file_path(overrides, env))),
    )
    found = []
    for name in _names(default):
        source = next((source for source, tree in sources if _at(tree, name) is not None), "default")
        value = str(current.data) if name == "data_dir" else _at(current, name)
        found.append(Setting(name, _at(default, name), _shown(name, value), source))
    return found


def _names(tree: msgspec.Struct) -> list[str]:
    names: list[str] = []
    for field in tree.__struct_fields__:
        part = getattr(tree, field)
        is_section = isinstance(part, msgspec.Struct)
        names += [f"{field}.{below}" for below in _names(part)] if is_section else [field]
    return names


def _at(tree: Any, name: str) -> Any:  # noqa: ANN401 - any setting
    for part in name.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else getattr(tree, part, None)
    return tree


def _shown(name: str, value: Any) -> Any:  # noqa: ANN401 - any setting
    if not value or not isinstance(value, str):
        return value
    if name.endswith(("password", "token")):
        return "(hidden)"
    scheme, separator, rest = value.partition("://")
    credentials, at, host = rest.rpartition("@")
    return f"{scheme}{separator}(hidden){at}{host}" if separator and at and credentials else value
