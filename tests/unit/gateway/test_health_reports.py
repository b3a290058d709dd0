"""What a worker tells the control role of its servers, and what /metrics shows of them."""

import asyncio
import contextlib

import msgspec
import pytest

from gatewayops.base.crypto import Sealer
from gatewayops.gateway.health_reports import HealthReports
from gatewayops.gateway.metrics import Metrics
from gatewayops.gateway.server_metrics import resilience
from gatewayops.store.snapshot import ServerRow
from gatewayops.upstream.breaker import State
from gatewayops.upstream.exchange import ConnectionBroken
from gatewayops.upstream.health import HealthReport
from gatewayops.upstream.pool import Origin, Pool, UpstreamUnreachable
from gatewayops.upstream.registry import Registry
from gatewayops.upstream.settings import UpstreamSettings

BROKEN = ConnectionBroken("x", got_bytes=False)


def row(name, *, org="org", **changes):
    made = ServerRow(f"srv_{org}_{name}", org, name, "http://files.example", 5, 2, 2, 100, True)
    return msgspec.structs.replace(made, **changes)


@pytest.fixture
def servers():
    made = Registry(UpstreamSettings(), Sealer(b"k" * 32))
    made.replace((row("files"), row("other")))
    return made


@pytest.fixture
async def telling(servers, control):
    """Starts a task that tells the fake control role."""

    async def accept(turn):
        await turn.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    control.script = accept
    pool = Pool(Origin.of(control.url), UpstreamSettings(), connect_timeout_s=1.0, allows_private=True)
    tasks = []

    def start(**options):
        reports = HealthReports(servers, pool, internal_token="internal", **options)
        tasks.append(asyncio.create_task(reports.run()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    pool.close()


def told(request):
    return msgspec.json.decode(request.body, type=HealthReport)


def broken(upstream, times=5):
    for _ in range(times):
        upstream.ended(0, error=BROKEN)


async def test_a_worker_tells_what_changed_at_once_and_nothing_twice(telling, servers, control):
    telling(heartbeat_s=1000)
    async with asyncio.timeout(10):
        broken(servers.find("org", "files"))
        await control.received(1)
        broken(servers.find("org", "other"))
        await control.received(2)

    first, second = map(told, control.requests)
    assert [(one.server_id, one.state) for one in first.servers] == [("srv_org_files", State.OPEN)]
    assert {one.server_id for one in second.servers} == {"srv_org_files", "srv_org_other"}
    assert first.worker == second.worker
    assert control.last.header("x-gatewayops-internal") == "internal"
    assert control.last.target == "/internal/servers/health"


async def test_a_worker_that_has_nothing_to_tell_is_heard_of_with_each_heartbeat(telling, control):
    telling(heartbeat_s=0)
    async with asyncio.timeout(10):
        await control.received(2)

    assert [told(request).servers for request in control.requests[:2]] == [(), ()]


async def test_what_control_did_not_take_is_told_again(telling, servers, control):
    async def refuse(turn):
        if len(control.requests) < 3:
            await turn.answer(b"", status=503)
        else:
            turn.close()

    control.script = refuse
    broken(servers.find("org", "files"))
    task = telling(heartbeat_s=1000)
    async with asyncio.timeout(10):
        await control.received(4)

    assert len({request.body for request in control.requests}) == 1
    assert not task.done()


def shown(servers):
    text = Metrics(tool_labels=1, gauges=lambda: resilience(servers.all())).render().decode()
    return [line for line in text.splitlines() if "breaker" in line or "retries" in line]


def test_metrics_show_breakers_and_retries(servers):
    files, other = servers.all()
    other.delay_s(UpstreamUnreachable("x"), is_safe=True, attempt=0, begun_ns=10**30)
    broken(files)
    files.breaker.admit(0)

    lines = shown(servers)
    for line in (
        'gatewayops_breaker_state{server="files"} 2.0',
        'gatewayops_breaker_state{server="other"} 0.0',
        'gatewayops_breaker_openings_total{server="files"} 1.0',
        'gatewayops_breaker_refusals_total{server="files"} 1.0',
        'gatewayops_retries_total{server="other"} 1.0',
        'gatewayops_retries_refused_total{server="files"} 0.0',
    ):
        assert line in lines


def test_servers_of_one_name_in_several_organisations_are_one_series(servers):
    servers.replace((row("files"), row("files", org="org_2")))
    for upstream in servers.all():
        broken(upstream)
    servers.find("org", "files").breaker.admit(servers.find("org", "files").breaker.retry_ns)

    lines = [line for line in shown(servers) if not line.startswith("#")]
    assert len(lines) == 5
    assert 'gatewayops_breaker_state{server="files"} 2.0' in lines
    assert 'gatewayops_breaker_openings_total{server="files"} 2.0' in lines
