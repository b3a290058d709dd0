"""Which redirect URIs may be registered, and when a given one is a registered one."""

from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayops.identity.oauth import redirect_uris
from gatewayops.identity.oauth.refusals import OAuthRefused

REGISTERED = (
    "https://client.example/cb?a=1",
    "http://127.0.0.1:8787/cb",
    "http://localhost/cb",
    "cursor://x/cb",
)


@pytest.mark.parametrize(
    "uri",
    [
        "https://claude.ai/api/mcp/auth_callback",
        "https://chatgpt.com/connector/oauth/abc_123-x",
        "https://vscode.dev/redirect",
        "https://client.example:8443/a/b?c=d&e=%C3%A4",
        "https://[2001:db8::1]/cb",
        "http://localhost:8787/callback",
        "http://127.0.0.1/",
        "http://[::1]:5000/cb",
        "http://127.0.0.1:33418",
        "cursor://anysphere.cursor-retrieval/oauth/user-agent/callback",
        "com.example.app:/callback",
    ],
)
def test_what_clients_use_may_be_registered(uri: str) -> None:
    redirect_uris.check(uri)


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
        ),
        *(
            "blob:https://a/b",
            "about:blank",
            "view-source:https://a",
            "mailto:a@b.c",
            "intent://x",
            "ftp://a/b",
        ),
        *(
            "https://user@client.example/cb",
            "https://user:pw@client.example/",
            "https://client.example@evil/",
        ),
        *("https://client.example/cb#x", "https://client.example/cb#", "cursor://x/cb#y"),
        *("http://client.example/cb", "http://127.0.0.1.evil.example/cb", "http://localhost.evil/cb"),
        *("http://127.0.0.1@evil.example/", "http://127.0.0.2/cb", "http://0.0.0.0/cb", "http://10.0.0.1/"),
        *("https://", "https:///cb", "https:client.example", "https://a..b/", "https://-a/", "https://a:0/"),
        *(
            "https://127.1/cb",
            "https://1/",
            "https://0x7f.1/",
            "https://a.0x/",
            "https://127.0.0.256/",
            "https://a.1/",
        ),
        *("https://a:99999/", "https://a:x/", "https://client.example/../cb", "https://client.example/./cb"),
        *("https://client.example/%2e%2e/cb", "https://client.example/%2E%2E/cb", "https://a/%5cevil"),
        *("https://a/%00", "https://a/%0d%0aSet-Cookie:x", "https://a/%7f", "https://a/%zz", "https://a/%"),
        *(
            "https://a/%2fevil%40",
            "https://a/%23x",
            "https://a/%2523",
            "https://a\\@evil/",
            "https://a/\\evil",
        ),
        *("https://a/ b", "https://a/\t", "https://a/\n", "https://ä.example/", "//evil/cb", "/cb", "cb", ""),
        *("https://a/<x>", 'https://a/"x', "https://a/{x}", "https://a/" + "x" * 2048, "cursor:", "1a://x"),
        *("HTTPS://client.example/cb", " https://a/", "https://a/'x", "https://a/`x"),
    ],
)
def test_what_could_lead_elsewhere_is_refused(uri: str) -> None:
    with pytest.raises(OAuthRefused) as refused:
        redirect_uris.check(uri)
    assert refused.value.error == "invalid_redirect_uri"
    assert len(uri) < 8 or uri not in refused.value.detail


@pytest.mark.parametrize(
    ("given_uri", "is_it"),
    [
        ("https://client.example/cb?a=1", True),
        ("https://client.example/cb", False),
        ("https://client.example/cb?a=1&b", False),
        ("https://client.example:443/cb?a=1", False),
        ("https://CLIENT.example/cb?a=1", False),
        ("https://client.example/cb?a=%31", False),
        ("http://127.0.0.1:61001/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://127.0.0.1:61001/cb/", False),
        ("http://127.0.0.1:0/cb", False),
        ("http://127.0.0.1:70000/cb", False),
        ("http://127.0.0.1:80@evil/cb", False),
        ("http://localhost:1/cb", True),
        ("http://[::1]:8787/cb", False),
        ("https://127.0.0.1:8787/cb", False),
        ("cursor://x/cb", True),
        ("cursor://x:1/cb", False),
    ],
)
def test_only_the_port_on_loopback_is_free(given_uri: str, is_it: bool) -> None:
    assert redirect_uris.matches(REGISTERED, given_uri) is is_it


@given(
    st.sampled_from(REGISTERED),
    st.integers(0, 40),
    st.sampled_from("/.@#\\%?&:;,\x00\t é") | st.characters(),
)
def test_no_change_of_a_registered_one_matches_but_a_port_on_loopback(uri: str, at: int, what: str) -> None:
    changed = uri[:at] + what + uri[at:]
    if redirect_uris.matches(REGISTERED, changed) and changed not in REGISTERED:
        assert redirect_uris.is_loopback(uri)
        assert what.isdigit()
        assert what.isascii()


PIECES = (
    *(
        "https://",
        "http://",
        "HTTPS://",
        "https:/",
        "javascript:",
        "data:",
        "cursor://",
        "//",
        "/",
        "\\",
        "?",
        "#",
    ),
    *("client.example", "evil.example", "localhost", "127.0.0.1", "[::1]", "127.1", "@", ":", ":443", ":0"),
    *(
        "%2e",
        "%2F",
        "%5c",
        "%40",
        "%23",
        "%00",
        "%0d%0a",
        "%25",
        "%zz",
        "..",
        ".",
        ";",
        " ",
        "\t",
        "\u2024",
        "a",
    ),
)


@settings(max_examples=500)
@given(
    st.sampled_from(("https://client.example", "https://", "http://localhost", "cursor://x", "")),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
)
def test_whatever_may_be_registered_leads_to_the_same_place_for_every_reader(begin: str, rest: str) -> None:
    uri = begin + rest
    try:
        redirect_uris.check(uri)
    except OAuthRefused:
        return
    parts, seen = urlsplit(uri), httpx.URL(uri)
    assert parts.scheme == seen.scheme
    assert (parts.hostname or "") == seen.host.strip("[]")
    assert (seen.userinfo, seen.fragment) == (b"", "")
    assert parts.scheme not in ("javascript", "data")
    assert not {".", ".."} & set(unquote(parts.path).replace("\\", "/").split("/"))
    assert parts.scheme != "http" or parts.hostname in ("localhost", "127.0.0.1", "::1")
