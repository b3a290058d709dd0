"""The live feed's events and places; who may change how long telemetry is kept."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gatewayops.api.app import ControlParts
from gatewayops.api.live_feed import PER_ORG, Places, counted, feed
from gatewayops.base.errors import TooMany, Unavailable

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]
FIGURES = {"calls": 120, "errors": 3, "percentiles": [1e6, 2e6, 3e6], "timed": 120} | dict.fromkeys(
    ("agents", "users", "keys"), 1
)


class Store:
    """A telemetry store with one answer, or that is away; remembers what was changed."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.changes: list[str] = []
        self.days = 30

    async def rows(self, _: str, __: object = None) -> list[dict[str, Any]]:
        if not self.answers:
            return [{"ddl": f"() ENGINE = MergeTree TTL toDateTime(ts) + toIntervalDay({self.days})"}]
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    async def change(self, statements: Sequence[str]) -> None:
        self.changes += statements
        self.days = 7


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def parts(parts: ControlParts, store: Store) -> ControlParts:
    """Over a telemetry store that the test sees."""
    return replace(parts, telemetry=store)


def event(text: bytes) -> tuple[str, dict[str, Any]]:
    name, data = text.decode().strip().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_the_live_feed_tells_the_last_minute_and_outlives_a_store_that_is_away() -> None:
    store = Store(FIGURES, Unavailable("the store is away"), FIGURES)
    ends = iter([False, False, False, True])

    events = [event(text) async for text in feed(store, "org", is_stopping=lambda: next(ends), every_s=0)]

    assert [name for name, _ in events] == ["figures", "unavailable", "figures"]
    assert (events[0][1]["calls_per_s"], events[0][1]["error_rate"], events[0][1]["p95_ms"]) == (2, 0.025, 2)
    assert events[1][1] == {"message": "the store is away"}


async def test_a_feed_that_ends_gives_its_place_back() -> None:
    places = Places()
    streams = [
        counted(feed(Store(FIGURES), "org", is_stopping=lambda: False), places, "org") for _ in range(PER_ORG)
    ]
    for stream in streams:
        await anext(stream)
    with pytest.raises(TooMany):
        places.check("org")
    places.check("another")

    await streams[0].aclose()

    places.check("org")


async def test_metrics_need_their_action(client_of: ClientMaker) -> None:
    for path in ("summary", "series", "live"):
        answer = await (await client_of("org_default", "traces.read")).get(f"/v1/metrics/{path}")
        assert answer.status_code == 403


async def test_the_person_at_the_machine_changes_what_is_kept_and_the_log_says_so(
    admin: httpx.AsyncClient, store: Store
) -> None:
    before = (await admin.get("/v1/retention")).json()["retention"]
    after = await admin.put("/v1/retention", json={"spans_days": 7})

    assert before == {"spans_days": 30, "payloads_days": 30, "scope": "installation"}
    assert after.json()["retention"]["spans_days"] == 7
    assert any("toIntervalDay(7)" in statement for statement in store.changes)
    entry = (await admin.get("/v1/logs/audit")).json()["entries"][0]
    assert (entry["action"], entry["after"]["spans_days"]) == ("retention.changed", 7)


async def test_one_tenant_of_several_cannot_change_it_for_all(client_of: ClientMaker, store: Store) -> None:
    client = await client_of("org_default", "*")

    answer = await client.put("/v1/retention", json={"spans_days": 7})

    assert answer.status_code == 403
    assert "at the machine" in answer.json()["message"]
    assert store.changes == []


@pytest.mark.parametrize(
    "body", [{"spans_days": 0}, {"spans_days": 7, "payloads_days": 8}, {"spans_days": 4000}, {}], ids=str
)
async def test_a_retention_that_cannot_be_is_refused(
    admin: httpx.AsyncClient, store: Store, body: dict[str, int]
) -> None:
    assert (await admin.put("/v1/retention", json=body)).status_code == 400
    assert store.changes == []
