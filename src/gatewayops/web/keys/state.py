"""Whether a key counts."""

from datetime import datetime

from gatewayops.web.rest import Json


def state_of(key: Json, now: datetime) -> str:
    """In a word: active, expired or revoked."""
    if key["revoked_at"]:
        return "revoked"
    is_over = key["expires_at"] is not None and datetime.fromisoformat(key["expires_at"]) <= now
    return "expired" if is_over else "active"
