"""Who is at work in this task: set where a request is authenticated, read where a transaction opens.

A context variable, so that no function between the two must carry it along.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from gatewayops.store.audit_entry import Actor


class Origin(msgspec.Struct, frozen=True):
    """The actor of what is done now, and the request that asks for it."""

    actor: Actor
    address: str = ""
    request_id: str = ""
    trace_id: str = ""


SYSTEM = Origin(Actor("system", "system"))
_current: ContextVar[Origin] = ContextVar("gatewayops_origin", default=SYSTEM)


def current() -> Origin:
    """Who works in this task; the system itself where nobody was authenticated."""
    return _current.get()


@contextmanager
def kept() -> Iterator[None]:
    """What is entered within ends with it; it begins as the system."""
    token = _current.set(SYSTEM)
    try:
        yield
    finally:
        _current.reset(token)


def enter(origin: Origin) -> None:
    """From now on, in this task, until the `kept` around it ends."""
    _current.set(origin)
