"""Where the first administrator's link is kept between starts: sealed, in a file. Opens no database."""

from pathlib import Path

from gatewayops.app.layout import DataDirectory
from gatewayops.base.crypto import SealBroken
from gatewayops.identity.user_tokens import is_link_token

_BOUND_TO = b"first-link"


def read(data: DataDirectory) -> str:
    """The token; empty when there is none."""
    try:
        token = data.sealer().open(path(data).read_bytes(), bound_to=_BOUND_TO).decode()
    except (FileNotFoundError, SealBroken):
        return ""
    return token if is_link_token(token) else ""


def write(data: DataDirectory, token: str) -> None:
    """In place of the one before."""
    draft = path(data).with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(data.sealer().seal(token.encode(), bound_to=_BOUND_TO))
    draft.replace(path(data))


def path(data: DataDirectory) -> Path:
    """The file."""
    return data.secrets / "first-link"
