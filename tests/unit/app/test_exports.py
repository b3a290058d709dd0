"""From the spool to a receiver: destinations take effect, change and go without a restart."""

import asyncio
import gzip
from functools import partial
from pathlib import Path

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gatewayops.app.exports import Exports
from gatewayops.base.crypto import Sealer
from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Follower
from gatewayops.record.spool import SpoolWriter
from gatewayops.store.control import exports
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.control.exports import DestinationSpec
from gatewayops.store.secrets.keyring import Keyring
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import Masters

_TYPES = CallRecord.__annotations__


def frame(number, org_id="org_default", server="github", body=""):
    blank = {"int": 0, "bool": False, "str": ""}
    fields = {name: blank[getattr(kind, "__name__", kind)] for name, kind in _TYPES.items()}
    fields |= {"trace_id": "0" * 32, "span_id": f"{number:016x}", "org_id": org_id, "server": server}
    fields |= {"method": "tools/call", "status": "success", "request_body": body}
    return msgspec.msgpack.encode(CallRecord(**fields))


async def serve(got, keys, reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    body = gzip.decompress(await reader.readexactly(int(headers["content-length"])))
    keys.append(headers["x-key"])
    spans = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    got.extend(span.span_id.hex() for span in spans)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


async def until(holds):
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110 - a folder and a receiver tell nobody
            await asyncio.sleep(0.05)


async def test_calls_go_to_the_destinations_of_their_organisation_until_these_are_removed(
    database: Database, tmp_path: Path
) -> None:
    master, sealer = LocalMaster(tmp_path / "secrets"), Sealer(b"s" * 32)
    credentials = Credentials(database, Keyring(Masters("local", {"local": lambda: master}), before=sealer))
    got, keys = [], []
    server = await asyncio.start_server(partial(serve, got, keys), "127.0.0.1", 0)
    export_id = exports.new_destination_id()
    sealed = await credentials.seal(
        b'{"x-key":"k"}',
        org_id="org_default",
        bound_to=exports.export_binding("org_default", export_id),
    )
    spec = DestinationSpec(
        name="here",
        preset="generic",
        endpoint=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        headers_sealed=sealed,
        allows_private=True,
        servers=("github",),
    )
    folder = tmp_path / "export"
    sending = Exports(database, credentials, folder, max_bytes=1 << 20)
    follower = Follower(tmp_path / "spool", sending)
    writer = SpoolWriter(tmp_path / "spool")
    running = asyncio.create_task(sending.run())
    try:
        async with database.session() as session:
            await exports.add(session, org_id="org_default", destination_id=export_id, spec=spec)
        writer.append(
            frame(1, body="a payload"), frame(2, org_id="org_other"), frame(3, server="jira"), frame(4)
        )
        await follower.drain()
        await until(lambda: len(got) == 2)
        assert got == [f"{1:016x}", f"{4:016x}"]
        assert set(keys) == {"k"}
        assert not any(b"a payload" in path.read_bytes() for path in folder.glob("*/*/*.seg"))
        async with database.session() as session:
            await exports.remove(session, org_id="org_default", ref="here")
        writer.append(frame(5))
        await follower.drain()
        await until(lambda: not list(folder.iterdir()))
        assert len(got) == 2
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.close()
