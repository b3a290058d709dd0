"""Attacks on the audit log, each against an export of a real store: what `verify` says to them."""

import hashlib
import json
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gatewayops.base import clock
from gatewayops.record.audit import segments
from gatewayops.record.audit import verify as verify_module
from gatewayops.record.audit.chain_check import Expected
from gatewayops.record.audit.export import write_audit
from gatewayops.record.audit.notary import ChainBroken, Notary
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.audit.signing import Signer
from gatewayops.record.audit.verify import NotAnExport, Verdict, verify
from gatewayops.store.audit_entry import NO_HASH, Actor, Draft, Target, entry_hash
from gatewayops.store.control import audit
from gatewayops.store.control.audit import Wanted
from gatewayops.store.control.database import Database
from gatewayops.store.control.paging import Asked

ORG = "org_default"
SIGNER = Signer(b"k" * 32)
FILE_ANCHOR = "anchor.jsonl"

Lines = list[bytes]


class FileAnchor:
    """Keeps checkpoints outside of the store, as app.audit_anchor does."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def keep(self, *, log: str, size: int, line: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{line}\n")


@pytest.fixture
def notary(database: Database, tmp_path: Path) -> Notary:
    anchor = FileAnchor(tmp_path / FILE_ANCHOR)
    return Notary(database, SIGNER, AuditSettings(), anchors={"file": anchor})


async def denials(database: Database, count: int) -> None:
    async with database.session() as session:
        for number in range(count):
            draft = Draft(
                action="call.denied",
                actor=Actor("key", f"key_{number}", "Ada's agent"),
                target=Target("tool", "github/delete_repo", "delete_repo"),
                reason="role_not_granted",
                address="203.0.113.9",
            )
            audit.note(session, ORG, draft)


Exporter = Callable[[], Awaitable[Path]]


@pytest.fixture
async def exporter(database: Database, notary: Notary, tmp_path: Path) -> Exporter:
    """A log of three checkpoints, of which the last two entries are behind; makes exports of it."""
    for _ in range(3):
        await denials(database, 7)
        await notary.sign(is_forced=True)
    await notary.anchor()
    await denials(database, 2)
    return lambda: export(database, tmp_path)


async def export(database: Database, tmp_path: Path, **more: Any) -> Path:
    folder = tmp_path / "export"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    wanted = more.pop("wanted", Wanted())
    async with database.reading() as session:
        await write_audit(
            session, more.pop("signer", SIGNER), folder, org_id=ORG, wanted=wanted, with_csv=True
        )
    return folder


def prove(folder: Path, **more: Any) -> Verdict:
    return verify(folder, public_key=SIGNER.public_key, **more)


def rewrite(folder: Path, change: Callable[[Lines], Lines], *, name: str = "entries.jsonl") -> None:
    """Changes a file and what the manifest says of it; only the signature cannot be made anew."""
    path = folder / name
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def chained(lines: Lines) -> Lines:
    """Numbers and hashes made anew, as somebody with the source code would."""
    digest, made = NO_HASH, []
    for number, line in enumerate(lines, start=1):
        body = b'{"seq":%d,%b' % (number, line[:-76].partition(b",")[2])
        digest = entry_hash(digest, body)
        made.append(b'%b,"hash":"%b"}\n' % (body, digest.hex().encode()))
    return made


def said(verdict: Verdict) -> str:
    assert not verdict.is_proven
    return "\n".join(verdict.faults)


async def test_an_honest_export_is_proven_and_meets_its_anchor(exporter: Exporter, tmp_path: Path) -> None:
    verdict = prove(await exporter(), anchor=tmp_path / FILE_ANCHOR)
    assert verdict.faults == ()
    assert (verdict.begins, verdict.ends, verdict.entries, verdict.checkpoints) == ("start", "head", 25, 3)
    assert verdict.anchored == 3


async def test_an_anchor_that_goes_on_after_the_export_is_no_contradiction(
    database: Database, notary: Notary, exporter: Exporter, tmp_path: Path
) -> None:
    folder = await exporter()
    await denials(database, 5)
    await notary.sign(is_forced=True)
    await notary.anchor()
    verdict = prove(folder, anchor=tmp_path / FILE_ANCHOR)
    assert verdict.faults == ()
    assert (verdict.anchored, verdict.later) == (3, 1)


async def test_an_edited_entry_is_found(exporter: Exporter) -> None:
    folder = await exporter()
    rewrite(folder, lambda lines: [line.replace(b"key_3", b"key_4") for line in lines])
    assert "entry 6 was changed" in said(prove(folder))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda lines: [*lines[:9], lines[4], *lines[9:]], id="a copy"),
        pytest.param(lambda lines: [*lines[:9], b'{"seq":10}\n', *lines[9:]], id="a new one"),
    ],
)
async def test_an_inserted_entry_is_found(exporter: Exporter, change: Callable[[Lines], Lines]) -> None:
    folder = await exporter()
    rewrite(folder, change)
    assert "entr" in said(prove(folder))


async def test_entries_that_changed_places_are_found(exporter: Exporter) -> None:
    folder = await exporter()
    rewrite(folder, lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]])
    assert "missing before entry 6" in said(prove(folder))


async def test_a_deleted_entry_is_found(exporter: Exporter) -> None:
    folder = await exporter()
    rewrite(folder, lambda lines: [*lines[:10], *lines[11:]])
    assert "entry 11 is missing before entry 12" in said(prove(folder))


async def test_a_deleted_beginning_is_found(exporter: Exporter) -> None:
    folder = await exporter()
    rewrite(folder, lambda lines: lines[3:])
    assert "entries 1 to 3 are missing" in said(prove(folder))


async def test_a_tail_cut_off_an_export_is_found(exporter: Exporter) -> None:
    folder = await exporter()
    rewrite(folder, lambda lines: lines[:-1])
    assert "ends with entry 24, the manifest says 25" in said(prove(folder))


async def test_a_history_written_anew_fails_at_the_first_checkpoint(exporter: Exporter) -> None:
    folder = await exporter()
    rewrite(folder, lambda lines: chained([*lines[:2], *lines[3:]]))
    faults = said(prove(folder))
    assert "not the 9 entries that were there when their checkpoint was signed" in faults
    assert "its signature is wrong" in faults


async def test_a_history_written_anew_and_signed_by_a_new_key_is_found(
    database: Database, exporter: Exporter, tmp_path: Path
) -> None:
    await exporter()
    folder = await export(database, tmp_path, signer=Signer(b"n" * 32))
    assert "signed by the key" in said(prove(folder))
    assert "signed by the key" in said(verify(folder, anchor=tmp_path / FILE_ANCHOR))


async def test_a_tail_cut_off_the_store_itself_is_found_by_the_anchor(
    database: Database, exporter: Exporter, tmp_path: Path
) -> None:
    await exporter()
    async with database.reading() as session:
        known = await audit.rows(session, org_id=ORG, first=12, last=12, limit=1)
    await as_an_intruder(
        database,
        "DELETE FROM audit_entries WHERE seq > 12",
        "DELETE FROM audit_checkpoints WHERE size > 12",
        f"UPDATE audit_chains SET seq = 12, hash = x'{known[0].hash.hex()}'",
    )
    folder = await export(database, tmp_path)
    assert prove(folder).is_proven  # all that is left is true
    assert "it saw 23 entries, the log ends at 12: 11 are missing" in said(
        prove(folder, anchor=tmp_path / FILE_ANCHOR)
    )


async def test_an_entry_changed_in_the_store_is_found_in_the_next_export(
    database: Database, exporter: Exporter, tmp_path: Path
) -> None:
    await exporter()
    change = "UPDATE audit_entries SET body = replace(body, 'role_not_granted', 'tool_held') WHERE seq = 5"
    await as_an_intruder(database, change)
    assert "entry 5 was changed" in said(prove(await export(database, tmp_path)))


async def test_entries_deleted_in_the_store_stop_the_notary(
    database: Database, notary: Notary, exporter: Exporter
) -> None:
    await exporter()
    await as_an_intruder(database, "DELETE FROM audit_entries WHERE seq = 24")
    with pytest.raises(ChainBroken, match="not whole"):
        await notary.sign(is_forced=True)


async def test_a_lost_log_is_found_by_the_anchor(
    database: Database, exporter: Exporter, tmp_path: Path
) -> None:
    folder = await exporter()
    shutil.rmtree(folder)
    with pytest.raises(NotAnExport, match="checkpoint of 23 entries: the log is lost"):
        prove(folder, anchor=tmp_path / FILE_ANCHOR)
    for table in ("audit_entries", "audit_personal", "audit_checkpoints", "audit_anchors", "audit_chains"):
        await as_an_intruder(database, f"DELETE FROM {table}")
    await denials(database, 30)
    await Notary(database, SIGNER, AuditSettings()).sign()
    begun_anew = await export(database, tmp_path)
    assert prove(begun_anew).is_proven
    assert "not the 9 entries" in said(prove(begun_anew, anchor=tmp_path / FILE_ANCHOR))


async def test_the_export_of_another_log_does_not_meet_the_anchor(exporter: Exporter, tmp_path: Path) -> None:
    folder = await exporter()
    anchor = tmp_path / FILE_ANCHOR
    anchor.write_text(SIGNER.checkpoint(log="org_x", size=5, root=NO_HASH, head=NO_HASH, at="").line() + "\n")
    assert "holds no checkpoint of org_default" in said(prove(folder, anchor=anchor))


async def test_a_forged_checkpoint_is_found(exporter: Exporter) -> None:
    folder = await exporter()
    rewrite(folder, lambda lines: [lines[0].replace(b'"size":9', b'"size":8')], name="checkpoints.jsonl")
    faults = said(prove(folder))
    assert "the checkpoint of 8 entries is not signed by its key" in faults
    assert "1 checkpoints, the manifest counts 3" in faults


async def test_an_edited_table_is_found(exporter: Exporter) -> None:
    folder = await exporter()
    table = folder / "entries.csv"
    table.write_text(table.read_text().replace("role_not_granted", "fine"))
    assert "entries.csv: not the file that the manifest names" in said(prove(folder))


async def test_a_forged_personal_value_is_found(exporter: Exporter) -> None:
    folder = await exporter()
    rewrite(folder, lambda lines: [line.replace(b"Ada", b"Bob") for line in lines], name="personal.jsonl")
    assert "personal.jsonl: no entry committed to" in said(prove(folder))


async def test_an_erased_person_leaves_a_log_that_is_proven(
    database: Database, exporter: Exporter, tmp_path: Path
) -> None:
    await exporter()
    async with database.session() as session:
        count = await audit.erase(session, org_id=ORG, subject="Ada's agent", actor=Actor("admin", "local"))
    assert count == 23
    folder = await export(database, tmp_path)
    verdict = prove(folder, anchor=tmp_path / FILE_ANCHOR)
    assert verdict.faults == ()
    assert verdict.erased == 23
    assert "Ada" not in "".join(path.read_text() for path in folder.iterdir())


async def test_a_part_of_the_log_is_proven_as_a_part(
    database: Database, exporter: Exporter, tmp_path: Path
) -> None:
    await exporter()
    async with database.reading() as session:
        page = await audit.page(session, org_id=ORG, wanted=Wanted(), asked=audit_page(2))
    start = page.rows[-1]["at"]
    folder = await export(database, tmp_path, wanted=Wanted(start=moment(start)))
    verdict = prove(folder, anchor=tmp_path / FILE_ANCHOR)
    assert verdict.faults == ()
    assert (verdict.begins, verdict.first_seq, verdict.entries) == ("range", 24, 2)


@pytest.mark.parametrize("worth_processes_bytes", [0, 1 << 30], ids=["in parts", "at once"])
async def test_what_retention_removed_is_told_by_the_log_itself(
    database: Database,
    notary: Notary,
    exporter: Exporter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    worth_processes_bytes: int,
) -> None:
    monkeypatch.setattr(verify_module, "_WORTH_PROCESSES_BYTES", worth_processes_bytes)
    await exporter()
    in_two_years = clock.now() + timedelta(days=731)
    monkeypatch.setattr(clock, "now", lambda: in_two_years)
    await denials(database, 1)
    await notary.prune()
    verdict = prove(await export(database, tmp_path), anchor=tmp_path / FILE_ANCHOR)
    assert verdict.faults == ()
    assert (verdict.begins, verdict.first_seq, verdict.entries) == ("pruned", 24, 4)


async def test_a_beginning_that_was_removed_as_if_by_retention_is_found(
    database: Database, exporter: Exporter, tmp_path: Path
) -> None:
    await exporter()
    await as_an_intruder(
        database, "UPDATE audit_chains SET pruned_to = 9", "DELETE FROM audit_entries WHERE seq <= 9"
    )
    assert "no entry tells that" in said(prove(await export(database, tmp_path)))


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the export were large: parts of it in processes of their own."""
    monkeypatch.setattr(verify_module, "_WORTH_PROCESSES_BYTES", 0)
    monkeypatch.setattr(segments, "_PART_BYTES", 4_000)


