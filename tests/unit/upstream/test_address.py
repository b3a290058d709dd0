"""Which addresses the gateway connects to."""

import pytest

from gatewayops.base.errors import InvalidInput, Reason
from gatewayops.upstream.address import AddressRefused, AddressUnknown, check_url, refusal, resolve

PUBLIC = ("8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
PRIVATE = (
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
)
NEVER = (
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.1.1",
    "::ffff:169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:0:7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "100::1",
    "5f00::1",
    "not-an-address",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_to(address: str) -> None:
    assert refusal(address, allows_private=False) is None
    assert refusal(address, allows_private=True) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_needs_leave(address: str) -> None:
    assert refusal(address, allows_private=False)
    assert refusal(address, allows_private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_special_addresses_are_refused_even_with_leave(address: str) -> None:
    assert refusal(address, allows_private=False)
    assert refusal(address, allows_private=True)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "::1"]
)
async def test_any_spelling_of_loopback_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        await resolve(host, 80, allows_private=False)
    assert refused.value.reason is Reason.UPSTREAM_ADDRESS


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "169.254.169.254", "0"])
async def test_any_spelling_of_metadata_is_refused_even_with_leave(host: str) -> None:
    with pytest.raises(AddressRefused):
        await resolve(host, 80, allows_private=True)


async def test_with_leave_loopback_resolves_to_what_to_connect_to() -> None:
    assert await resolve("127.0.0.1", 80, allows_private=True) == ["127.0.0.1"]


async def test_a_name_that_does_not_resolve_is_unknown() -> None:
    with pytest.raises(AddressUnknown):
        await resolve("nobody.invalid", 80, allows_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com:8443/mcp?tenant=a",
        "http://mcp_server:9000/mcp",
        "http://[2606:4700::1]:80/",
        "http://127.1/",
    ],
)
def test_a_plain_url_passes(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "http://",
        "http://:80/",
        "http://user@example.com",
        "http://user:word@example.com",
        "http://@example.com",
        "http://example.com/#part",
        "http://example.com#",
        "http://example.com\\@10.0.0.1/",
        "http://example.com/\r\nHost: other",
        "http://exam ple.com",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:port/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://exämple.com/",
        "http://example.com/" + "x" * 2048,
    ],
)
def test_anything_but_a_plain_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="url: "):
        check_url(url)
