"""How a worker learns its rules: from the copy on disk, from the control role, between two calls."""

import asyncio
import re

import pytest

from gatewayops.store import snapshot as sn

LIST = ("prompts/list", {})  # unlike tools/list, nothing that control is told of


class Control:
    """What the control role answers to GET /internal/snapshot; `news` hands out the next one.

    Gateways also tell which tools they saw, whenever they like: that takes no news.
    """

    def __init__(self, rules):
        self.rules = rules
        self.asked = []
        self.waiting = asyncio.Queue()

    def news(self, raw=None):
        self.waiting.put_nowait(raw or sn.encode(self.rules.snapshot()))

    async def __call__(self, turn):
        if not turn.request.target.startswith("/internal/snapshot?"):
            await turn.answer(status=204)
            return
        self.asked.append(turn.request)
        await turn.answer(await self.waiting.get(), content_type="application/msgpack")


@pytest.fixture
def source(control, rules):
    control.script = Control(rules)
    return control.script


async def revision(gateway):
    return (await gateway.ask("GET", "/v1/ready")).json["revision"]


async def test_it_starts_from_the_copy_and_asks_for_what_is_newer(start_gateway, control, source):
    gateway = await start_gateway(control=control)

    assert (await gateway.rpc(*LIST)).status == 200
    await control.received(1)
    assert re.fullmatch(r"/internal/snapshot\?revision=1&wait_s=20&follower=\w{12}", source.asked[0].target)
    assert source.asked[0].header("x-gatewayops-internal") == "internal-token"


async def test_it_is_ready_with_the_first_snapshot(start_gateway, control, source, eventually):
    gateway = await start_gateway(control=control, is_ready=False)
    before = await gateway.ask("GET", "/v1/ready")
    source.news()
    await eventually(lambda: gateway.live.is_ready)

    assert (before.status, before.json["has_rules"]) == (503, False)
    assert (await gateway.ask("GET", "/v1/ready")).status == 200
    assert (await gateway.rpc(*LIST)).status == 200


async def test_a_revoked_key_is_denied_when_the_news_has_come(start_gateway, control, source, rules):
    gateway = await start_gateway(control=control)
    assert (await gateway.rpc(*LIST)).status == 200
    rules.keys = [key for key in rules.keys if key.name != "main"]
    source.news()
    await control.received(2)  # it has taken the first answer and asks for the next

    assert (await gateway.rpc(*LIST)).reason == "key_unknown"
    assert source.asked[1].target.startswith("/internal/snapshot?revision=2&")


async def test_the_news_is_kept_for_the_next_start(start_gateway, control, source, rules):
    gateway = await start_gateway(control=control)
    source.news()
    await control.received(2)

    copy = rules.data / "snapshot.msgpack"
    assert sn.decode(copy.read_bytes()).revision == 2
    assert copy.stat().st_mode & 0o077 == 0
    assert await revision(gateway) == 2


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"\xc1 no msgpack", id="garbage"),
        pytest.param(b"", id="nothing new"),
        pytest.param(b"\x93\x01\x02\x03", id="another shape"),
    ],
)
async def test_news_that_does_not_read_changes_nothing(start_gateway, control, source, answer):
    gateway = await start_gateway(control=control)
    source.waiting.put_nowait(answer)
    source.news()
    await control.received(3)

    assert await revision(gateway) == 2
    assert (await gateway.rpc(*LIST)).status == 200


async def test_a_copy_that_does_not_read_is_replaced(start_gateway, control, source, rules, eventually):
    (rules.data).mkdir(parents=True, exist_ok=True)
    (rules.data / "snapshot.msgpack").write_bytes(b"\xc1")
    gateway = await start_gateway(control=control, is_ready=False)
    source.news()
    await eventually(lambda: gateway.live.is_ready)

    assert (await gateway.rpc(*LIST)).status == 200


async def test_news_is_taken_even_when_the_copy_cannot_be_written(start_gateway, control, source, rules):
    gateway = await start_gateway(control=control)
    await control.received(1)
    copy = rules.data / "snapshot.msgpack"
    copy.unlink()
    copy.mkdir()
    source.news()
    await control.received(2)
    rules.keys = [key for key in rules.keys if key.name != "main"]
    source.news()
    await control.received(3)

    assert (await gateway.rpc(*LIST)).reason == "key_unknown"


async def test_a_server_that_cannot_be_built_does_not_keep_the_rest_from_the_news(
    start_gateway, control, source, rules
):
    gateway = await start_gateway(control=control)
    rules.add_server("broken", "http://127.0.0.1:99999/mcp")
    rules.add_server("after", rules.servers[0].url)
    rules.add_server("sealed", "http://127.0.0.1:1/mcp", sealed_headers=b"sealed with another key")
    rules.keys = [key for key in rules.keys if key.name != "main"]
    source.news()
    await control.received(2)

    assert (await gateway.rpc(*LIST)).reason == "key_unknown"
    assert (await gateway.rpc("tools/list", {}, key="lister", server="after")).status == 200
    assert (await gateway.rpc(*LIST, key="lister", server="sealed")).reason == "server_unknown"

    rules.keys = []
    source.news()
    async with asyncio.timeout(60):
        while await revision(gateway) < 3:  # noqa: ASYNC110 - counts of requests tell nothing: see Control
            await asyncio.sleep(0.01)
    assert (await gateway.rpc(*LIST, key="lister")).reason == "key_unknown"


async def test_it_serves_while_control_is_away_and_hears_of_news_when_it_is_back(
    start_gateway, control, source
):
    gateway = await start_gateway(control=control)
    await control.received(1)
    await control.stop()
    assert (await gateway.rpc(*LIST)).status == 200

    async with control:
        source.news()
        await control.received(3)
        assert await revision(gateway) == 2


async def test_a_call_under_way_ends_as_it_began_when_its_key_and_server_go(gateway, rules, server):
    gate = asyncio.Event()

    async def waiting(turn):
        await gate.wait()
        await turn.reply({"late": True})

    server.script = waiting
    line = await gateway.begin("tools/call", {"name": "echo"})
    await server.received(1)
    rules.servers, rules.keys, rules.secrets = [], [], []
    await gateway.apply()
    gate.set()

    answer = await line.read_answer()
    assert answer.json["result"] == {"late": True}
    assert gateway.record.key_id == "key_main"
    assert (await gateway.call()).status == 401


async def test_a_changed_server_is_reached_at_its_new_address(gateway, rules, server, control):
    await gateway.call()
    rules.add_server("tools", control.url)
    await gateway.apply()
    await gateway.call()

    assert (len(server.requests), len(control.requests)) == (1, 1)
