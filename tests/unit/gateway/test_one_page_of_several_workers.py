"""/metrics of a gateway of several workers: the same page, whichever worker is asked."""

from contextlib import AsyncExitStack

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gatewayops.gateway.siblings import Siblings

PAGE = """# HELP calls_total Calls
# TYPE calls_total counter
calls_total{{tool="a {{ b"}} {calls}
# HELP memory_bytes Memory
# TYPE memory_bytes gauge
memory_bytes {memory}
"""


@pytest.fixture
def folder(tmp_path_factory):
    """Short: the path of a socket has at most 107 bytes."""
    return tmp_path_factory.mktemp("w")


def worker(folder, number, *, count=3, port=8080, calls=0):
    page = PAGE.format(calls=calls, memory=number * 100).encode()
    return Siblings(lambda: page, folder=folder, port=port, number=number, count=count)


def series(page):
    families = text_string_to_metric_families(page.decode())
    return {(s.name, s.labels.get("worker")): s.value for family in families for s in family.samples}


async def test_each_series_says_whose_it_is_and_every_worker_shows_all(folder):
    workers = [worker(folder, number, calls=number * 7) for number in (1, 2, 3)]
    async with AsyncExitStack() as stack:
        for one in workers:
            await stack.enter_async_context(one.answering())
        pages = [await one.page() for one in workers]

    assert pages[0] == pages[1] == pages[2]
    assert pages[0].count(b"# TYPE calls_total") == 1
    shown = series(pages[0])
    assert [shown["calls_total", number] for number in "123"] == [7, 14, 21]
    assert [shown["memory_bytes", number] for number in "123"] == [100, 200, 300]
    assert shown["gatewayops_gateway_workers_answering", None] == 3


async def test_a_worker_that_is_gone_is_missing_and_counted_so(folder):
    here, gone = worker(folder, 1), worker(folder, 2)
    (folder / "metrics-8080-3.sock").touch()  # left by one that was killed
    async with gone.answering():
        pass
    async with here.answering():
        shown = series(await here.page())

    assert ("calls_total", "1") in shown
    assert ("calls_total", "2") not in shown
    assert shown["gatewayops_gateway_workers", None] == 3
    assert shown["gatewayops_gateway_workers_answering", None] == 1


async def test_gateways_on_one_data_directory_are_not_mixed(folder):
    ours, other = worker(folder, 1, count=2), worker(folder, 2, count=2, port=9090)
    async with ours.answering(), other.answering():
        assert series(await ours.page())["gatewayops_gateway_workers_answering", None] == 1


async def test_a_worker_alone_needs_no_label(folder):
    alone = worker(folder, 1, count=1, calls=5)
    async with alone.answering():
        assert series(await alone.page())["calls_total", None] == 5
    assert not list(folder.iterdir())
