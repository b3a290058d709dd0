"""Everything that is not a call goes to the control role, and comes back as it was."""

import asyncio

import msgspec
import pytest

from gatewayops.store import snapshot as sn
from gatewayops.testing.fake_server import encoded

LARGE = b'"' + b"x" * (70 << 10) + b'"'


@pytest.fixture
async def fronted(start_gateway, control):
    """A worker whose control role answers whatever `control.page` writes."""

    async def script(turn):
        if turn.request.target.startswith("/internal/snapshot"):
            await turn.hung_up()
        else:
            await control.page(turn)

    async def page(turn):
        seen = {"verb": turn.request.verb, "target": turn.request.target, "body": turn.request.body.decode()}
        await turn.answer(
            encoded(seen), headers=[("x-own", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
        )

    control.script, control.page = script, page
    gateway = await start_gateway(control=control)
    await control.received(1)
    return gateway


async def test_requests_and_answers_pass(fronted, control, key_secret):
    headers = {"cookie": "a=b", "x-other": "1", "accept-encoding": "gzip"}
    answer = await fronted.ask("POST", "/v1/auth/keys?limit=2&x=%2F", b'{"name":"k"}', headers=headers)

    assert answer.status == 200
    assert answer.json == {"verb": "POST", "target": "/v1/auth/keys?limit=2&x=%2F", "body": '{"name":"k"}'}
    assert answer.header("x-own") == "1"
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["a=1", "b=2"]
    sent = control.last
    assert sent.header("authorization") == f"Bearer {key_secret('main')}"
    assert (sent.header("cookie"), sent.header("x-other")) == ("a=b", "1")
    assert sent.header("host") == f"127.0.0.1:{fronted.port}"


async def test_who_the_client_is_is_said_by_us_alone(fronted, control):
    lies = {
        "x-forwarded-for": "10.9.9.9",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.example",
        "x-gatewayops-internal": "internal-token",
        "connection": "keep-alive, x-gatewayops-internal",
        "te": "trailers",
    }
    await fronted.ask("GET", "/v1/servers", headers=lies)

    assert control.last.header("x-forwarded-for") == "127.0.0.1"
    assert control.last.header("x-forwarded-proto") == "http"
    assert control.last.header("x-forwarded-host") == f"127.0.0.1:{fronted.port}"
    assert control.last.header("x-gatewayops-internal") is None
    assert control.last.header("te") is None


async def test_what_a_trusted_proxy_says_of_the_client_is_passed_on_and_what_a_client_claims_is_not(
    start_gateway, control
):
    async def script(turn):
        if turn.request.target.startswith("/internal/snapshot"):
            await turn.hung_up()
        else:
            await turn.answer(b"{}")

    control.script = script
    gateway = await start_gateway(control=control, proxies=("127.0.0.0/8", "10.0.0.0/8"))
    said = {"x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.0.0.9", "x-forwarded-proto": "https"}

    await gateway.ask("GET", "/v1/servers", headers=said)

    assert control.last.header("x-forwarded-for") == "203.0.113.7"
    assert control.last.header("x-forwarded-proto") == "https"
    await gateway.ask("GET", "/v1/servers", headers={"x-forwarded-proto": "gopher"})
    assert control.last.header("x-forwarded-for") == "127.0.0.1"
    assert control.last.header("x-forwarded-proto") == "http"


@pytest.mark.parametrize(
    "path",
    [
        "/internal/snapshot",
        "/internal",
        "/%69nternal/snapshot",
        "/internal%2fsnapshot",
        "/internal/../internal/x",
    ],
)
async def test_what_is_internal_is_never_forwarded(fronted, control, path):
    answer = await fronted.ask("GET", path, headers={"x-gatewayops-internal": "internal-token"})

    assert (answer.status, answer.reason) == (404, "not_found")
    assert len(control.requests) == 1


async def test_absolute_form_does_not_reach_what_is_internal_either(fronted, control):
    answer = await fronted.ask("GET", f"http://127.0.0.1:{fronted.port}/internal/snapshot?revision=-1")

    assert answer.status == 404
    assert len(control.requests) == 1


async def test_head_has_the_length_and_no_body(fronted, control):
    line = await fronted.connect()
    head = await fronted.ask("HEAD", "/docs", line=line)
    get = await fronted.ask("GET", "/docs", line=line)

    assert (head.status, head.body) == (200, b"")
    assert int(head.header("content-length")) > 0
    assert get.status == 200


async def test_a_page_streams_as_it_is_written(fronted, control):
    gate = asyncio.Event()

    async def page(turn):
        await turn.open_stream()
        await turn.chunk(b"one")
        await gate.wait()
        await turn.chunk(b"two")
        await turn.end_stream()

    control.page = page
    line = await fronted.connect()
    await line.send(fronted.head("GET", "/v1/export"))
    assert (await line.read_head()).status == 200
    assert await line.read_chunk() == b"one"
    gate.set()
    assert [chunk async for chunk in line.chunks()] == [b"two"]


async def test_a_page_that_breaks_off_breaks_off(fronted, control):
    async def page(turn):
        await turn.open_stream()
        await turn.chunk(b"one")
        turn.close()

    control.page = page
    line = await fronted.connect()
    await line.send(fronted.head("GET", "/v1/export"))
    seen = await line.ended()

    assert b"one" in seen
    assert not seen.endswith(b"0\r\n\r\n")
    assert seen.count(b"HTTP/1.1") == 1


async def test_a_client_that_hangs_up_ends_the_request_at_the_control_role(fronted, control):
    gone = asyncio.Event()

    async def page(turn):
        await turn.hung_up()
        gone.set()

    control.page = page
    line = await fronted.connect()
    await line.send(fronted.head("GET", "/v1/traces"))
    await control.received(2)
    line.hang_up()

    async with asyncio.timeout(10):
        await gone.wait()


@pytest.mark.parametrize("status", [204, 301, 304, 404, 500])
async def test_any_status_passes(fronted, control, status):
    async def page(turn):
        if status in (204, 304):
            await turn.write(b"HTTP/1.1 %d X\r\nlocation: /x\r\n\r\n" % status)
        else:
            await turn.answer(b"why", status=status, headers=[("location", "/x")])

    control.page = page
    line = await fronted.connect()
    answer = await fronted.ask("GET", "/v1/traces", line=line)

    assert (answer.status, answer.header("location")) == (status, "/x")
    assert (await fronted.ask("GET", "/v1/health", line=line)).status == 200


async def test_it_is_503_while_the_control_role_is_away_and_calls_go_on(gateway):
    answer = await gateway.ask("GET", "/v1/traces")

    assert (answer.status, answer.json["error"], answer.header("retry-after")) == (503, "unavailable", "1")
    assert (await gateway.call()).status == 200


async def test_a_body_over_the_limit_is_413(start_gateway, control):
    gateway = await start_gateway(settings={"max_body_bytes": 1024}, control=control)
    answer = await gateway.ask("POST", "/v1/servers", b"x" * 5000)

    assert (answer.status, answer.json["error"]) == (413, "too_large")


async def test_an_export_may_be_larger_than_other_bodies(start_gateway, control):
    gateway = await start_gateway(settings={"max_body_bytes": 1024}, control=control)
    answer = await gateway.ask("POST", "/v1/traces", LARGE, key="exporter")

    assert answer.status != 413
    assert control.last.body == LARGE


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        pytest.param("", 401, 16, id="no key"),
        pytest.param("nobody", 401, 16, id="an unknown key"),
        pytest.param("late", 401, 16, id="a key that has expired"),
        pytest.param("main", 403, 7, id="a key for calls"),
    ],
)
async def test_a_large_export_is_not_read_from_who_may_send_none(fronted, control, key, status, code):
    line = await fronted.connect()
    await line.send(fronted.head("POST", "/v1/traces", key=key, length=len(LARGE)) + LARGE[: 65 << 10])
    answer = await line.read_answer()

    assert (answer.status, answer.json["code"]) == (status, code)
    assert len(control.requests) == 1


