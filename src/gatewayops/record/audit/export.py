"""Writing an export of an audit log: a folder whose content `record.audit.verify` proves without a database.

entries.jsonl      one entry a line, with its hash
personal.jsonl     what is kept beside the entries, with salts; only here what was erased is missing
checkpoints.jsonl  the signed checkpoints of these entries
entries.csv        the same entries to read, when asked for
manifest.json      which entries, between which hashes, digests of the files; signed
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from gatewayops.base import clock
from gatewayops.record.audit.notary import frontier_at
from gatewayops.record.audit.signing import Signer
from gatewayops.store.audit_entry import Kept, commitment, iso, line, opened
from gatewayops.store.control import audit, audit_checkpoints
from gatewayops.store.control.audit import Row, Wanted
from gatewayops.store.control.database import Session

FORMAT = "gatewayops-audit-export/1"
_CHUNK = 2_000
_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the wide ones are taken for the others
COLUMNS = (
    "seq",
    "at",
    "action",
    "actor_kind",
    "actor_id",
    "actor_name",
    "target_kind",
    "target_id",
    "target_name",
    "from",
    "reason",
    "detail",
    "count",
    "first_at",
    "last_at",
    "request_id",
    "trace_id",
    "before",
    "after",
    "hash",
)


class HashedFile:
    """A file that knows its digest."""

    def __init__(self, path: Path) -> None:
        """Made anew."""
        self.name = path.name
        self._file: BinaryIO = path.open("wb")
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, raw: bytes) -> None:
        """Appends."""
        self._file.write(raw)
        self._digest.update(raw)
        self._size += len(raw)

    def __enter__(self) -> "HashedFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def told(self) -> dict[str, Any]:
        """What the manifest says of it; nothing is written after."""
        self._file.close()
        return {"sha256": self._digest.hexdigest(), "bytes": self._size}


async def write_audit(
    session: Session, signer: Signer, folder: Path, *, org_id: str, wanted: Wanted, with_csv: bool
) -> dict[str, Any]:
    """Exports all entries of a time range into an empty folder; returns the manifest. Raises ChainBroken."""
    made_at = iso(
        clock.now()
    )  # before the store is read: checkpoints of that time are no newer than the export
    head = await audit.head(session, org_id=org_id)
    first, last = await audit.range_of(session, org_id=org_id, wanted=wanted)
    frontier = await frontier_at(session, org_id=org_id, size=first - 1)
    begin_hash = await _hash_before(session, org_id, first)
    names = ["entries.jsonl", "personal.jsonl", "entries.csv" if with_csv else ""]
    with ExitStack() as stack:
        files = [stack.enter_context(HashedFile(folder / name)) for name in names if name]
        for table in files[2:]:
            table.write(csv_lines([COLUMNS]))
        seq = first
        while rows := await audit.rows(session, org_id=org_id, first=seq, last=last, limit=_CHUNK):
            beside = await audit.personal(session, org_id=org_id, first=seq, last=rows[-1].seq)
            _write(files, rows, beside)
            seq = rows[-1].seq + 1
        checkpoints = await audit_checkpoints.between(
            session, org_id=org_id, first=max(first - 1, 1), last=last
        )
        signed = stack.enter_context(HashedFile(folder / "checkpoints.jsonl"))
        signed.write("".join(f"{kept.signed}\n" for kept in checkpoints).encode())
        about = {file.name: file.told() for file in (*files, signed)}
    manifest = signer.manifest(
        {
            "format": FORMAT,
            "class": "audit",
            "log": org_id,
            "made_at": made_at,
            "first_seq": first,
            "last_seq": last,
            "count": last - first + 1,
            "begins": _begins(first, head.pruned_to),
            "ends": "head" if last == head.seq else "range",
            "previous_hash": begin_hash.hex(),
            "head_hash": (await _hash_before(session, org_id, last + 1)).hex(),
            "frontier": [peak.hex() for peak in frontier.peaks],
            "checkpoints": len(checkpoints),
            "files": about,
        }
    )
    (folder / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return manifest


async def _hash_before(session: Session, org_id: str, seq: int) -> bytes:
    """The hash of the entry before `seq`, also where retention has removed it."""
    known = await audit_checkpoints.last(session, org_id=org_id, up_to=seq - 1)
    if known is not None and known.size == seq - 1:
        return known.head
    return await audit.hash_at(session, org_id=org_id, seq=seq - 1)


def _begins(first: int, pruned_to: int) -> str:
    if first == 1:
        return "start"
    return "pruned" if first == pruned_to + 1 else "range"


def _write(files: list[HashedFile], rows: Sequence[Row], beside: dict[int, list[Kept]]) -> None:
    entries, personal, *tables = files
    entries.write(b"".join(line(row.body, row.hash) + b"\n" for row in rows))
    for row in rows:
        found = [(row.body.find(commitment(one.line()).encode()), one) for one in beside.get(row.seq, ())]
        personal.write(b"".join(one.line() + b"\n" for _, one in sorted(found, key=itemgetter(0))))
    for table in tables:
        table.write(csv_lines(map(_cells, ((row, beside.get(row.seq, ())) for row in rows))))


def _cells(row_and_kept: tuple[Row, Iterable[Kept]]) -> list[Any]:
    row, kept = row_and_kept
    tree = opened(row.body, {one.path: one.value for one in kept})
    for part in ("actor", "target"):
        tree |= {f"{part}_{name}": value for name, value in tree[part].items()}
    for side in ("before", "after"):
        tree[side] = "" if tree[side] is None else msgspec.json.encode(tree[side]).decode()
    tree |= {"seq": row.seq, "hash": row.hash.hex()}
    return [cell(tree[name]) for name in COLUMNS]


def cell(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in _FORMULA:
        return f"'{value}"
    return "(erased)" if value is None else value


def csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """Rows of a table, with the line feeds of Unix."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
