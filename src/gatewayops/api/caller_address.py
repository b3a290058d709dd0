"""From where a request comes: the gateway, on loopback, says whom it forwards."""

from fastapi import Request

_LOOPBACK = frozenset({"127.0.0.1", "::1", ""})
_LONGEST = 200


def address_of(request: Request) -> str:
    """The client's address; what others than our gateway claim counts nothing."""
    peer = request.client.host if request.client else ""
    return (forwarded(request, "for").split(",")[0].strip() or peer)[:_LONGEST]


def forwarded(request: Request, what: str) -> str:
    """What our gateway says of a request: `for`, `proto` or `host`; empty when others say it."""
    peer = request.client.host if request.client else ""
    return request.headers.get(f"x-forwarded-{what}", "") if peer in _LOOPBACK else ""
