"""A change is answered when the gateways that follow have it in use."""

import asyncio

import pytest

from gatewayops.store.control.followers import Followers

LONG_S = 10.0


@pytest.fixture
def followers():
    return Followers()


async def is_held_up(reaching):
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return not reaching.done()


async def test_a_change_waits_for_every_follower(followers):
    followers.came("one", 7)
    followers.came("two", 7)
    reaching = asyncio.create_task(followers.reach(8, within_s=LONG_S))
    assert await is_held_up(reaching)
    followers.came("one", 8)
    assert await is_held_up(reaching)
    followers.came("two", 9)
    await reaching


async def test_one_that_hangs_up_is_not_waited_for(followers):
    followers.came("one", 7)
    reaching = asyncio.create_task(followers.reach(8, within_s=LONG_S))
    assert await is_held_up(reaching)
    followers.left("one")
    await reaching
    assert followers.is_empty


async def test_one_that_does_not_come_holds_nobody_up_for_long(followers):
    followers.came("one", 7)
    await followers.reach(8, within_s=0.01)


async def test_one_that_has_not_asked_for_long_is_forgotten():
    followers = Followers(forgotten_s=0.0)
    followers.came("one", 7)
    await followers.reach(8, within_s=LONG_S)
    assert followers.is_empty
