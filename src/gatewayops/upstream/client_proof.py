"""How we prove to a token endpoint of others who we are (RFC 6749, 2.3.1)."""

import base64
from urllib.parse import quote_plus


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of client_secret_basic: both parts are form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
