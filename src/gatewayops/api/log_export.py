"""`POST /v1/logs/export`: a log as a zip of files with a signed manifest.

The audit log's is a proof (`gatewayops audit verify`); the requests' manifest proves who exported what, and
when. The export is itself an entry of the audit log.
"""

import asyncio
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from gatewayops.api.auth import check_action, principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.log_shapes import AuditVerdict, ExportWanted, RequestQuestion
from gatewayops.api.logs import AuditReader, notary_of, request_filter, times
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.trace_shapes import SpanBody, span_body
from gatewayops.base import clock
from gatewayops.base.errors import TooMany
from gatewayops.identity.principal import Principal
from gatewayops.query import traces
from gatewayops.record.audit.export import HashedFile, cell, csv_lines, write_audit
from gatewayops.record.audit.notary import ChainBroken
from gatewayops.record.audit.verify import verify
from gatewayops.store import origin
from gatewayops.store.audit_entry import Draft, Target, iso
from gatewayops.store.control import audit
from gatewayops.store.control.audit import Wanted

router = LateRouter(prefix="/v1/logs", tags=["Logs"])

Caller = Annotated[Principal, Depends(principal_for("audit.read", "traces.read"))]

_NEEDS = {"audit": "audit.read", "requests": "traces.read"}
_AT_ONCE = 2
_MAX_FAULTS = 100
_PAGE = 500
_REQUESTS_FORMAT = "gatewayops-requests-export/1"
_COLUMNS = tuple(SpanBody.model_fields)

_under_way = asyncio.Semaphore(_AT_ONCE)


@router.post(
    "/export",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "A zip with manifest.json"}},
)
async def export(body: ExportWanted, request: Request, caller: Caller, parts: Parts) -> FileResponse:
    """All entries or requests of a time range, as JSON Lines or CSV, with a signed manifest, in a zip.

    Needs `audit.read` for the class audit, `traces.read` for requests.
    """
    await check_action(request, caller, _NEEDS[body.log])
    _check_free()
    async with _under_way:
        folder = await _folder()
        try:
            packed = await _export(parts, caller, body, folder)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder)
            raise
    return FileResponse(
        packed,
        media_type="application/zip",
        filename=f"{body.log}-{clock.now():%Y%m%dT%H%M%SZ}.zip",
        background=BackgroundTask(shutil.rmtree, folder),
    )


@router.post("/audit/verify")
async def prove(caller: AuditReader, parts: Parts) -> AuditVerdict:
    """Reads the whole audit log and checks chain, checkpoints and signatures, as `audit verify` does.

    This is what the installation finds about itself. Who trusts it as little as its database exports the log,
    and proves it elsewhere with an anchor.
    """
    signer = notary_of(parts).signer
    _check_free()
    async with _under_way:
        folder = await _folder()
        try:
            async with parts.database.reading() as session:
                told = await write_audit(
                    session, signer, folder, org_id=caller.org_id, wanted=Wanted(), with_csv=False
                )
            verdict = await asyncio.to_thread(verify, folder, public_key=signer.public_key)
        except ChainBroken as error:
            return AuditVerdict(proven=False, entries=0, checkpoints=0, erased=0, faults=[str(error)])
        finally:
            await asyncio.to_thread(shutil.rmtree, folder)
    return AuditVerdict(
        proven=verdict.is_proven,
        entries=told["count"],
        checkpoints=verdict.checkpoints,
        erased=verdict.erased,
        faults=list(verdict.faults)[:_MAX_FAULTS],
    )


def _check_free() -> None:
    if _under_way.locked():
        msg = "other exports are being made; try again in some seconds"
        raise TooMany(msg)


async def _folder() -> Path:
    return Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="gatewayops-export-"))


async def _export(parts: ControlParts, caller: Principal, body: ExportWanted, folder: Path) -> Path:
    files = folder / "files"
    await asyncio.to_thread(files.mkdir)
    if body.log == "audit":
        signer = notary_of(parts).signer
        wanted = Wanted(**times(body.start_time, body.end_time))
        is_csv = body.format == "csv"
        async with parts.database.reading() as session:
            told = await write_audit(
                session, signer, files, org_id=caller.org_id, wanted=wanted, with_csv=is_csv
            )
    else:
        told = await _write_requests(parts, caller, body, files)
    await _note(parts, caller, body, told)
    packed = folder / "export.zip"
    await asyncio.to_thread(_pack, files, packed)
    return packed


async def _write_requests(
    parts: ControlParts, caller: Principal, body: ExportWanted, folder: Path
) -> dict[str, Any]:
    wanted = request_filter(
        RequestQuestion(start_time=body.start_time, end_time=body.end_time), caller.org_id
    )
    count, cursor, newest, oldest = 0, "", "", ""
    with HashedFile(folder / f"requests.{body.format}") as file:
        if body.format == "csv":
            file.write(csv_lines([_COLUMNS]))
        while True:
            page = await traces.list_requests(parts.telemetry, wanted, limit=_PAGE, cursor=cursor)
            bodies = [span_body(span) for span in page.spans]
            if bodies:
                newest, oldest = newest or bodies[0].start_time, bodies[-1].start_time
            count += len(bodies)
            file.write(_table(bodies) if body.format == "csv" else _lines(bodies))
            if page.cursor is None:
                break
            cursor = page.cursor
        about = {file.name: file.told()}
    manifest = notary_of(parts).signer.manifest(
        {
            "format": _REQUESTS_FORMAT,
            "class": "requests",
            "log": caller.org_id,
            "made_at": iso(clock.now()),
            "count": count,
            "first_at": oldest,
            "last_at": newest,
            "files": about,
        }
    )
    (folder / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return manifest


def _lines(bodies: Iterable[SpanBody]) -> bytes:
    return b"".join(body.model_dump_json().encode() + b"\n" for body in bodies)


def _table(bodies: Iterable[SpanBody]) -> bytes:
    trees = (body.model_dump(mode="json") for body in bodies)
    return csv_lines([_cell(tree[name]) for name in _COLUMNS] for tree in trees)


def _cell(value: Any) -> Any:  # noqa: ANN401 - JSON
    if value is None:
        return ""
    return cell(msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value)


async def _note(parts: ControlParts, caller: Principal, body: ExportWanted, told: dict[str, Any]) -> None:
    known = origin.current()
    draft = Draft(
        action="export.made",
        actor=known.actor,
        target=Target("log", body.log),
        after={
            "format": body.format,
            "start_time": body.start_time,
            "end_time": body.end_time,
            "count": told["count"],
            "files": {name: about["sha256"] for name, about in told["files"].items()},
        },
        address=known.address,
        request_id=known.request_id,
        trace_id=known.trace_id,
    )
    async with parts.database.session() as session:
        audit.note(session, caller.org_id, draft)


def _pack(folder: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
