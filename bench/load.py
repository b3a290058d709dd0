"""The load generator: a process of its own, sockets without a framework, bounded in time and in calls.

Closed loop: each connection sends its next call when the answer is there. At a fixed rate: calls are
due at even distances and their latency counts from when they were due, waiting for a free connection
included. Reads a Plan as JSON from standard input and prints a Load as JSON.
"""

import json
import select
import socket
import sys
import time
from collections import deque

import msgspec

from bench.ranks import nearest_rank

_CHECK_EVERY = 50
_TIMEOUT_S = 5.0


class Plan(msgspec.Struct):
    """What to send where."""

    port: int
    path: str
    headers: dict[str, str]
    body: str  # with ID where the call's id goes
    connections: int
    seconds: float
    calls_per_s: float = 0.0  # 0: closed loop


class Load(msgspec.Struct):
    """What came back."""

    calls: int
    failed: int
    seconds: float
    p50_us: float
    p99_us: float
    first_failure: str = ""


class _Connection:
    """One keep-alive connection, one call at a time."""

    def __init__(self, plan: Plan, number: int) -> None:
        self.rpc_id = 100_000 + number
        body = plan.body.replace("ID", str(self.rpc_id)).encode()
        lines = [f"POST {plan.path} HTTP/1.1", f"Host: 127.0.0.1:{plan.port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in plan.headers.items()]
        self.request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        self.socket = socket.create_connection(("127.0.0.1", plan.port), timeout=_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.due_at = 0.0

    def send(self, due_at: float) -> None:
        self.due_at = due_at
        self.socket.sendall(self.request)

    def receive(self) -> bytes | None:
        """A whole answer, or None when more has to come."""
        data = self.socket.recv(65536)
        if not data:
            msg = "the connection was closed"
            raise ConnectionError(msg)
        self.rest += data
        head_end = self.rest.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        head = self.rest[:head_end].lower()
        at = head.find(b"content-length:")
        if at >= 0:
            is_whole = len(self.rest) >= head_end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        else:
            is_whole = self.rest.endswith(b"0\r\n\r\n")
        if not is_whole:
            return None
        answer, self.rest = self.rest, b""
        return answer


class _Tally:
    """Latencies, and whether the answers are right."""

    def __init__(self) -> None:
        self.latencies_s: list[float] = []
        self.failed = 0
        self.first_failure = ""

    def add(self, connection: _Connection, answer: bytes, now: float) -> None:
        self.latencies_s.append(now - connection.due_at)
        if not answer.startswith(b"HTTP/1.1 200"):
            self.fail(answer)
        elif len(self.latencies_s) % _CHECK_EVERY == 1:
            body = answer.partition(b"\r\n\r\n")[2]
            if json.loads(body).get("id") != connection.rpc_id or b'"result"' not in body:
                self.fail(answer)

    def fail(self, answer: bytes) -> None:
        self.failed += 1
        self.first_failure = self.first_failure or answer[-300:].decode("utf-8", "replace")

    def load(self, seconds: float) -> Load:
        p50, p99 = (nearest_rank(self.latencies_s, part) * 1e6 for part in (0.5, 0.99))
        return Load(
            calls=len(self.latencies_s), failed=self.failed, seconds=seconds,
            p50_us=p50, p99_us=p99, first_failure=self.first_failure,
        )  # fmt: skip


def closed_loop(plan: Plan) -> Load:
    """As fast as the connections allow."""
    connections = {c.socket.fileno(): c for c in (_Connection(plan, at) for at in range(plan.connections))}
    poll = select.epoll()
    for number in connections:
        poll.register(number, select.EPOLLIN)
    tally = _Tally()
    clock = time.perf_counter
    start = clock()
    for connection in connections.values():
        connection.send(clock())
    end = start + plan.seconds
    while (now := clock()) < end:
        for number, _ in poll.poll(_TIMEOUT_S):
            connection = connections[number]
            answer = connection.receive()
            if answer is not None:
                now = clock()
                tally.add(connection, answer, now)
                connection.send(now)
    return tally.load(now - start)


def fixed_rate(plan: Plan) -> Load:
    """`calls_per_s`, evenly; select() because its timeout is in microseconds."""
    idle = deque(_Connection(plan, at) for at in range(plan.connections))
    busy: dict[int, _Connection] = {}
    tally = _Tally()
    clock = time.perf_counter
    distance_s = 1 / plan.calls_per_s
    start = clock()
    due_at = start
    end = start + plan.seconds
    while (now := clock()) < end:
        while due_at <= now and idle:
            connection = idle.popleft()
            busy[connection.socket.fileno()] = connection
            connection.send(due_at)
            due_at += distance_s
        wait_s = max(0.0, due_at - clock()) if idle else _TIMEOUT_S
        for number in select.select(list(busy), [], [], wait_s)[0]:
            connection = busy[number]
            answer = connection.receive()
            if answer is not None:
                tally.add(connection, answer, clock())
                del busy[number]
                idle.append(connection)
    return tally.load(now - start)


def main() -> None:
    """Runs the plan of standard input."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    load = fixed_rate(plan) if plan.calls_per_s else closed_loop(plan)
    sys.stdout.buffer.write(msgspec.json.encode(load))


if __name__ == "__main__":
    main()
