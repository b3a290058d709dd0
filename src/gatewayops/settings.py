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

from gatewayops.api.settings import ControlSettings
from gatewayops.base.errors import InvalidInput
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.record.settings import RecordSettings
from gatewayops.store.control.settings import ControlStoreSettings
from gatewayops.store.telemetry.settings import TelemetrySettings
from gatewayops.upstream.settings import UpstreamSettings

_PREFIX = "GATEWAYOPS_"


class SettingsWrong(InvalidInput):
    """A setting that cannot be used; the detail names it."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings; sections by package."""

    data_dir: str = ""  # empty: `.gatewayops` in the working directory
    redis_url: str = ""  # counters shared by several workers: redis://host:6379/0
    gateway: GatewaySettings = GatewaySettings()
    control: ControlSettings = ControlSettings()
    control_store: ControlStoreSettings = ControlStoreSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    record: RecordSettings = RecordSettings()
    upstream: UpstreamSettings = UpstreamSettings()

    @property
    def data(self) -> Path:
        """The data directory, absolute."""
        return Path(self.data_dir or ".gatewayops").absolute()

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
    data_dir = overrides.get("data_dir") or env.get(_PREFIX + "DATA_DIR") or ".gatewayops"
    tree = _from_file(Path(env.get(_PREFIX + "CONFIG") or Path(data_dir) / "gatewayops.toml"))
    _merge(tree, _from_environment(env))
    _merge(tree, overrides)
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        msg = f"settings: {error}"
        raise SettingsWrong(msg) from error


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
        if not name.startswith(_PREFIX) or name == _PREFIX + "CONFIG":
            continue
        section, _, field = name.removeprefix(_PREFIX).lower().partition("__")
        if not field:
            tree[section] = value
        elif field in ("allowed_hosts", "allowed_origins"):
            tree.setdefault(section, {})[field] = [part.strip() for part in value.split(",") if part.strip()]
        else:
            tree.setdefault(section, {})[field] = value
    return tree


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for name, value in other.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value
