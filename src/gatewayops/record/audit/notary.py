"""The notary: signs checkpoints of all chains, has them anchored outside, removes what retention lets go.

Runs as a job of the control role (app.audit_jobs); every step is a transaction of its own and safe to repeat.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.record.audit.merkle import Frontier
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.audit.signing import Signer
from gatewayops.store.audit_entry import iso
from gatewayops.store.control import audit, audit_checkpoints
from gatewayops.store.control.audit import Head
from gatewayops.store.control.audit_checkpoints import Kept
from gatewayops.store.control.database import Database, Session

_CHUNK = 5_000
_ANCHORED_AT_ONCE = 50


class ChainBroken(GatewayOpsError):
    """Entries are missing, or do not lead to the end that the chain claims: somebody changed the store."""


class Anchor(Protocol):
    """A place outside of this installation that keeps checkpoints."""

    async def keep(self, *, log: str, size: int, line: str) -> None:
        """Keeps a checkpoint's line; the same again is harmless. Raises Unavailable."""


class Notary:
    """One a control role."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        settings: AuditSettings,
        *,
        anchors: Mapping[str, Anchor] | None = None,
    ) -> None:
        """`anchors` by kind: file, s3, webhook."""
        self.signer = signer
        self.settings = settings
        self.anchors = dict(anchors or {})
        self._database = database

    async def sign(self, *, is_forced: bool = False, only: str = "") -> int:
        """Makes the checkpoints that are due, or of every chain that has grown; returns how many.

        `only` is an organisation. Raises ChainBroken where the entries are not what was appended.
        """
        async with self._database.reading() as session:
            heads = await audit.heads(session)
        made = 0
        for org_id, head in heads.items():
            if only in ("", org_id):
                made += await self._sign(org_id, head, is_forced=is_forced)
        return made

    async def anchor(self) -> int:
        """Brings waiting checkpoints to their anchors, oldest first; returns how many did not get there."""
        async with self._database.reading() as session:
            waiting = await audit_checkpoints.waiting(session, limit=_ANCHORED_AT_ONCE)
        failed: set[str] = set()
        for org_id, size, name, signed in waiting:
            anchor = self.anchors.get(name)
            if anchor is None or name in failed:  # not configured any more, or down: what is older goes first
                continue
            error = ""
            try:
                await anchor.keep(log=org_id, size=size, line=signed)
            except GatewayOpsError as refused:
                error = refused.detail
                failed.add(name)
            async with self._database.session() as session:
                await audit_checkpoints.anchored(session, org_id=org_id, size=size, anchor=name, error=error)
        return len(failed)

    async def prune(self) -> int:
        """Removes what retention lets go; returns of how many chains."""
        before = clock.now() - timedelta(days=self.settings.retention_days)
        pruned = 0
        async with self._database.reading() as session:
            heads = await audit.heads(session)
        for org_id in heads:
            async with self._database.session() as session:
                size = await audit_checkpoints.prunable(
                    session, org_id=org_id, before=before, anchors=tuple(self.anchors)
                )
                if size:
                    await audit_checkpoints.prune(session, org_id=org_id, size=size)
                    pruned += 1
        return pruned

    async def _sign(self, org_id: str, head: Head, *, is_forced: bool) -> bool:
        async with self._database.session() as session:
            await audit_checkpoints.alone(session)
            last = await audit_checkpoints.last(session, org_id=org_id)
            if not self._is_due(last, head, is_forced=is_forced):
                return False
            frontier = await frontier_at(session, org_id=org_id, size=head.seq)
            if await audit.hash_at(session, org_id=org_id, seq=head.seq) != head.hash:
                raise ChainBroken(_broken(org_id, head.seq))
            now = clock.now()
            signed = self.signer.checkpoint(
                log=org_id, size=head.seq, root=frontier.root(), head=head.hash, at=iso(now)
            )
            kept = Kept(
                size=head.seq, at=now, head=head.hash, frontier=frontier.packed(), signed=signed.line()
            )
            await audit_checkpoints.add(session, org_id=org_id, made=kept, anchors=tuple(self.anchors))
        return True

    def _is_due(self, last: Kept | None, head: Head, *, is_forced: bool) -> bool:
        new = head.seq - (last.size if last else 0)
        if new <= 0:
            return False
        if is_forced or last is None or new >= self.settings.checkpoint_entries:
            return True
        return (clock.now() - last.at).total_seconds() >= self.settings.checkpoint_s


async def frontier_at(session: Session, *, org_id: str, size: int) -> Frontier:
    """The tree of the first `size` entries, from the checkpoint before. Raises ChainBroken for gaps."""
    known = await audit_checkpoints.last(session, org_id=org_id, up_to=size)
    frontier = Frontier.of_bytes(known.size, known.frontier) if known else Frontier()
    while frontier.size < size:
        first = frontier.size + 1
        rows = await audit.rows(session, org_id=org_id, first=first, last=size, limit=_CHUNK)
        if [row.seq for row in rows] != list(range(first, first + len(rows))) or not rows:
            raise ChainBroken(_broken(org_id, first))
        frontier.extend([row.hash for row in rows])
    return frontier


def _broken(org_id: str, seq: int) -> str:
    return f"the audit log of {org_id} is not whole at entry {seq}; verify an export of it"
