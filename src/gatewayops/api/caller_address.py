"""From where a request comes: the gateway, on loopback, says whom it forwards; so do trusted proxies."""

from fastapi import Request

from gatewayops.api.parts import parts_of

_LOOPBACK = frozenset({"127.0.0.1", "::1", ""})
_LONGEST = 200


def address_of(request: Request) -> str:
    """The client's address; what others than our gateway and trusted proxies claim counts nothing."""
    peer = _peer(request)
    if not _is_believed(request, peer):
        return peer[:_LONGEST]
    said = request.headers.getlist("x-forwarded-for")
    return parts_of(request).trusted_proxies.client(peer, said)[:_LONGEST]


def forwarded_proto(request: Request) -> str:
    """The scheme that the client used, as our gateway or a trusted proxy says; empty when others say it."""
    if not _is_believed(request, _peer(request)):
        return ""
    return request.headers.get("x-forwarded-proto", "").strip().lower()


def forwarded_host(request: Request) -> str:
    """The Host that the client sent, as our gateway on this machine says; empty when others say it."""
    return request.headers.get("x-forwarded-host", "") if _peer(request) in _LOOPBACK else ""


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def _is_believed(request: Request, peer: str) -> bool:
    return peer in _LOOPBACK or parts_of(request).trusted_proxies.trusts(peer)
