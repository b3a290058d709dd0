"""python -m bench.exports: memory over an outage, then spans a second to a destination and CPU a span.

Each call is as a gateway records it, without payloads. Its receiver, in a process of its own, acknowledges
everything unread. The outage is of simulated time: the destination answers 503 while `--waiting` calls are
queued, with the real queue on disk and the waits of a whole day; then all of it must arrive.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio

from bench.process_cost import rss_mb
from gatewayops.record.call_record import CallRecord
from gatewayops.record.exports.queue import ExportQueue, read_state, waiting
from gatewayops.upstream.exports.delivery import Answer, Deliver, Protocol, Target, Verdict, connected
from gatewayops.upstream.exports.sender import Sender

_ROOM = 64 << 30
_DAY_S = 24 * 3600
_AT_ONCE = 1_000
_FIRST_NS = 1_780_000_000_000_000_000


def calls(first: int, count: int) -> list[CallRecord]:
    """Tool calls, as the gateway records them."""
    return [
        CallRecord(
            ts_ns=_FIRST_NS + number * 1_000_000,
            duration_ns=42_000_000,
            org_id="org_default",
            key_id="key_29t9bOwNPC5JccAUx8Ih",
            user_id="user_29t9bOwNPC5JccAUx8Ih",
            team_id="team_29t9bOwNPC5JccAUx8Ih",
            project_id="",
            env="production",
            trace_id=os.urandom(16).hex(),
            span_id=f"{number + 1:016x}",
            parent_span_id=os.urandom(8).hex(),
            door="mcp",
            era="modern",
            method="tools/call",
            server="crm",
            tool="search_customers",
            resource_uri="",
            status="success",
            reason="",
            http_status=200,
            rpc_code=0,
            error_detail="",
            auth_ns=2_000,
            policy_ns=9_000,
            upstream_ns=41_000_000,
            request_bytes=310,
            response_bytes=1_900,
            input_tokens=60,
            output_tokens=480,
            cost_micros=1_200,
            request_body="",
            response_body="",
            is_request_cut=False,
            is_response_cut=False,
            agent="claude-code",
            session="",
            rpc_id=str(number),
            request_id=os.urandom(12).hex(),
            protocol_version="2026-07-28",
            client_address="10.1.2.3",
        )
        for number in range(first, first + count)
    ]


async def acknowledge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request of a connection, unread."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]
            await reader.readexactly(int(length))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    except asyncio.IncompleteReadError:
        writer.close()


async def receive() -> None:
    """Serves HTTP and gRPC until ended; prints the two ports."""
    http = await asyncio.start_server(acknowledge, "127.0.0.1", 0)

    async def export(_request: bytes, _context: object) -> bytes:
        return b""

    rpc = grpc.aio.server()
    methods = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    name = "opentelemetry.proto.collector.trace.v1.TraceService"
    rpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
    port = rpc.add_insecure_port("127.0.0.1:0")
    await rpc.start()
    print(http.sockets[0].getsockname()[1], port, flush=True)
    await http.serve_forever()


@asynccontextmanager
async def receiver() -> AsyncIterator[dict[Protocol, str]]:
    """Addresses by protocol."""
    words = (sys.executable, "-m", "bench.exports", "--receive")
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    http, rpc = (await process.stdout.readline()).split()
    at = {one: f"http://127.0.0.1:{int(http)}" for one in Protocol}
    try:
        yield at | {Protocol.GRPC: f"http://127.0.0.1:{int(rpc)}"}
    finally:
        process.terminate()
        await process.wait()


async def drain(folder: Path, queue: ExportQueue, deliver: Deliver) -> None:
    """Sends until nothing waits."""
    sender = Sender(queue, deliver, with_payloads=False)
    while waiting(folder, read_state(folder)).queued_bytes:
        await sender.step()


async def throughput(folder: Path, at: dict[Protocol, str], count: int) -> None:
    """Prints how fast a queue is filled, and emptied by each protocol."""
    print(f"{count:,} calls, batches of 500, gzip, on loopback:")
    for protocol in Protocol:
        place = folder / protocol.name
        queue = ExportQueue(place, max_bytes=_ROOM)
        parts = [calls(first, _AT_ONCE) for first in range(0, count, _AT_ONCE)]
        begin = time.process_time()
        for part in parts:
            queue.append(part)
        queued = time.process_time() - begin
        target = Target(at[protocol], protocol=protocol, allows_private=True)
        async with connected(target) as deliver:
            begin, wall = time.process_time(), time.perf_counter()
            await drain(place, queue, deliver)
        spent, wall = time.process_time() - begin, time.perf_counter() - wall
        queue.close()
        assert read_state(place).sent == count, read_state(place)
        print(
            f"  {protocol.value:14} {count / wall:8,.0f} spans/s, {spent / count * 1e6:5.1f} us CPU a span"
            f" (and {queued / count * 1e6:.1f} us into the queue)"
        )


async def outage(folder: Path, url: str, count: int) -> None:
    """Prints what a day without the destination costs, and whether all arrives afterwards."""
    queue = ExportQueue(folder, max_bytes=_ROOM)
    slept: list[float] = []
    queued = 0

    async def away(_request: object) -> Answer:
        return Answer(Verdict.AGAIN, "HTTP 503", status=503)

    queue.append(calls(0, 1))
    sender = Sender(queue, away, with_payloads=False)
    await sender.step()
    before = peak = rss_mb(os.getpid())
    while sum(slept) < _DAY_S:
        slept.append(await sender.step())
        due = min(int(count * sum(slept) / _DAY_S), count - 1)
        while queued < due:
            part = min(_AT_ONCE, due - queued)
            queue.append(calls(queued + 1, part))
            queued += part
        peak = max(peak, rss_mb(os.getpid()))
    size = waiting(folder, read_state(folder)).queued_bytes
    async with connected(Target(url, allows_private=True)) as deliver:
        await drain(folder, queue, deliver)
    queue.close()
    peak, state = max(peak, rss_mb(os.getpid())), read_state(folder)
    print(f"a day away, {queued + 1:,} calls queued meanwhile, {len(slept):,} attempts:")
    print(f"  memory {before:.0f} MB before, at most {peak:.0f} MB until all was delivered")
    print(f"  delivered {state.sent:,}, lost {queued + 1 - state.sent:,}")
    a_call = size / (queued + 1)
    a_day = a_call * 1_000 * _DAY_S / 1e9
    print(f"  {a_call:.0f} bytes a call on disk: a day at 1,000 calls/s is {a_day:.0f} GB")


async def main(count: int, held: int) -> None:
    """Prints figures."""
    with tempfile.TemporaryDirectory(prefix="gatewayops-exports-") as folder:
        async with receiver() as at:
            await outage(Path(folder) / "outage", at[Protocol.HTTP_PROTOBUF], held)
            await throughput(Path(folder), at, count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--waiting", type=int, default=1_000_000)
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    asyncio.run(receive() if given.receive else main(given.spans, given.waiting))
