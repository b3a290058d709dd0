"""Lists are filtered and results changed however a server words them, or a client asks for them."""

import json

import pytest

from gatewayops.store import snapshot as sn
from gatewayops.store.predefined_roles import PREDEFINED

ORG = "org_default"
SEEN = '{"name":"read_file"}'
HIDDEN = '{"name":"delete_repo"}'
RESULT = f'{{"tools":[{SEEN},{HIDDEN}]}}'
LIST = f'{{"jsonrpc":"2.0","id":1,"result":{RESULT}}}'
BARE = {"last-event-id": "4"}


@pytest.fixture
async def viewer(gateway, rules):
    """The key `main` may call `read_file` alone; results lose their member `internal`."""
    allowed = sn.Permission("allow", "tools", "*", "*")
    denied = sn.Permission("deny", "tools", "tools.call", "delete_repo")
    rules.governing = {
        "access": sn.AccessRows(
            roles=PREDEFINED,
            bindings=(sn.BindingRow("bind_1", ORG, "role_viewer", "key", "key_main"),),
            policies=(
                sn.PolicyRow("pol_1", ORG, "key", "key_main", allowed),
                sn.PolicyRow("pol_2", ORG, "key", "key_main", denied),
            ),
        ),
        "transforms": (
            sn.TransformRow("tr_1", ORG, "tools", "read_file", response=(sn.StepRow("remove", "/internal"),)),
        ),
    }
    await gateway.apply()
    return gateway


def stream(raw, *, content_type="text/event-stream"):
    """A script: these bytes as the body, a few at a time."""

    async def script(turn):
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        await turn.write(head.encode())
        for at in range(0, len(raw), 7):
            await turn.chunk(raw[at : at + 7])
        await turn.end_stream()

    return script


def whole(raw, *, status=200):
    async def script(turn):
        await turn.answer(raw, status=status)

    return script


async def seen_by_get(gateway):
    line = await gateway.connect()
    await line.send(gateway.head("GET", "/v1/mcp/tools", headers=BARE))
    return await line.read_answer()


def sse(text, *, end="\n\n"):
    return f"data: {text}{end}".encode()


WORDINGS = {
    "a byte order mark": b"\xef\xbb\xbf" + sse(LIST),
    "carriage returns": sse(LIST, end="\r\r"),
    "line feed, carriage return": sse(LIST, end="\n\r") + sse("{}"),
    "crlf, carriage return": sse(LIST, end="\r\n\r") + sse("{}"),
    "several lines": sse(json.dumps(json.loads(LIST), indent=1).replace("\n", "\ndata: ")),
    "data without a colon": b"data\n" + sse(LIST) + b"data\n\n",
    "among comments": b": hello\n:data: x\n" + sse(LIST),
    "no blank line at the end": sse("{}") + sse(LIST, end=""),
    "no field at all": f"{LIST[:16]}\n\n{LIST[16:]}\n\n".encode(),
    "an unknown event": b"event: other\nid: 7\n" + sse(LIST),
    "error is null": sse(LIST[:-1] + ',"error":null}'),
    "error beside": sse(LIST[:-1] + ',"error":{"code":1,"message":"x"}}'),
    "method is null": sse(LIST[:-1] + ',"method":null}'),
    "a method beside": sse(LIST[:-1] + ',"method":"tools/list"}'),
    "in a batch": sse(f"[{LIST}]"),
    "in a batch of batches": sse(f"[[{LIST}]]"),
    "the result twice": sse(f'{{"id":1,"result":{RESULT},"result":{{"tools":[{SEEN}]}}}}'),
    "Result beside": sse(f'{{"id":1,"result":{{"tools":[{SEEN}]}},"Result":{RESULT}}}'),
    "the list twice": sse(f'{{"id":1,"result":{{"tools":[{HIDDEN}],"tools":[{SEEN}]}}}}'),
    "Tools beside": sse(f'{{"id":1,"result":{{"tools":[{SEEN}],"Tools":[{HIDDEN}]}}}}'),
    "an escaped member": sse(LIST.replace('"tools"', '"to\\u006fls"')),
    "an escaped result": sse(LIST.replace('"result"', '"r\\u0065sult"')),
    "an escaped name": sse(LIST.replace("delete_repo", "delete\\u005frepo")),
    "bytes that are no text": sse(LIST).replace(b'"id"', b'"\xff":1,"id"'),
    "no text in the list": sse(LIST).replace(b"delete_repo", b'delete_repo","x":"\xff'),
    "a number as the list": sse(LIST.replace("[", '{"0":').replace("]", "}")),
}


@pytest.mark.parametrize("asked", ["POST", "GET", "REST"])
@pytest.mark.parametrize("wording", WORDINGS)
async def test_a_stream_shows_no_hidden_tool(viewer, server, wording, asked):
    server.script = stream(WORDINGS[wording])
    if asked == "GET":
        answer = await seen_by_get(viewer)
    elif asked == "POST":
        answer = await viewer.rpc("tools/list", {})
    else:
        answer = await viewer.rest("tools/list", {})

    assert b"delete" not in answer.body


@pytest.mark.parametrize(
    "wording", ["a byte order mark", "carriage returns", "several lines", "error is null"]
)
async def test_what_may_be_seen_is_seen(viewer, server, wording):
    server.script = stream(WORDINGS[wording])

    answer = await viewer.rpc("tools/list", {})

    data = b"".join(line[6:] for line in answer.body.splitlines() if line.startswith(b"data: "))
    assert json.loads(data)["result"] == {"tools": [json.loads(SEEN)]}
    assert (await viewer.recorded()).status == "success"


