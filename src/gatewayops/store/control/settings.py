"""Settings of the control store."""

import msgspec


class ControlStoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where accounts, keys and servers are kept; an empty url means SQLite in the data directory."""

    url: str = ""  # postgresql+asyncpg://user:password@host/database
