"""Who may read /metrics of control and store."""

import pytest

from gatewayops.protocol.scraping import may_scrape

NEAR = ("127.0.0.1", 5000)
HERE = (b"host", b"127.0.0.1:8081")


@pytest.mark.parametrize(
    ("client", "headers", "is_let_in"),
    [
        pytest.param(NEAR, [HERE], True, id="loopback"),
        pytest.param(("::1", 5000), [(b"host", b"[::1]:8081")], True, id="loopback of IPv6"),
        pytest.param(("10.0.0.7", 5000), [HERE], False, id="another machine"),
        pytest.param(None, [HERE], False, id="nobody knows from where"),
        pytest.param(NEAR, [HERE, (b"x-forwarded-for", b"203.0.113.9")], False, id="through a proxy"),
        pytest.param(NEAR, [(b"host", b"rebound.example")], False, id="a page that owns its name"),
        pytest.param(NEAR, [(b"host", b"127.0.0.1.example")], False, id="a name that looks like ours"),
        pytest.param(NEAR, [], False, id="no name"),
    ],
)
def test_without_a_token_only_this_machine_is_let_in(client, headers, is_let_in):
    assert may_scrape({"client": client, "headers": headers}, token="") is is_let_in


@pytest.mark.parametrize(
    ("shown", "is_let_in"),
    [(b"Bearer scrape", True), (b"Bearer scrap", False), (b"scrape", False), (b"", False), (None, False)],
)
def test_with_a_token_only_the_token_is(shown, is_let_in):
    headers = [HERE] if shown is None else [HERE, (b"authorization", shown)]

    assert may_scrape({"client": NEAR, "headers": headers}, token="scrape") is is_let_in
    assert may_scrape({"client": ("10.0.0.7", 1), "headers": headers}, token="scrape") is is_let_in
