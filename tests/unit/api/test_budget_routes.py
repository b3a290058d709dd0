"""Budgets over REST: made, shown with what is spent, changed, overridden, proven."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gatewayops.api.app import ControlParts
from gatewayops.base import clock
from gatewayops.cost.budgets import totals
from gatewayops.cost.budgets.bookkeeper import Bookkeeper
from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Step
from gatewayops.record.progress import Range
from gatewayops.store.control.database import Database

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

ORG = "org_default"
BUDGET = {"scope": "organization", "amount": 10, "period": "month"}
INTERNAL = {"x-gatewayops-internal": "only our own roles know this"}


@pytest.fixture
def spend(database: Database) -> Callable[..., Awaitable[None]]:
    """Enters a call of so many micro-dollars into the ledger."""
    places = iter(range(1_000))

    async def spent(micros: int, **fields: str) -> None:
        empty = {name: kind() for name, kind in CallRecord.__annotations__.items()}
        now_ns = int(clock.unix_s() * 1e9)
        record = CallRecord(**empty | {"org_id": ORG, "ts_ns": now_ns, "cost_micros": micros} | fields)
        place = next(places)
        await Bookkeeper(database).take([record], Step((Range("w/1.seg", place, place + 1),)))

    return spent


async def made(admin: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await admin.post("/v1/budgets", json=BUDGET | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["budget"]


async def test_a_budget_shows_where_it_stands(admin: httpx.AsyncClient, spend: Any) -> None:
    budget = await made(admin)
    await spend(8_500_000)
    shown = (await admin.get(f"/v1/budgets/{budget['id']}")).json()

    assert (budget["name"], budget["subject"], budget["hard"]) == (
        "organization org_default month",
        ORG,
        True,
    )
    assert (shown["budget"]["spent"], shown["budget"]["remaining"]) == (8.5, 1.5)
    assert [event["threshold"] for event in shown["events"]] == [80, 50]
    assert shown["forecast"]["expected"] >= 8.5
    (listed,) = (await admin.get("/v1/budgets")).json()["budgets"]
    (foretold,) = (await admin.get("/v1/budgets?forecast=true")).json()["budgets"]
    assert listed == shown["budget"] | {"forecast": None}
    assert foretold["forecast"]["expected"] >= 8.5
    assert (await admin.get("/v1/budgets/events")).json()["events"] == shown["events"]


async def test_a_budget_made_late_counts_what_was_spent(admin: httpx.AsyncClient, spend: Any) -> None:
    await spend(9_000_000)
    budget = await made(admin)

    assert budget["spent"] == 9
    assert len((await admin.get("/v1/budgets/events", params={"budget": budget["id"]})).json()["events"]) == 2


async def test_subjects_are_found_by_what_people_call_them(
    admin: httpx.AsyncClient, client_of: ClientMaker
) -> None:
    team = (await admin.post("/v1/teams", json={"name": "red"})).json()["team"]
    user = (await admin.post("/v1/users", json={"email": "ann@example.com"})).json()["user"]
    project = (await admin.post("/v1/projects", json={"name": "apollo"})).json()["project"]
    key = (await admin.post("/v1/auth/keys", json={"name": "k"})).json()
    key_id, prefix = key["key"]["id"], key["key"]["prefix"]
    given = {"red": team["id"], "ann@example.com": user["id"], "apollo": project["id"], prefix: key_id}
    scopes = ("team", "user", "project", "key")

    for scope, (ref, subject_id) in zip(scopes, given.items(), strict=True):
        assert (await made(admin, scope=scope, subject=ref))["subject"] == subject_id
        assert (await made(admin, scope=scope, subject=subject_id, name=ref))["subject"] == subject_id
        unknown = await admin.post("/v1/budgets", json=BUDGET | {"scope": scope, "subject": "nobody"})
        assert (unknown.status_code, unknown.json()["message"][:8]) == (400, "subject:")
        missing = await admin.post("/v1/budgets", json=BUDGET | {"scope": scope})
        assert missing.status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"amount": -1},
        {"amount": "NaN"},
        {"amount": 1e300},
        {"amount": 0.0000001},
        {"amount": None},
        {"period": "year"},
        {"scope": "world"},
        {"subject": "org_other"},
        {"subject": "a\u0000b"},
        {"grace_percent": 1001},
        {"grace_keys": ["nobody"]},
        {"name": "x" * 300},
        {"colour": "red"},
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_named(admin: httpx.AsyncClient, change: dict[str, Any]) -> None:
    answer = await admin.post("/v1/budgets", json=BUDGET | change)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(next(iter(change)))


async def test_a_change_keeps_what_is_left_out(admin: httpx.AsyncClient) -> None:
    budget = await made(admin, grace_percent=10)
    route = f"/v1/budgets/{budget['id']}"
    changed = (await admin.patch(route, json={"amount": 0.5, "hard": False, "period": "day"})).json()[
        "budget"
    ]
    again = (await admin.patch(route, json={"name": "new"})).json()["budget"]

    assert (changed["amount"], changed["hard"], changed["period"]) == (0.5, False, "day")
    assert (again["name"], again["amount"], again["grace_percent"]) == ("new", 0.5, 10)
    await made(admin, name="other")
    assert (await admin.patch(route, json={"name": "other"})).status_code == 409
    assert (await admin.post("/v1/budgets", json=BUDGET | {"name": "new"})).status_code == 409
    assert (await admin.patch(route, json={"scope": "key"})).status_code == 400


async def test_an_override_adds_until_its_end(admin: httpx.AsyncClient) -> None:
    budget = await made(admin)
    route = f"/v1/budgets/{budget['id']}/overrides"
    until = (clock.now() + timedelta(hours=1)).isoformat()
    more = {"extra": 2.5, "reason": "launch week", "until": until}
    override = (await admin.post(route, json=more)).json()["override"]

    assert (override["made_by"], override["reason"]) == ("local", "launch week")
    assert (await admin.get(f"/v1/budgets/{budget['id']}")).json()["budget"]["limit"] == 12.5
    assert (await admin.get(route)).json()["overrides"] == [override]
    for wrong in ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "9999-12-31T23:59:59-23:59"):
        assert (await admin.post(route, json=more | {"until": wrong})).status_code == 400
    assert (await admin.post(route, json=more | {"reason": ""})).status_code == 400
    assert (await admin.delete(f"{route}/{override['id']}")).status_code == 204
    assert (await admin.delete(f"{route}/{override['id']}")).status_code == 404
    assert (await admin.get(f"/v1/budgets/{budget['id']}")).json()["budget"]["limit"] == 10


async def test_organisations_are_apart(admin: httpx.AsyncClient, client_of: ClientMaker, spend: Any) -> None:
    budget = await made(admin)
    await spend(9_000_000)
    other = await client_of("org_other", "*")

    assert (await other.get("/v1/budgets")).json()["budgets"] == []
    assert (await other.get("/v1/budgets/events")).json()["events"] == []
    for answer in (
        await other.get(f"/v1/budgets/{budget['id']}"),
        await other.patch(f"/v1/budgets/{budget['id']}", json={"amount": 1}),
        await other.delete(f"/v1/budgets/{budget['id']}"),
        await other.get(f"/v1/budgets/{budget['id']}/overrides"),
    ):
        assert answer.status_code == 404


async def test_reading_and_writing_are_apart(admin: httpx.AsyncClient, client_of: ClientMaker) -> None:
    budget = await made(admin)
    reader = await client_of(ORG, "budgets.read")
    writer = await client_of(ORG, "budgets.write")

    assert (await reader.get("/v1/budgets")).status_code == 200
    assert (await reader.delete(f"/v1/budgets/{budget['id']}")).status_code == 403
    assert (await writer.get("/v1/budgets")).status_code == 403
    assert (await writer.delete(f"/v1/budgets/{budget['id']}")).status_code == 204


async def test_gateways_learn_totals_and_others_do_not(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, spend: Any
) -> None:
    budget = await made(admin)
    await spend(7)
    state = totals.decode((await anyone.get("/internal/ledger", headers=INTERNAL)).content)

    assert [(one.budget_id, one.spent_micros) for one in state.totals] == [(budget["id"], 7)]
    assert state.positions == {"w/1.seg": 1}
    assert (await admin.get("/internal/ledger")).status_code == 401


class TestProof:
    class Recorded:
        """A telemetry store that has recorded so much by day."""

        def __init__(self, days: dict[str, int]) -> None:
            self.days = days

        async def day_sums(self, _start_ns: int, _end_ns: int) -> dict[str, list[Any]]:
            return {"builds": [], "built": []}

        async def rows(self, sql: str, _parameters: Any = None) -> list[dict[str, Any]]:
            names = [*self.days] if "GROUP BY" in sql else ["all"]
            figures = dict.fromkeys(("calls", "errors", "total_input_tokens", "total_output_tokens"), 0)
            return [figures | {"group_name": name, "total_micros": self.days.get(name, 0)} for name in names]

        async def remembered_rows(self, _sql: str, _parameters: Any) -> list[dict[str, Any]]:
            return []  # no day is summed up

    @pytest.fixture
    def today(self) -> str:
        return clock.now().date().isoformat()

    @pytest.fixture
    def parts(self, parts: ControlParts, today: str) -> ControlParts:
        return dataclasses.replace(parts, telemetry=self.Recorded({today: 12}))

    async def test_equal_days_agree(self, admin: httpx.AsyncClient, spend: Any, today: str) -> None:
        await spend(12)
        told = (await admin.get("/v1/budgets/proof")).json()
        assert told == {
            "agrees": True,
            "days": [{"day": today, "ledger": 0.000012, "recorded": 0.000012, "difference": 0.0}],
        }

    async def test_a_difference_is_shown(
        self, admin: httpx.AsyncClient, spend: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gatewayops.api.budgets.PROOF_PAUSE_S", 0.0)
        await spend(10)
        told = (await admin.get("/v1/budgets/proof")).json()
        assert (told["agrees"], told["days"][0]["difference"]) == (False, -0.000002)

    @pytest.mark.parametrize(
        "asked", [{"start_date": "x"}, {"start_date": "2025-01-02", "end_date": "2025-01-01"},
                  {"start_date": "1970-01-01"}, {"end_date": "2025-02-30"}],
        ids=str,
    )  # fmt: skip
    async def test_days_that_cannot_be_are_named(
        self, admin: httpx.AsyncClient, asked: dict[str, str]
    ) -> None:
        assert (await admin.get("/v1/budgets/proof", params=asked)).status_code == 400
