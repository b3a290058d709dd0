"""One-time codes of authenticator apps (TOTP, RFC 6238): six digits, 30 seconds, SHA-1, as all apps have it.

Pure. That a code works once is the caller's to see to: it keeps the time step of the last one.
"""

import hmac

import pyotp

STEP_S = 30
_AROUND = (0, -1, 1)  # steps: clocks differ, and people type slowly
_ISSUER = "GatewayOps"


def new_secret() -> str:
    """160 random bits in base32, as apps take them."""
    return pyotp.random_base32()


def address(secret: str, *, email: str, organization: str) -> str:
    """What an app reads from a QR code (the Key Uri Format)."""
    return pyotp.TOTP(secret).provisioning_uri(name=f"{email} ({organization})", issuer_name=_ISSUER)


def matching_step(secret: str, code: str, *, now_s: float) -> int | None:
    """The time step whose code this is, of those around now; the same work for any code."""
    given, now_step = code.replace(" ", "").encode("utf-8", "surrogatepass"), int(now_s) // STEP_S
    codes = [(now_step + by, pyotp.TOTP(secret).generate_otp(now_step + by)) for by in _AROUND]
    found = [step for step, right in codes if hmac.compare_digest(given, right.encode())]
    return found[0] if found else None
