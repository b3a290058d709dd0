"""Refusals that repeat: the first is an entry at once, the others of the minute are one entry with a count.

So an attacker who is refused a thousand times a second adds two entries a minute, and one who varies what is
asked for adds a bounded number: above it only kind and reason of the refusals are told apart.
"""

import hashlib
from datetime import datetime, timedelta

import msgspec

from gatewayops.store.audit_entry import Actor, Draft, Target

LENGTH = timedelta(minutes=1)
MOST_OPEN = 200  # an organisation; what comes on top is counted together


class Window(msgspec.Struct):
    """What was told once and is counted until then. `sample` is what it was told with."""

    until: datetime
    repeats: int
    first_at: datetime
    last_at: datetime
    sample: Draft


class Windows:
    """The open ones, by organisation and fingerprint; pure, so that their owner may keep them anywhere."""

    def __init__(self, opened: dict[tuple[str, str], Window] | None = None) -> None:
        """None, or those that were kept."""
        self.opened = opened or {}
        self.changed: set[tuple[str, str]] = set()
        self._count: dict[str, int] = {}
        for org_id, _ in self.opened:
            self._count[org_id] = self._count.get(org_id, 0) + 1

    def add(self, org_id: str, draft: Draft, *, at: datetime, now: datetime) -> Draft | None:
        """One more refusal, which happened `at`: what is to be written now, None when it is only counted."""
        key = org_id, fingerprint(draft)
        if key not in self.opened and self._count.get(org_id, 0) >= MOST_OPEN:
            draft = Draft(action=draft.action, actor=Actor("many"), target=Target(), reason=draft.reason)
            key = org_id, fingerprint(draft)
        self.changed.add(key)
        window = self.opened.get(key)
        if window is not None:
            window.first_at = min(window.first_at, at) if window.repeats else at
            window.last_at = max(window.last_at, at) if window.repeats else at
            window.repeats += 1
            return None
        self.opened[key] = Window(until=now + LENGTH, repeats=0, first_at=at, last_at=at, sample=draft)
        self._count[org_id] = self._count.get(org_id, 0) + 1
        return draft

    def close(self, now: datetime) -> list[tuple[str, Draft]]:
        """Ends the windows whose time is over: what is to be written of them, with organisations."""
        over = [key for key, window in self.opened.items() if window.until <= now]
        found = []
        for key in over:
            window = self.opened.pop(key)
            self.changed.add(key)
            self._count[key[0]] -= 1
            if window.repeats:
                found.append((key[0], _counted(window)))
        return found


def fingerprint(draft: Draft) -> str:
    """The same for refusals that are told as one.

    Who, what, of what, why. Callers without a key: from where.
    """
    actor, target = draft.actor, draft.target
    where = "" if actor.id else draft.address
    parts = (draft.action, actor.kind, actor.id, target.kind, target.id, draft.reason, where)
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()


def _counted(window: Window) -> Draft:
    return msgspec.structs.replace(
        window.sample,
        count=window.repeats,
        first_at=window.first_at,
        last_at=window.last_at,
        request_id="",
        trace_id="",
        detail="the same again",
    )
