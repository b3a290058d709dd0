"""/metrics of the control role: requests by route, who follows the rules; for Prometheus alone."""

from dataclasses import replace

import httpx
import pytest
from prometheus_client.core import GaugeMetricFamily

from gatewayops.api.app import create_app

HERE = "http://127.0.0.1:8081"


def client_of(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE)


@pytest.fixture
async def client(parts):
    """Without a key, on loopback."""
    async with client_of(create_app(parts)) as asking:
        yield asking


async def shown(client):
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    return answer.text.splitlines()


async def test_requests_are_counted_by_route_never_by_path(client):
    for name in ("one", "two"):
        assert (await client.get(f"/v1/servers/{name}")).status_code == 401
        assert (await client.get(f"/nowhere/{name}")).status_code == 404
    lines = await shown(client)

    assert (
        'gatewayops_api_requests_total{method="GET",route="/v1/servers/{server}",status="401"} 2.0' in lines
    )
    assert 'gatewayops_api_requests_total{method="GET",route="none",status="404"} 2.0' in lines
    assert 'gatewayops_api_request_duration_seconds_count{method="GET",route="none"} 2.0' in lines


async def test_methods_that_callers_make_up_are_one(client):
    for number in range(5):
        await client.request(f"MADE{number}", "/v1/servers")

    assert "MADE" not in "\n".join(await shown(client))


async def test_what_the_role_adds_is_on_the_page(parts):
    app = create_app(parts)
    app.state.metrics.add(lambda: [GaugeMetricFamily("gatewayops_more", "More", value=4)])
    app.state.watch.followers.came("gateway-1", -5)
    async with client_of(app) as client:
        lines = await shown(client)

    assert "gatewayops_more 4.0" in lines
    assert "gatewayops_snapshot_followers 1.0" in lines
    assert "gatewayops_snapshot_followers_behind 1.0" in lines


async def test_what_came_through_the_gateway_is_refused(client):
    answer = await client.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})

    assert answer.status_code == 403


async def test_with_a_token_set_only_the_token_sees_them(parts):
    async with client_of(create_app(replace(parts, metrics_token="scrape"))) as client:
        refused = await client.get("/metrics")
        answer = await client.get("/metrics", headers={"Authorization": "Bearer scrape"})

    assert (refused.status_code, answer.status_code) == (403, 200)
