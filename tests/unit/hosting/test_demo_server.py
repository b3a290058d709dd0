"""The demo server, over the official client; above all that its file listing stays in its folder."""

import pytest
from mcp.client.client import Client

from gatewayops.hosting.demo_server import demo_server


@pytest.fixture
def files(tmp_path):
    tmp_path.joinpath("outside.txt").write_text("not yours")
    return tmp_path / "files"


@pytest.fixture
def server(files):
    return demo_server(files)


async def called(server, tool, **arguments):
    async with Client(server) as client:
        return await client.call_tool(tool, arguments)


async def listing(server, path):
    answer = await called(server, "list_files", path=path)
    return None if answer.is_error else [entry["name"] for entry in answer.structured_content["result"]]


async def test_it_has_a_handful_of_tools_that_only_read(server):
    async with Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    assert set(tools) == {"echo", "add", "slow", "fail", "list_files"}
    assert all(tool.annotations.read_only_hint for tool in tools.values())


async def test_the_files_are_listed(server):
    assert await listing(server, ".") == ["README.md", "notes"]
    assert await listing(server, "notes") == ["first-call.md", "second-call.md"]


@pytest.mark.parametrize(
    "path", ["..", "../outside.txt", "notes/../..", "/etc", "//etc", "missing", "README.md"]
)
async def test_nothing_outside_the_folder_is_listed(server, path):
    assert await listing(server, path) is None


async def test_links_that_lead_outside_are_neither_listed_nor_followed(server, files, tmp_path):
    files.joinpath("escape").symlink_to(tmp_path)

    assert await listing(server, "escape") is None
    assert "escape" not in await listing(server, ".")


async def test_a_failing_tool_fails_with_its_message(server):
    answer = await called(server, "fail", message="as you wish")

    assert answer.is_error
    assert "as you wish" in answer.content[0].text


async def test_a_slow_tool_reports_progress_and_has_a_bound(server):
    reported = []

    async def note(progress, total, message):
        reported.append((progress, total))

    async with Client(server) as client:
        answer = await client.call_tool("slow", {"seconds": 0.5}, progress_callback=note)

    assert not answer.is_error
    assert reported[-1] == (2.0, 2.0)
    assert (await called(server, "slow", seconds=31)).is_error


async def test_it_has_a_resource_and_a_prompt(server):
    async with Client(server) as client:
        read = await client.read_resource("demo://readme")
        asked = await client.get_prompt("review", {"subject": "this gateway"})

    assert "demo server" in read.contents[0].text
    assert "this gateway" in asked.messages[0].content.text
