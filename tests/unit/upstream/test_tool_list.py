"""Asking a server for all its tools."""

import pytest

from gatewayops.base.errors import UpstreamError
from gatewayops.store.snapshot import ServerRow
from gatewayops.testing.fake_server import FakeServer, by_method
from gatewayops.upstream.settings import UpstreamSettings
from gatewayops.upstream.tool_list import list_tools


async def listed(script, *, timeout_s=5.0):
    async def discover(turn):
        await turn.reply({"supportedVersions": ["2026-07-28"]})

    async with FakeServer(by_method({"server/discover": discover, "tools/list": script})) as server:
        row = ServerRow("srv_1", "org", "fake", server.url, timeout_s, 2.0, 0, 10, True)
        return await list_tools(row, {}, UpstreamSettings())


async def test_all_pages_come_together():
    async def pages(turn):
        cursor = turn.request.json["params"].get("cursor")
        if cursor is None:
            await turn.reply({"tools": [{"name": "a"}], "nextCursor": "two"})
        else:
            assert cursor == "two"
            await turn.reply({"tools": [{"name": "b"}]})

    assert await listed(pages) == [b'{"name":"a"}', b'{"name":"b"}']


async def test_a_list_without_end_is_given_up():
    async def endless(turn):
        await turn.reply({"tools": [{"name": "a"}], "nextCursor": "again"})

    with pytest.raises(UpstreamError, match="more than 100 pages"):
        await listed(endless)


@pytest.mark.parametrize("result", [{"tools": 1}, {"tools": [], "nextCursor": 5}, []])
async def test_half_a_list_is_none(result):
    async def odd(turn):
        await turn.reply(result)

    with pytest.raises(UpstreamError, match="no list of tools"):
        await listed(odd)


async def test_an_error_of_the_server_is_told():
    async def failing(turn):
        await turn.fail(-32603, "no tools today")

    with pytest.raises(UpstreamError, match="no tools today"):
        await listed(failing)
