"""The address that issuers, audiences and challenges begin with: from the settings, one for both roles."""

import pytest

from gatewayops.gateway.settings import GatewaySettings
from gatewayops.settings import Settings


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        pytest.param({}, "http://127.0.0.1:8080", id="nothing is set"),
        pytest.param({"port": 9000}, "http://127.0.0.1:9000", id="another port"),
        pytest.param({"host": "0.0.0.0"}, "http://127.0.0.1:8080", id="all addresses"),
        pytest.param({"host": "::"}, "http://127.0.0.1:8080", id="all addresses, IPv6 too"),
        pytest.param({"host": "192.0.2.7"}, "http://192.0.2.7:8080", id="one address"),
        pytest.param({"host": "::1"}, "http://[::1]:8080", id="one IPv6 address"),
        pytest.param({"public_url": "https://mcp.example.com"}, "https://mcp.example.com", id="a name"),
        pytest.param({"public_url": "https://x.example/"}, "https://x.example", id="a slash at the end"),
    ],
)
def test_where_clients_find_the_gateway(settings, url):
    gateway = GatewaySettings(**settings)

    assert gateway.clients_url == url
    assert Settings(gateway=gateway).public_url == url
