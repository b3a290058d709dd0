"""Seeds: objects in one transaction, then batches of calls, then what came of them.

Calls go where the recorder and the bookkeeper put them, by their code, but not through the spool: so they are
in no export and in no audit log, which tell of what really happened.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

import msgspec

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, InvalidInput
from gatewayops.base.ids import random_text
from gatewayops.cost.budgets.bookkeeper import Bookkeeper
from gatewayops.demo import marks as marks_file
from gatewayops.demo import story
from gatewayops.demo.company import company
from gatewayops.demo.incidents import Toll
from gatewayops.demo.marks import Marks
from gatewayops.demo.objects import Maker, Objects
from gatewayops.demo.traffic import Installed, Period, Traffic, period_before
from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Step
from gatewayops.record.destination import Calls
from gatewayops.record.masking import Masker, Maskers
from gatewayops.record.otlp import span_rows
from gatewayops.record.otlp.span_record import SpanRecord
from gatewayops.store import origin
from gatewayops.store.audit_entry import Actor
from gatewayops.store.control import demo_rows, masking
from gatewayops.store.control.database import Database
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.origin import Origin
from gatewayops.store.telemetry import retention
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.store.telemetry.otlp_schema import OTLP_SPAN_COLUMNS

_BATCH = 5_000
_AT_THE_MACHINE = Origin(Actor("admin"))


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How much. `anyway`: also where somebody would be told, or real calls could be refused."""

    days: int
    calls: int
    seed: int
    anyway: bool = False


class Seeded(msgspec.Struct, frozen=True):
    """What is there now."""

    calls: int
    cost_micros: int
    days: int
    seed: int
    objects: dict[str, int]


class Seeding:
    """One seeding of the default organisation."""

    def __init__(self, database: Database, telemetry: Telemetry, path: Path) -> None:
        """`path` is where the marks are kept."""
        self._database = database
        self._telemetry = telemetry
        self._path = path

    async def seed(self, wanted: Wanted, say: Callable[[int], None]) -> Seeded:
        """`say` is told of each batch how many calls are stored. Raises Conflict, InvalidInput, Unavailable.

        What was made before a failure or an interruption is in the marks.
        """
        await self._check(wanted)
        marks = Marks(
            org_id=DEFAULT_ORG, seed=wanted.seed, days=wanted.days, calls=wanted.calls, made_at=clock.now()
        )
        marks_file.begin(self._path, marks)
        with origin.kept():
            origin.enter(_AT_THE_MACHINE)
            return await self._seed(marks, say)

    async def _seed(self, marks: Marks, say: Callable[[int], None]) -> Seeded:
        random = Random(marks.seed)  # noqa: S311 - invented data, the same each time
        period = period_before(marks.made_at, days=marks.days, calls=marks.calls)
        made, masker = await self._objects(random, period, marks)
        at = Installed(made.org_id, tuple(made.callers), tuple(made.visitors), made.names, masker)
        traffic = Traffic(random, company(), period, at)
        tolls = [Toll(one, made.names.get(one.of, one.of)) for one in traffic.incidents]
        cost_micros = await self._calls(traffic, tolls, say)
        async with self._database.session() as session:
            budgets = await story.add_budgets(session, made)
            await story.add_alerts(session, made, tolls, budgets, until=period.end)
            await story.add_tools(session, company(), made)
            marks.is_whole = True
            marks_file.write(self._path, marks)
        counts = {table: len(ids) for table, ids in marks.rows.items()}
        return Seeded(marks.calls, cost_micros, marks.days, marks.seed, counts)

    async def _check(self, wanted: Wanted) -> None:
        if (known := marks_file.read(self._path)) is not None:
            done = "" if known.is_whole else ", though not to its end"
            at = f"{known.made_at:%Y-%m-%d %H:%M} UTC{done}"
            msg = f"demo data was seeded on {at}: `gatewayops demo remove` first"
            raise Conflict(msg)
        await self._telemetry.ensure_schema()
        kept_days = (await retention.current(self._telemetry)).spans_days
        if kept_days and wanted.days > kept_days:
            msg = f"days: calls are kept for {kept_days} days here; give at most that"
            raise InvalidInput(msg)
        async with self._database.reading() as session:
            channels, budgets = await demo_rows.told_or_stopped(session, org_id=DEFAULT_ORG)
        if channels and not wanted.anyway:
            msg = f"{channels} alert channels would be told of the demo's incidents; --anyway if they may"
            raise Conflict(msg)
        if budgets and not wanted.anyway:
            msg = (
                "the demo's cost would count against the hard budget of the organisation; --anyway if it may"
            )
            raise Conflict(msg)

    async def _objects(self, random: Random, period: Period, marks: Marks) -> tuple[Objects, Masker]:
        maskers = Maskers()
        async with self._database.session() as session:
            maskers.replace(await masking.rows(session))
            made = await Maker(session, random, company(), marks).make(period)
            marks.incidents["server"] = list(made.names.values())
            marks_file.write(self._path, marks)  # before the commit: what is not in it could not be removed
        return made, maskers.of(made.org_id)

    async def _calls(self, traffic: Traffic, tolls: list[Toll], say: Callable[[int], None]) -> int:
        """Stores them, and enters them in the ledger; what they cost."""
        calls, bookkeeper = Calls(self._telemetry), Bookkeeper(self._database)
        records, batch = traffic.records(), f"demo-{random_text(12)}"
        number = cost_micros = 0
        while found := await asyncio.to_thread(_next, records):
            number += 1
            await calls.insert(found, batch=batch, token=f"{batch}-{number}")
            await self._store_spans(traffic.take_spans(), batch=batch, token=f"{batch}-{number}-spans")
            await bookkeeper.take(found, Step())
            for record in found:
                cost_micros += record.cost_micros
                for toll in tolls:
                    toll.see(record)
            say(len(found))
        return cost_micros

    async def _store_spans(self, spans: list[SpanRecord], *, batch: str, token: str) -> None:
        if not spans:
            return
        columns = span_rows.columns_of(spans) | {"batch": [batch] * len(spans)}
        await self._telemetry.insert("spans", OTLP_SPAN_COLUMNS, columns, token=token)


def _next(records: Iterator[CallRecord]) -> list[CallRecord]:
    return list(islice(records, _BATCH))
