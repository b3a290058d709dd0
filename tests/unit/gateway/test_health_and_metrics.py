"""What probes and Prometheus see, and that nobody can make it grow without bound."""

import pytest

METRICS = "/metrics"


async def lines(gateway, **options):
    answer = await gateway.ask("GET", METRICS, key=None, **options)
    assert answer.status == 200
    return answer.body.decode().splitlines()


async def series(gateway, name):
    return [line for line in await lines(gateway) if line.startswith(name)]


async def test_health_needs_no_key_and_no_rules(start_gateway):
    gateway = await start_gateway(is_ready=False)

    health = await gateway.ask("GET", "/v1/health", key=None)
    ready = await gateway.ask("GET", "/v1/ready", key=None)

    assert (health.status, health.json) == (200, {"status": "ok"})
    assert (ready.status, ready.json["status"]) == (503, "not_ready")


async def test_calls_durations_and_errors_are_counted(gateway, server):
    await gateway.call("echo")
    await gateway.call("echo")
    await gateway.call("echo", key=None)
    await gateway.rpc("tools/list", {})

    shown = await lines(gateway)
    assert (
        'gatewayops_calls_total{method="tools/call",server="tools",status="success",tool="echo"} 2.0' in shown
    )
    assert 'gatewayops_calls_total{method="tools/list",server="tools",status="success",tool=""} 1.0' in shown
    assert 'gatewayops_errors_total{reason="key_missing",server="",tool=""} 1.0' in shown
    count = 'gatewayops_call_duration_seconds_count{method="tools/call",server="tools",tool="echo"} 2.0'
    assert count in shown
    assert 'gatewayops_calls_in_flight{server="tools"} 0.0' in shown


async def test_tools_beyond_the_bound_are_counted_together(start_gateway):
    gateway = await start_gateway(settings={"tool_labels": 3})
    for number in range(8):
        await gateway.call(f"tool_{number}")

    shown = await series(gateway, "gatewayops_calls_total")
    assert len(shown) == 4
    assert any('tool="other"} 5.0' in line for line in shown)


@pytest.mark.parametrize("kind", ["methods", "notifications", "servers", "failing tools", "uris", "dots"])
async def test_no_caller_can_make_up_labels(gateway, server, kind):
    async def failing(turn):
        await turn.fail(-32602, "unknown")

    if kind == "failing tools":
        server.script = failing
    before = len(await lines(gateway))
    for number in range(30):
        if kind == "methods":
            await gateway.rpc(f"vendor/m{number}", {})
        elif kind == "notifications":
            await gateway.rpc(f"notifications/n{number}", {})
        elif kind == "servers":
            await gateway.rpc("tools/list", {}, server=f"server-{number}")
        elif kind == "uris":
            await gateway.rpc("resources/read", {"uri": f"demo://{number}"})
        elif kind == "dots":
            await gateway.rpc(f"tools.call{'/' * number}", {})
        else:
            await gateway.call(f"tool_{number}")
    shown = await lines(gateway)

    assert len(shown) - before < 60
    assert not any(word in "\n".join(shown) for word in ("m29", "n29", "server-29", "demo://29", "tool_29"))


async def test_hostile_names_cannot_break_the_format(gateway):
    await gateway.call('a"} 1\ngatewayops_calls_total{x="')

    assert not any(line.startswith('gatewayops_calls_total{x="') for line in await lines(gateway))


async def test_with_a_token_set_only_the_token_sees_them(start_gateway):
    gateway = await start_gateway(settings={"metrics_token": "scrape"})

    for headers in ({}, {"authorization": "Bearer other"}):
        assert (await gateway.ask("GET", METRICS, key=None, headers=headers)).status == 403
    assert await lines(gateway, headers={"authorization": "Bearer scrape"})


async def test_without_a_token_only_loopback_sees_them(gateway):
    through_a_proxy = {"x-forwarded-for": "203.0.113.9"}

    assert (await gateway.ask("GET", METRICS, key=None, headers=through_a_proxy)).status == 403