async def test_a_large_export_is_proven_in_parts(
    database: Database, exporter: Exporter, tmp_path: Path, in_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await exporter()
    async with database.session() as session:
        await audit.erase(session, org_id=ORG, subject="key_3", actor=Actor("admin", "local"))
    monkeypatch.setattr(verify_module, "check_chain", None)  # which would say what is wrong
    verdict = prove(await export(database, tmp_path), anchor=tmp_path / FILE_ANCHOR)
    assert verdict.faults == ()
    assert (verdict.entries, verdict.anchored, verdict.erased) == (26, 3, 6)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(
            lambda lines: [line.replace(b"key_3", b"key_4") for line in lines], "6 was", id="edited"
        ),
        pytest.param(lambda lines: [*lines[:20], *lines[21:]], "21 is missing", id="deleted"),
        pytest.param(lambda lines: lines[:-1], "ends with entry 24", id="cut"),
        pytest.param(lambda lines: chained([*lines[:2], *lines[3:]]), "not the 9 entries", id="written anew"),
    ],
)
async def test_attacks_on_a_large_export_are_found(
    exporter: Exporter, in_parts: None, change: Callable[[Lines], Lines], fault: str
) -> None:
    folder = await exporter()
    rewrite(folder, change)
    assert segments.prove(folder / "entries.jsonl", folder / "personal.jsonl", expected_of(folder)) is None
    assert fault in said(prove(folder))


async def test_a_forged_personal_value_of_a_large_export_is_found(exporter: Exporter, in_parts: None) -> None:
    folder = await exporter()
    personal = folder / "personal.jsonl"
    personal.write_bytes(personal.read_bytes().replace(b"Ada's agent", b"Bob's agent", 1))
    assert segments.prove(folder / "entries.jsonl", personal, expected_of(folder)) is None


def expected_of(folder: Path) -> Expected:
    manifest, _ = verify_module._manifest(folder, ())
    return verify_module._expected(manifest, verify_module._checkpoints(folder / "checkpoints.jsonl"))


async def as_an_intruder(database: Database, *statements: str) -> None:
    """Somebody who may do all in the database, who is not stopped by triggers."""
    async with database.engine.begin() as connection:
        names = await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in names.scalars().all():
            await connection.execute(text(f"DROP TRIGGER {name}"))
        for statement in statements:
            await connection.execute(text(statement))


def audit_page(limit: int) -> Asked:
    return Asked(limit=limit)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
