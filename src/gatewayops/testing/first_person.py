"""The first administrator of an installation, made by the link of its first start."""

import contextlib
import re
from collections.abc import Iterator

import httpx

from gatewayops.testing.installation import Installation
from gatewayops.testing.peer_process import PeerFailed

EMAIL, PASSWORD = "ada@example.com", "four unrelated words here"
_SEE_OTHER = 303


@contextlib.contextmanager
def first_administrator(installation: Installation) -> Iterator[httpx.Client]:
    """A browser's worth of client, signed in as Ada, until the block ends. Raises PeerFailed."""
    link = re.search(r"/setup\?token=(gwl_\w+)", installation.banner)
    form = {"email": EMAIL, "name": "Ada", "password": PASSWORD, "token": link.group(1) if link else ""}
    about = {"Origin": installation.url}
    with httpx.Client(base_url=installation.url, headers=about, timeout=60) as client:
        made = client.post("/setup", data=form)
        if made.status_code != _SEE_OTHER:
            msg = f"the first administrator could not be made: {made.status_code}"
            raise PeerFailed(msg)
        yield client
