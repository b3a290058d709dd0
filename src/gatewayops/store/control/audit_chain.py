"""The end of an audit chain: appending to it, in order, without gaps. The only place that writes entries."""

from collections.abc import Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gatewayops.base import clock
from gatewayops.store.audit_entry import NO_HASH, Draft, Place, entry_hash, seal
from gatewayops.store.control.audit_tables import AuditChain, AuditEntry, AuditPersonal

_LONGEST = 255


def append(session: Session, drafts: Sequence[tuple[str, Draft]]) -> None:
    """Writes entries, each to the end of its organisation's chain (first member), in the order given.

    Comes last in a transaction: it locks the chains, always in the same order, until the commit.
    """
    by_org: dict[str, list[Draft]] = {}
    for org_id, draft in drafts:
        by_org.setdefault(org_id, []).append(draft)
    for org_id in sorted(by_org):
        _append(session, org_id, by_org[org_id])


def _append(session: Session, org_id: str, drafts: list[Draft]) -> None:
    chain = _locked(session, org_id)
    seq, digest = chain.seq, chain.hash
    at = max(clock.now(), chain.at)
    entries, personal = [], []
    for draft in drafts:
        seq += 1
        sealed = seal(draft, Place(org_id=org_id, seq=seq, at=at))
        digest = entry_hash(digest, sealed.body)
        entries.append(
            {
                "org_id": org_id,
                "seq": seq,
                "at": at,
                "action": draft.action,
                "actor_id": _column(draft.actor.id),
                "target_id": _column(draft.target.id),
                "target_name": "" if draft.target.is_personal else _column(draft.target.name),
                "body": sealed.body,
                "hash": digest,
            }
        )
        personal += [
            {"org_id": org_id, "seq": seq, "path": kept.path, "salt": kept.salt, "value": kept.value}
            for kept in sealed.personal
        ]
    session.execute(insert(AuditEntry.__table__), entries)  # type: ignore[arg-type]  # a Table of ours
    if personal:
        session.execute(insert(AuditPersonal.__table__), personal)  # type: ignore[arg-type]
    moved = update(AuditChain.__table__).where(AuditChain.org_id == org_id)  # type: ignore[arg-type]
    session.execute(moved.values(seq=seq, hash=digest, at=at))


def _locked(session: Session, org_id: str) -> AuditChain:
    query = select(AuditChain).where(AuditChain.org_id == org_id).with_for_update()
    query = query.execution_options(populate_existing=True)
    chain = session.scalar(query)
    if chain is None:
        make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        first = {"org_id": org_id, "seq": 0, "hash": NO_HASH, "at": clock.now(), "pruned_to": 0}
        session.execute(make(AuditChain).values(**first).on_conflict_do_nothing())
        chain = session.scalar(query)
    assert chain is not None
    return chain


def _column(text: str) -> str:
    return text[:_LONGEST].replace("\x00", "\N{REPLACEMENT CHARACTER}")
