"""When demo data is seeded, and when it is refused with a word about what to do."""

import msgspec
import pytest

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, InvalidInput, NotFound, Unavailable
from gatewayops.demo import removal
from gatewayops.demo.seeding import Seeding, Wanted
from gatewayops.store.control import alert_channels, alert_incidents, budgets
from gatewayops.store.control.alert_channels import Channel
from gatewayops.store.control.alert_incidents import Wanted as Which
from gatewayops.store.control.budgets import BudgetSpec
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.paging import Asked
from gatewayops.testing.counting_spans import CountingSpans

WANTED = Wanted(days=3, calls=400, seed=5)


@pytest.fixture
def spans():
    return CountingSpans()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "demo-data.json"


@pytest.fixture
def seed(database, spans, path):
    async def asked(**changes):
        wanted = msgspec.structs.replace(WANTED, **changes)
        return await Seeding(database, spans, path).seed(wanted, lambda _: None)

    return asked


async def add_channel(database):
    told = {"name": "ops", "kind": "webhook", "address": "https://ops.example/hook", "is_for_all": True}
    known = {"id": "channel_1", "org_id": DEFAULT_ORG, "sealed_secret": b"", "created_at": clock.now()}
    async with database.session() as session:
        await alert_channels.add(session, Channel(**told, **known))


async def add_hard_budget(database):
    spec = BudgetSpec(
        name="all", scope="organization", subject=DEFAULT_ORG, period="month", amount_micros=9, is_hard=True
    )
    async with database.session() as session:
        await budgets.add(session, org_id=DEFAULT_ORG, spec=spec)


async def test_where_somebody_would_be_told_or_a_real_call_stopped_it_is_refused(database, spans, seed):
    await add_hard_budget(database)
    with pytest.raises(Conflict, match="hard budget of the organisation"):
        await seed()
    await add_channel(database)
    with pytest.raises(Conflict, match="would be told"):
        await seed()

    assert spans.stored == 0


async def test_its_incidents_told_nobody_and_nothing_is_seeded_twice(database, spans, seed):
    await add_channel(database)
    await seed(anyway=True)

    async with database.reading() as session:
        page = await alert_incidents.page(session, org_id=DEFAULT_ORG, wanted=Which(), asked=Asked(limit=50))
    told = {(one.kind, one.state): one.summary for one in page.rows}
    assert "met a rate limit" in told["rate_limit_hits", "resolved"]
    assert all("has spent 11" in one.summary for one in page.rows if one.state == "firing")
    assert not any(one.is_told for one in page.rows)
    with pytest.raises(Conflict, match="`gatewayops demo remove` first"):
        await seed(anyway=True)
    assert spans.stored == 400


async def test_a_seeding_that_broke_off_can_be_removed(database, spans, path, seed):
    spans.is_away = True

    with pytest.raises(Unavailable):
        await seed()
    with pytest.raises(Conflict, match="not to its end"):
        await seed()
    gone = await removal.remove(database, spans, path)

    assert gone.objects["users"] == 12
    with pytest.raises(NotFound, match="no demo data"):
        await removal.remove(database, spans, path)


async def test_more_days_than_are_kept_are_refused(seed, path):
    with pytest.raises(InvalidInput, match="30 days"):
        await seed(days=31)
    assert not path.exists()