@pytest.mark.parametrize("asked", ["POST", "GET", "REST"])
@pytest.mark.parametrize("wording", [name for name in WORDINGS if WORDINGS[name].startswith(b"data: {")])
async def test_a_whole_answer_shows_none_either(viewer, server, wording, asked):
    server.script = whole(WORDINGS[wording].partition(b"\n\n")[0].replace(b"data: ", b""))
    if asked == "GET":
        answer = await seen_by_get(viewer)
    elif asked == "POST":
        answer = await viewer.rpc("tools/list", {})
    else:
        answer = await viewer.rest("tools/list", {})

    assert b"delete" not in answer.body


async def test_events_that_are_called_json_are_none(viewer, server):
    server.script = stream(sse(LIST), content_type="application/json")

    assert b"delete" not in (await seen_by_get(viewer)).body
    assert b"delete" not in (await viewer.rpc("tools/list", {})).body


@pytest.mark.parametrize("rpc_id", ["2", '"x"', "null", "1.5"])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_the_answer_to_another_request_does_not_pass(viewer, server, is_stream, rpc_id):
    raw = LIST.replace('"id":1', f'"id":{rpc_id}')
    server.script = stream(sse(raw)) if is_stream else whole(raw.encode())

    answer = await viewer.rpc("ping", {})

    assert json.loads(LIST)["result"] not in [message.get("result") for message in messages(answer)]
    record = await viewer.recorded()
    assert (record.status, record.reason) == ("error", "upstream_broken")


def messages(answer):
    """What a client reads in it: whole events only."""
    if answer.header("content-type") == "application/json":
        return [answer.json]
    events = answer.body.decode().split("\n\n")[:-1]
    return [json.loads(event.partition("data: ")[2].replace("\ndata: ", "\n")) for event in events]


@pytest.mark.parametrize("is_stream", [True, False])
async def test_nor_does_it_when_no_answer_is_owed(viewer, server, is_stream):
    server.script = stream(sse(LIST)) if is_stream else whole(LIST.encode())
    body = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    answer = await viewer.ask("POST", "/v1/mcp/tools", body, headers={"content-type": "application/json"})

    assert answer.status == 200
    assert not answer.body.endswith(b"\n\n")
    assert is_stream or answer.body == b""


@pytest.mark.parametrize("rpc_id", ['"1"', "1.0"])
async def test_an_id_that_clients_take_for_theirs_is_no_other(viewer, server, rpc_id):
    server.script = whole(LIST.replace('"id":1', f'"id":{rpc_id}').encode())

    assert (await viewer.rpc("tools/list", {})).json["result"] == {"tools": [json.loads(SEEN)]}


async def test_a_message_that_is_named_like_a_bare_get_does_not_stand_for_one(viewer, server):
    await viewer.rpc("stream/get", {})
    server.script = stream(sse(LIST))

    assert b"delete" not in (await seen_by_get(viewer)).body


async def test_nor_does_a_bare_get_stand_for_the_message(viewer, server):
    server.script = stream(sse("{}"))
    await seen_by_get(viewer)

    refused = await viewer.rpc("stream/get", {}, key="lister")
    assert (await seen_by_get(viewer)).status == 200
    assert (refused.status, refused.reason) == (403, "action_not_granted")


SECRET = '{"jsonrpc":"2.0","id":1,"result":{"content":[],"internal":"10.0.0.7"}}'


@pytest.mark.parametrize(
    "wording",
    [SECRET, SECRET[:-1] + ',"error":null}', SECRET[:-1] + ',"method":null}', f"[{SECRET}]"],
    ids=["plain", "error is null", "method is null", "batch"],
)
async def test_a_changed_result_comes_no_other_way(viewer, server, wording):
    server.script = stream(sse(wording))
    answers = [
        await viewer.call("read_file"),
        await viewer.rest("tools/call", {"tool": "read_file"}),
        await viewer.rpc("tasks/result", {"taskId": "1"}),
        await seen_by_get(viewer),
    ]
    server.script = whole(wording.encode())
    answers.append(await viewer.rpc("tasks/result", {"taskId": "1"}))

    assert b"10.0.0.7" not in b"".join(answer.body for answer in answers)


async def test_a_result_over_several_lines_stays_one_event(viewer, server):
    pretty = json.dumps({"id": 1, "result": {"content": [], "internal": 1, "n": {"x": [1, 2]}}}, indent=1)
    server.script = stream(sse(pretty.replace("\n", "\ndata: ")))

    (message,) = messages(await viewer.call("read_file"))

    assert message["result"] == {"content": [], "n": {"x": [1, 2]}}


ODD = {
    "a code of many digits": '{"id":1,"error":{"code":1%s,"message":"x"}}' % ("0" * 30),
    "a code of 64 bits": '{"id":1,"error":{"code":18446744073709551615,"message":"x"}}',
    "no text": '{"id":1,"error":{"code":1,"message":"\udcff"}}',
    "no text in a failure": '{"id":1,"result":{"isError":true,"content":[{"text":"\udcff"}]}}',
    "a failure nested deeply": '{"id":1,"result":{"isError":true,"content":' + "[" * 900 + "]" * 900 + "}}",
}


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_answer_is_recorded_and_harms_no_other_call(gateway, server, odd, caplog):
    server.script = whole(ODD[odd].encode(errors="surrogateescape"))
    answer = await gateway.call()

    assert answer.status == 200
    assert gateway.record.status == "error"
    assert abs(gateway.record.rpc_code) < 2**31
    assert "inside the gateway" not in caplog.text
    assert gateway.worker._calls.is_healthy
