"""A viewer's key neither sees nor calls a tool outside its grants, by any way in; attempts are on record."""

import json

import pytest

from gatewayops.store import snapshot as sn
from gatewayops.store.predefined_roles import PREDEFINED

ORG = "org_default"
SEEN = {"name": "read_file", "inputSchema": {"type": "object"}}
HIDDEN = {"name": "delete_repo", "inputSchema": {"type": "object"}}


@pytest.fixture
async def viewer(gateway, rules, server):
    """The key `main` holds the role viewer, and may call `read_file`; the server has `delete_repo` too."""

    async def answering(turn):
        is_list = turn.request.method == "tools/list"
        await turn.reply({"tools": [SEEN, HIDDEN]} if is_list else {"content": []})

    server.script = answering
    allowed = sn.Permission("allow", "tools", "tools.call", "read_file")
    rules.governing = {
        "access": sn.AccessRows(
            roles=PREDEFINED,
            bindings=(sn.BindingRow("bind_1", ORG, "role_viewer", "key", "key_main"),),
            policies=(sn.PolicyRow("pol_1", ORG, "key", "key_main", allowed),),
        )
    }
    await gateway.apply()
    return gateway


def message(tool, **more):
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": {}},
        **more,
    }


async def post(gateway, body, *, headers=()):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"content-type": "application/json", **dict(headers)}
    return await gateway.ask("POST", "/v1/mcp/tools", raw, headers=kind)


async def test_what_is_granted_works(viewer):
    assert (await viewer.call("read_file")).status == 200
    assert (await viewer.rest("tools/call", {"tool": "read_file"})).status == 200


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_lists_show_only_what_may_be_called(viewer, era):
    by_mcp = await viewer.rpc("tools/list", {}, era=era)
    by_rest = await viewer.rest("tools/list", {})

    assert by_mcp.json["result"] == by_rest.json["result"] == {"tools": [SEEN]}


async def test_a_list_that_comes_as_a_stream_shows_no_more(viewer, server):
    async def streaming(turn):
        await turn.open_stream()
        await turn.event(turn.message({"tools": [SEEN, HIDDEN]}))
        await turn.end_stream()

    server.script = streaming
    line = await viewer.begin("tools/list", {})
    await line.read_head()
    raw = b"".join([chunk async for chunk in line.chunks()])

    assert b"read_file" in raw
    assert b"delete_repo" not in raw


async def test_a_list_that_comes_on_a_resumed_stream_shows_no_more(viewer, server):
    async def resumed(turn):
        await turn.open_stream()
        await turn.event({"jsonrpc": "2.0", "id": 9, "result": {"tools": [SEEN, HIDDEN]}})
        await turn.end_stream()

    server.script = resumed
    line = await viewer.connect()
    await line.send(viewer.head("GET", "/v1/mcp/tools", headers={"last-event-id": "4"}))
    await line.read_head()
    raw = b"".join([chunk async for chunk in line.chunks()])

    assert b"read_file" in raw
    assert b"delete_repo" not in raw


CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}'
ATTEMPTS = [
    pytest.param(json.dumps(message("delete_repo")), {}, id="plainly"),
    pytest.param(json.dumps([message("read_file"), message("delete_repo")]), {}, id="in a batch"),
    pytest.param(
        CALL % '{"name":"read_file","name":"delete_repo","arguments":{}}', {}, id="named twice, last"
    ),
    pytest.param(CALL % '{"name":"read_file","Name":"delete_repo","arguments":{}}', {}, id="Name"),
    pytest.param(CALL % '{"name":"read_file","NAME":"delete_repo"}', {}, id="NAME"),
    pytest.param(CALL % '{"name":"read_file","nam\\u0065":"delete_repo"}', {}, id="an escaped member"),
    pytest.param(CALL % '{"name":"delete\\u005frepo","arguments":{}}', {}, id="an escaped name"),
    pytest.param(CALL % '{"name":"Delete_Repo"}', {}, id="in other case"),
    pytest.param(CALL % '{"name":"READ_FILE"}', {}, id="what is granted, in other case"),
    pytest.param(CALL % '{"name":"delete_repo "}', {}, id="with a space"),
    pytest.param(CALL % '{"name":"read_file/../delete_repo"}', {}, id="as a path"),
    pytest.param(
        '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"delete_repo"}}',
        {},
        id="two methods",
    ),
    pytest.param(
        '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"delete_repo"}}',
        {},
        id="Method",
    ),
    pytest.param(
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"},"params":{"name":"delete_repo"}}',
        {},
        id="two params",
    ),
    pytest.param(
        json.dumps(message("delete_repo")),
        {"mcp-method": "tools/call", "mcp-name": "read_file"},
        id="Mcp-Name",
    ),
    pytest.param(
        json.dumps(message("delete_repo")), {"mcp-method": "tools/list", "mcp-name": "x"}, id="Mcp-Method"
    ),
    pytest.param(
        '{"jsonrpc":"2.0","id":1,"method":"tools/Call","params":{"name":"delete_repo"}}', {}, id="tools/Call"
    ),
]


@pytest.mark.parametrize(("raw", "headers"), ATTEMPTS)
async def test_no_spelling_reaches_the_tool(viewer, server, raw, headers):
    answer = await post(viewer, raw.encode(), headers=headers)

    assert answer.status in (400, 403)
    assert server.requests == []
    record = await viewer.recorded()
    assert (record.status, record.key_id) == ("error", "key_main")
    assert record.reason in (
        "role_not_granted",
        "action_not_granted",
        "header_mismatch",
        "invalid_request",
        "malformed_json",
    )


async def test_the_first_of_two_names_is_not_what_is_sent(viewer, server):
    """Whatever a server reads of it, it is what was allowed."""
    raw = CALL % '{"name":"delete_repo","name":"read_file","arguments":{}}'
    answer = await post(viewer, raw.encode())

    assert answer.status == 200
    assert b"delete_repo" not in server.last.body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"tool": "delete_repo"}, id="plainly"),
        pytest.param({"tool": "Delete_Repo"}, id="in other case"),
        pytest.param(b'{"tool":"read_file","tool":"delete_repo"}', id="twice"),
    ],
)
async def test_the_rest_door_is_no_way_around(viewer, server, body):
    answer = await viewer.rest("tools/call", body)

    assert (answer.status, answer.reason) == (403, "role_not_granted")
    assert server.requests == []
    assert (await viewer.recorded()).reason == "role_not_granted"
