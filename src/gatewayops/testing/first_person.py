"""The first administrator of an installation, made by the link of its first start."""

import re

import httpx

from gatewayops.testing.installation import Installation
from gatewayops.testing.peer_process import PeerFailed

EMAIL, PASSWORD = "ada@example.com", "four unrelated words here"
_SEE_OTHER = 303


def first_administrator(installation: Installation) -> httpx.Client:
    """A browser's worth of client, signed in as Ada; the caller closes it. Raises PeerFailed."""
    link = re.search(r"/setup\?token=(gwl_\w+)", installation.banner)
    client = httpx.Client(base_url=installation.url, headers={"Origin": installation.url}, timeout=60)
    form = {"email": EMAIL, "name": "Ada", "password": PASSWORD, "token": link.group(1) if link else ""}
    made = client.post("/setup", data=form)
    if made.status_code != _SEE_OTHER:
        client.close()
        msg = f"the first administrator could not be made: {made.status_code}"
        raise PeerFailed(msg)
    return client
