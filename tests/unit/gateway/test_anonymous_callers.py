"""Servers for anybody: who calls without a key is counted, limited, recorded, and told apart by address."""

import pytest

from gatewayops.gateway.visitors import _household
from gatewayops.store import snapshot as sn


@pytest.fixture
async def opened(start_gateway):
    """`tools` is open to anybody."""
    return await start_gateway(row={"slug": "tools", "auth": sn.ANONYMOUS})


async def test_anybody_calls_without_a_key(opened):
    answer = await opened.call(key=None, era="modern")

    assert answer.status == 200
    record = opened.record
    assert (record.org_id, record.key_id, record.agent) == ("org_default", "", "unit-client")
    assert record.user_id.startswith("anon_")
    assert record.client_address == ""
    assert "127.0.0.1" not in repr(record)


async def test_one_address_is_one_caller_also_after_the_rules_changed(opened):
    await opened.call(key=None)
    await opened.apply()
    await opened.call(key=None)

    first, second = opened.records()
    assert first.user_id == second.user_id


async def test_callers_behind_a_trusted_proxy_are_told_apart_and_what_they_claim_counts_nothing(
    start_gateway,
):
    opened = await start_gateway(row={"slug": "tools", "auth": sn.ANONYMOUS}, proxies=("127.0.0.1",))
    for said in ("203.0.113.7", "203.0.113.8", "203.0.113.8, 203.0.113.7", None, "no address"):
        await opened.call(key=None, headers={"x-forwarded-for": said} if said else {})

    first, second, forged, itself, odd = (record.user_id for record in opened.records())
    assert len({first, second, itself}) == 3
    assert (forged, odd) == (first, itself)


async def test_without_trusted_proxies_nobody_is_somebody_else(opened):
    for said in ("203.0.113.7", "203.0.113.8"):
        await opened.call(key=None, headers={"x-forwarded-for": said})

    assert len({record.user_id for record in opened.records()}) == 1


async def test_limits_hold_for_each_caller(opened, rules):
    rules.governing["limits"] = (sn.LimitRow("org_default", "user", "*", 2, 60),)
    await opened.apply()
    statuses = [(await opened.call(key=None)).status for _ in range(3)]

    assert statuses == [200, 200, 429]


async def test_limits_hold_for_the_server(opened, rules):
    rules.governing["limits"] = (sn.LimitRow("org_default", "server", "srv_tools", 1, 60),)
    await opened.apply()

    assert [(await opened.call(key=None)).status for _ in range(2)] == [200, 429]


async def test_a_key_is_a_key_here_too_and_a_wrong_one_is_refused(opened):
    assert (await opened.call()).status == 200
    assert opened.record.key_id == "key_main"
    answer = await opened.call(key=None, headers={"authorization": "Bearer gwo_dev_nope" + "a" * 28})
    assert (answer.status, answer.reason) == (401, "key_unknown")


async def test_a_token_of_before_does_no_harm_and_goes_nowhere(opened, server):
    answer = await opened.call(key=None, headers={"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})

    assert answer.status == 200
    assert opened.record.user_id.startswith("anon_")
    assert b"eyJhbGciOiJub25lIn0" not in repr(server.last.headers).encode()


async def test_other_servers_stay_closed(opened, rules, server):
    rules.add_server("closed", server.url, slug="closed")
    await opened.apply()
    answer = await opened.call(key=None, server="closed")

    assert (answer.status, answer.reason) == (401, "key_missing")


async def test_a_server_that_is_closed_again_is_closed_with_the_next_rules(opened, rules):
    assert (await opened.call(key=None)).status == 200
    tools = next(row for row in rules.servers if row.name == "tools")
    rules.add_server("tools", tools.url, slug="tools")
    await opened.apply()

    assert (await opened.call(key=None)).status == 401


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_one_household_is_one_caller(address, known_as):
    assert _household(address) == known_as
