"""How long `gatewayops audit verify` takes: makes an export of a million entries and proves it.

`python -m bench.audit [--entries N] [--names]` prints seconds. The goal is 5 s for a million on two cores.
"""

import argparse
import hashlib
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gatewayops.record.audit.merkle import Frontier
from gatewayops.record.audit.signing import Signer
from gatewayops.record.audit.verify import verify
from gatewayops.store.audit_entry import NO_HASH, Actor, Draft, Place, Target, entry_hash, iso, line, seal

_AT = datetime(2026, 11, 24, tzinfo=UTC)
_EVERY = 1_000  # entries a checkpoint
_DRAFT = Draft(  # as record.audit.follower makes them of what gateways refuse
    action="call.denied",
    actor=Actor("key", "key_4fQ2aB6cD8eF0gH1iJ3k"),
    target=Target("tool", "github/delete_repository", "delete_repository"),
    reason="role_not_granted",
    detail="tools/call: no role or policy of yours grants tools.call of delete_repository on github",
    address="10.1.2.3",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    first_at=_AT,
    last_at=_AT,
)


def write_export(
    folder: Path, signer: Signer, *, entries: int, draft: Draft = _DRAFT, log: str = "org_default"
) -> None:
    """An export as `record.audit.export` writes it."""
    tree, digest = Frontier(), NO_HASH
    checkpoints = []
    with (folder / "entries.jsonl").open("wb") as lines, (folder / "personal.jsonl").open("wb") as beside:
        for seq in range(1, entries + 1):
            sealed = seal(draft, Place(log, seq, _AT))
            digest = entry_hash(digest, sealed.body)
            tree.add(digest)
            lines.write(line(sealed.body, digest) + b"\n")
            beside.write(b"".join(one.line() + b"\n" for one in sealed.personal))
            if seq % _EVERY == 0 or seq == entries:
                made = signer.checkpoint(log=log, size=seq, root=tree.root(), head=digest, at=iso(_AT))
                checkpoints.append(made.line())
    (folder / "checkpoints.jsonl").write_text("\n".join(checkpoints) + "\n")
    tree_of = _manifest(folder, log=log, entries=entries, head=digest, checkpoints=len(checkpoints))
    (folder / "manifest.json").write_bytes(msgspec.json.encode(signer.manifest(tree_of)))


def _manifest(folder: Path, *, log: str, entries: int, head: bytes, checkpoints: int) -> dict[str, Any]:
    names = ("entries.jsonl", "personal.jsonl", "checkpoints.jsonl")
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    return {
        "format": "gatewayops-audit-export/1",
        "class": "audit",
        "log": log,
        "made_at": iso(_AT),
        "first_seq": 1,
        "last_seq": entries,
        "count": entries,
        "begins": "start",
        "ends": "head",
        "previous_hash": NO_HASH.hex(),
        "head_hash": head.hex(),
        "frontier": [],
        "checkpoints": checkpoints,
        "files": {name: {"sha256": digest} for name, digest in digests.items()},
    }


def main() -> None:
    """Prints three runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument(
        "--names", action="store_true", help="with a name besides the address, as changes have"
    )
    asked = parser.parse_args()
    entries, personal = asked.entries, 2 if asked.names else 1
    draft = msgspec.structs.replace(_DRAFT, actor=Actor("key", _DRAFT.actor.id, "nightly agent"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_export(folder, Signer(bytes(32)), entries=entries, draft=draft if asked.names else _DRAFT)
        size = (folder / "entries.jsonl").stat().st_size
        runs = [_run(folder) for _ in range(3)]
    print(f"{entries:,} entries ({size / 1e6:,.0f} MB), {personal} personal value(s) each, proven:")
    for took_s, cpu_s in runs:
        print(f"  {took_s:.2f} s, of CPU {cpu_s:.2f} s on two cores")


def _run(folder: Path) -> tuple[float, float]:
    began, began_cpu = time.perf_counter(), _cpu_s()
    verdict = verify(folder)
    assert verdict.is_proven, verdict.faults
    return time.perf_counter() - began, _cpu_s() - began_cpu


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
