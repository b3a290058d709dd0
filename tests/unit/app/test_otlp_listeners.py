"""A port of OpenTelemetry's that is taken is said, and stops nothing."""

import logging
import socket

import pytest

from gatewayops.api.settings import ControlSettings
from gatewayops.app import otlp_listeners
from gatewayops.base.errors import InvalidInput
from gatewayops.settings import load


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield f"127.0.0.1:{other.getsockname()[1]}"


async def test_a_port_that_is_taken_is_told_and_left_alone(taken, caplog):
    with caplog.at_level(logging.WARNING):
        listener = otlp_listeners.http_socket(taken)
        await otlp_listeners.serve_grpc(None, taken, is_ready=lambda: True)

    assert listener is None
    told = [record.getMessage() for record in caplog.records]
    assert [taken in text and "everything else goes on" in text for text in told] == [True, True]
    assert ["otlp_http" in told[0], "otlp_grpc" in told[1]] == [True, True]


async def test_an_empty_address_is_off(caplog):
    assert otlp_listeners.http_socket("") is None
    await otlp_listeners.serve_grpc(None, "", is_ready=lambda: True)
    assert caplog.records == []


def test_they_are_on_loopback_unless_the_settings_say_otherwise():
    assert (ControlSettings().otlp_grpc, ControlSettings().otlp_http) == ("127.0.0.1:4317", "127.0.0.1:4318")
    settings = load({"control": {"otlp_grpc": "", "otlp_http": "[::1]:4400"}}, {})
    assert (settings.control.otlp_grpc, settings.control.otlp_http) == ("", "[::1]:4400")
    with pytest.raises(InvalidInput, match="otlp_grpc"):
        load({"control": {"otlp_grpc": "4317"}}, {})
