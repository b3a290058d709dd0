"""Whom a proxy forwards: the nearest address that is no proxy of ours, whatever stands left of it."""

from pathlib import Path

import pytest

from gatewayops import settings
from gatewayops.protocol.forwarded import TrustedProxies

OURS = ("10.0.0.0/8", "2001:db8::/32", "127.0.0.1")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(["203.0.113.7"], "203.0.113.7", id="one proxy"),
        pytest.param(["203.0.113.7, 10.1.1.1"], "203.0.113.7", id="two proxies"),
        pytest.param(["203.0.113.7", "10.1.1.1"], "203.0.113.7", id="two headers"),
        pytest.param(["6.6.6.6, 203.0.113.7"], "203.0.113.7", id="a client that claims another"),
        pytest.param(["10.9.9.9, 203.0.113.7, 10.1.1.1"], "203.0.113.7", id="one that claims a proxy's"),
        pytest.param(["203.0.113.7:4711"], "203.0.113.7", id="with a port"),
        pytest.param(["[2001:db9::1]:4711"], "2001:db9::1", id="IPv6 with a port"),
        pytest.param(["::ffff:203.0.113.7"], "203.0.113.7", id="IPv4 in IPv6"),
        pytest.param(["10.2.2.2, 10.1.1.1"], "10.2.2.2", id="from within"),
        pytest.param(["203.0.113.7, unknown, 10.1.1.1"], "10.1.1.1", id="what is no address ends it"),
        pytest.param(["<script>"], "10.0.0.1", id="no address at all"),
        pytest.param([], "10.0.0.1", id="no header"),
    ],
)
def test_the_client_is_the_rightmost_that_is_not_ours(said: list[str], expected: str) -> None:
    assert TrustedProxies(OURS).client("10.0.0.1", said) == expected


def test_nobody_is_trusted_unless_named() -> None:
    assert not TrustedProxies()
    assert not TrustedProxies().trusts("127.0.0.1")
    assert TrustedProxies(OURS).trusts("::ffff:10.3.3.3")
    assert not TrustedProxies(OURS).trusts("unix socket")


@pytest.mark.parametrize("wrong", ["everybody", "10.0.0.0/33", ""])
def test_what_is_no_network_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match="trusted_proxies"):
        TrustedProxies((wrong,))


def test_the_setting_is_a_list_and_a_wrong_one_stops_the_start(tmp_path: Path) -> None:
    given = {"GATEWAYOPS_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1", "GATEWAYOPS_DATA_DIR": str(tmp_path)}
    assert settings.load(environ=given).trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    with pytest.raises(settings.SettingsWrong, match="trusted_proxies: 'everybody'"):
        settings.load(environ=given | {"GATEWAYOPS_TRUSTED_PROXIES": "everybody"})
