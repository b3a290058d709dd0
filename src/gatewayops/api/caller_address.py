"""From where a request comes: the gateway, on loopback, says whom it forwards."""

from fastapi import Request

_LOOPBACK = frozenset({"127.0.0.1", "::1", ""})
_LONGEST = 200


def address_of(request: Request) -> str:
    """The client's address; what others than our gateway claim counts nothing."""
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "") if peer in _LOOPBACK else ""
    return (forwarded.split(",")[0].strip() or peer)[:_LONGEST]
