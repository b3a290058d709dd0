"""Dear questions: asked once for all who wait, remembered for a while, and failures never."""

import asyncio

import pytest

from gatewayops.store.telemetry import remembering
from gatewayops.store.telemetry.remembering import Remembering


class Store:
    """Answers with how often it was asked, when it may."""

    def __init__(self):
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.fault = None

    async def ask(self, sql, parameters):
        self.asked += 1
        told = [{"sql": sql, "asked": self.asked, **parameters}]
        await self.may_answer.wait()
        if self.fault:
            raise self.fault
        return told


@pytest.fixture
def now(monkeypatch):
    at = [100.0]
    monkeypatch.setattr(remembering.time, "monotonic", lambda: at[0])
    return at


async def test_an_answer_holds_for_so_long_and_for_the_same_question_only(now):
    store = Store()
    remembered = Remembering(store.ask)
    first = await remembered.rows("q", {"org": "a", "days": ["2026-01-01"]}, seconds=60)
    assert await remembered.rows("q", {"days": ["2026-01-01"], "org": "a"}, seconds=60) == first
    assert (await remembered.rows("q", {"org": "b", "days": ["2026-01-01"]}, seconds=60))[0]["org"] == "b"
    now[0] += 61
    assert (await remembered.rows("q", {"org": "a", "days": ["2026-01-01"]}, seconds=60))[0]["asked"] == 3
    remembered.forget()
    assert (await remembered.rows("q", {"org": "a", "days": ["2026-01-01"]}, seconds=60))[0]["asked"] == 4


async def test_what_somebody_makes_of_an_answer_changes_nobody_elses():
    remembered = Remembering(Store().ask)
    (await remembered.rows("q", {}, seconds=60))[0].pop("sql")
    assert (await remembered.rows("q", {}, seconds=60))[0] == {"sql": "q", "asked": 1}


async def test_who_asks_meanwhile_waits_for_the_same_answer_even_if_the_first_goes_away():
    store = Store()
    store.may_answer.clear()
    remembered = Remembering(store.ask)
    first, second = (asyncio.create_task(remembered.rows("q", {}, seconds=60)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    store.may_answer.set()
    assert (await second)[0]["asked"] == 1
    assert first.cancelled() or first.cancelling()


async def test_a_failure_is_told_to_all_who_wait_and_not_remembered():
    store = Store()
    store.fault = OSError("away")
    remembered = Remembering(store.ask)
    told = await asyncio.gather(
        *(remembered.rows("q", {}, seconds=60) for _ in range(2)), return_exceptions=True
    )
    assert [str(one) for one in told] == ["away", "away"]
    store.fault = None
    assert (await remembered.rows("q", {}, seconds=60))[0]["asked"] == 2


async def test_only_so_many_answers_are_kept(now):
    store = Store()
    remembered = Remembering(store.ask)
    for number in range(300):
        await remembered.rows("q", {"number": number}, seconds=60)
    await remembered.rows("q", {"number": 0}, seconds=60)
    assert store.asked == 301