async def test_small_exports_are_the_control_roles_to_refuse(fronted, control):
    await fronted.ask("POST", "/v1/traces", b"{}", key="nobody")

    assert control.last.target == "/v1/traces"


async def test_a_large_export_needs_a_role_where_roles_govern(start_gateway, control, rules):
    viewer = sn.BindingRow("bind_1", "org_default", "role_viewer", "key", "key_exporter")
    rules.governing["access"] = sn.AccessRows(bindings=(viewer,))
    gateway = await start_gateway(control=control)
    refused = await gateway.ask("POST", "/v1/traces", LARGE, key="exporter")
    developer = msgspec.structs.replace(viewer, role_id="role_developer")
    rules.governing["access"] = sn.AccessRows(bindings=(developer,))
    await gateway.apply()
    await gateway.ask("POST", "/v1/traces", LARGE, key="exporter")

    assert (refused.status, refused.json["code"]) == (403, 7)
    assert control.last.body == LARGE


async def test_exporters_are_told_to_come_back_while_the_control_role_is_away(gateway):
    answer = await gateway.ask("POST", "/v1/metrics", b"{}")

    assert (answer.status, answer.json["code"], answer.header("retry-after")) == (503, 14, "1")


@pytest.mark.parametrize(
    "path", ["/oauth/tools/token", "/oauth/tools/register", "/.well-known/openid-configuration/oauth/tools"]
)
async def test_the_paths_of_signing_in_pass_with_small_bodies_only(fronted, control, path):
    answer = await fronted.ask("POST", path, b"grant_type=refresh_token", key=None)
    large = await fronted.ask("POST", path, b"x" * (65 << 10), key=None)

    assert answer.json == {"verb": "POST", "target": path, "body": "grant_type=refresh_token"}
    assert (large.status, large.json["error"]) == (413, "too_large")
    assert len(control.requests) == 2
