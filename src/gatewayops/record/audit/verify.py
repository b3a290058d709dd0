"""Proving an export of an audit log, offline: without a database, without this installation.

What is asked, and what each answer rules out: the manifest is signed (nothing was changed since the
export); each entry's hash follows from its text and the entry before (edits, insertions, deletions, changes
of order); the Merkle root at each checkpoint is the one that was signed then (a history that was written
anew); each checkpoint of an anchor is met (a tail that was cut, a log that was lost or replaced); each
personal value that is left is the one that was committed.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from gatewayops.base.errors import InvalidInput
from gatewayops.record.audit import segments
from gatewayops.record.audit.chain_check import Expected, check_chain
from gatewayops.record.audit.personal_check import check_personal
from gatewayops.record.audit.signing import Checkpoint, is_manifest_genuine

_FORMAT = "gatewayops-audit-export/1"
_ENTRIES = "entries.jsonl"
_MOST_FAULTS = 20
_WORTH_PROCESSES_BYTES = 4 << 20


class NotAnExport(InvalidInput):
    """The folder does not hold what an export consists of."""


class Verdict(msgspec.Struct, frozen=True):
    """What was found.

    No faults: the export is what the holder of `key` wrote, and all that was asked holds.
    """

    log: str
    first_seq: int
    last_seq: int
    begins: str  # start, pruned (retention removed what was before), or range (only a part was asked for)
    ends: str  # head, or range
    entries: int
    checkpoints: int
    anchored: int  # checkpoints of the anchor that were met
    later: int  # checkpoints of the anchor that were signed after the export: they say nothing about it
    erased: int  # personal values that were erased
    key: str
    faults: tuple[str, ...]

    @property
    def is_proven(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class _Manifest(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    format: str
    kind: str
    log: str
    first_seq: int
    made_at: str
    last_seq: int
    count: int
    begins: str
    ends: str
    previous_hash: str
    head_hash: str
    frontier: tuple[str, ...]
    checkpoints: int
    files: dict[str, dict[str, Any]]
    key: str


def verify(folder: Path, *, anchor: Path | None = None, public_key: str = "") -> Verdict:
    """Checks an export folder. `anchor` is the anchor's file, or a folder of its objects.

    `public_key` (64 hex digits) is the key that must have signed; without it the export's own is taken, which
    proves nothing against somebody who has made a key of their own: compare it. Raises NotAnExport.
    """
    anchored = tuple(read_anchor(anchor)) if anchor else ()
    manifest, tree = _manifest(folder, anchored)
    faults: list[str] = []
    if not is_manifest_genuine(tree):
        faults.append("manifest.json: its signature is wrong; it was changed, or is not from its key")
    key = public_key.lower() or (anchored[0].key if anchored else manifest.key)
    if manifest.key != key:
        faults.append(f"manifest.json: signed by the key {manifest.key[:16]}…, not by {key[:16]}…")
    checkpoints = tuple(_checkpoints(folder / "checkpoints.jsonl"))
    if len(checkpoints) != manifest.checkpoints:
        faults.append(
            f"checkpoints.jsonl: {len(checkpoints)} checkpoints, the manifest counts {manifest.checkpoints}"
        )
    faults += _false_statements("checkpoints.jsonl", checkpoints, manifest.log, key)
    anchored = tuple(one for one in anchored if one.log == manifest.log)
    faults += _false_statements("the anchor", anchored, manifest.log, key)
    faults += _what_anchors_miss(anchored, manifest, is_anchor_given=anchor is not None)
    expected = _expected(manifest, (*checkpoints, *anchored))
    found, erased = _check_files(folder, expected, manifest, faults)
    return Verdict(
        log=manifest.log,
        first_seq=manifest.first_seq,
        last_seq=manifest.last_seq,
        begins=manifest.begins,
        ends=manifest.ends,
        entries=found,
        checkpoints=len(checkpoints),
        anchored=sum(manifest.first_seq - 1 <= one.size <= manifest.last_seq for one in anchored),
        later=sum(one.at >= manifest.made_at for one in anchored),
        erased=erased,
        key=manifest.key,
        faults=tuple(faults[:_MOST_FAULTS]),
    )


def read_anchor(path: Path) -> Iterable[Checkpoint]:
    """The checkpoints that an anchor holds. Raises NotAnExport for a line that is none."""
    files = sorted(path.rglob("*.json*")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        msg = f"{path}: no anchor's file, and no folder that holds checkpoints"
        raise NotAnExport(msg)
    for file in files:
        yield from _checkpoints(file)


def _manifest(folder: Path, anchored: tuple[Checkpoint, ...]) -> tuple[_Manifest, dict[str, Any]]:
    try:
        raw = (folder / "manifest.json").read_bytes()
        tree = msgspec.json.decode(raw, type=dict[str, Any])
        manifest = msgspec.convert(tree, _Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        lost = max((one.size for one in anchored), default=0)
        but = f"; the anchor holds a checkpoint of {lost} entries: the log is lost" if lost else ""
        msg = f"{folder}: no manifest.json of an export{but}"
        raise NotAnExport(msg) from error
    if manifest.format != _FORMAT or manifest.kind != "audit":
        msg = f"{folder}: an export of {manifest.kind} ({manifest.format}), which is no audit log"
        raise NotAnExport(msg)
    return manifest, tree


def _checkpoints(path: Path) -> Iterable[Checkpoint]:
    try:
        lines = path.read_bytes().splitlines()
        yield from (msgspec.json.decode(line, type=Checkpoint) for line in lines if line.strip())
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"{path}: cannot be read as checkpoints"
        raise NotAnExport(msg) from error


def _false_statements(where: str, checkpoints: Iterable[Checkpoint], log: str, key: str) -> Iterable[str]:
    for one in checkpoints:
        if not one.is_genuine():
            yield f"{where}: the checkpoint of {one.size} entries is not signed by its key"
        elif one.key != key:
            yield f"{where}: the checkpoint of {one.size} entries is signed by another key, {one.key[:16]}…"
        elif one.log != log:
            yield f"{where}: the checkpoint of {one.size} entries is of another log, {one.log}"


def _what_anchors_miss(
    anchored: tuple[Checkpoint, ...], manifest: _Manifest, *, is_anchor_given: bool
) -> Iterable[str]:
    if is_anchor_given and not anchored:
        yield f"the anchor: it holds no checkpoint of {manifest.log}"
    last = max((one.size for one in anchored if one.at < manifest.made_at), default=0)
    if manifest.ends == "head" and last > manifest.last_seq:
        yield (
            f"the anchor: it saw {last} entries, the log ends at {manifest.last_seq}: "
            f"{last - manifest.last_seq} are missing at the end"
        )


def _expected(manifest: _Manifest, checkpoints: Iterable[Checkpoint]) -> Expected:
    states: dict[int, list[tuple[str, str]]] = {}
    for one in checkpoints:
        if manifest.first_seq - 1 <= one.size <= manifest.last_seq:
            states.setdefault(one.size, []).append((one.root, one.head))
    return Expected(
        log=manifest.log,
        first_seq=manifest.first_seq,
        last_seq=manifest.last_seq,
        previous_hash=manifest.previous_hash,
        head_hash=manifest.head_hash,
        frontier=manifest.frontier,
        states=states,
        is_pruned=manifest.begins == "pruned" and manifest.ends == "head",
    )


def _check_files(folder: Path, expected: Expected, manifest: _Manifest, faults: list[str]) -> tuple[int, int]:
    """Chain, personal values and digests; how many entries there are, and erased values."""
    entries, personal = folder / _ENTRIES, folder / "personal.jsonl"
    faults += _wrong_digests(folder, manifest)
    if not faults and entries.is_file() and entries.stat().st_size > _WORTH_PROCESSES_BYTES:
        proven = segments.prove(entries, personal, expected)
        if proven is not None:
            return manifest.last_seq - manifest.first_seq + 1, proven
    walked = check_chain(entries, expected)
    erased, wrong = check_personal(entries, personal)
    faults += [*walked.faults, *wrong]
    return walked.entries, erased


def _wrong_digests(folder: Path, manifest: _Manifest) -> list[str]:
    """Of `entries.jsonl` the walk along the chain has proven every byte."""
    told = {name: about.get("sha256") for name, about in manifest.files.items() if name != _ENTRIES}
    return [
        f"{name}: not the file that the manifest names; it was changed or is missing"
        for name, digest in told.items()
        if _digest(folder / Path(name).name) != digest
    ]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
