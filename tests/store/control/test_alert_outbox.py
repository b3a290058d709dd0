"""Alerts over real databases: incidents, the outbox, and control roles that share the work.

Figures and the time are told; receivers are real, on loopback.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gatewayops.alerts import defaults
from gatewayops.alerts.channels import ChannelKind, Post, destination_of
from gatewayops.alerts.evaluation import Evaluator, end_incidents
from gatewayops.alerts.figures import Counts, Group, Measured
from gatewayops.alerts.outbox import Outbox
from gatewayops.alerts.settings import AlertSettings
from gatewayops.base.crypto import Sealer
from gatewayops.store.control import alert_channels, alert_incidents, alert_rules
from gatewayops.store.control.alert_channels import Channel, channel_binding
from gatewayops.store.control.alert_incidents import Wanted
from gatewayops.store.control.alert_rules import RuleSpec, SilenceSpec
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.paging import Asked
from gatewayops.store.secrets.keyring import Keyring
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import Masters
from gatewayops.testing.peer_process import free_port

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SETTINGS = AlertSettings(
    allow_private_channels=True, apprise_schemes=("json",), retry_base_s=2.0, send_attempts=4
)
RULE = RuleSpec(
    name="files fails", kind="error_rate", server="files", split_by="tool", threshold=20.0, min_calls=10
)


ONE_DATABASE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of SQL differs there


class Figures:
    """A reader that says what the test says: how many of 100 calls of a tool failed."""

    def __init__(self) -> None:
        self.failures: dict[str, int] = {}

    async def read(self, rule, now):
        return [
            Measured(Group(f"files/{tool}", f"files/{tool}", "files", tool), Counts(100, 100, failures))
            for tool, failures in self.failures.items()
        ]


class Receiver:
    """An HTTP server that keeps what it takes; it fails `fails` times first."""

    def __init__(self) -> None:
        self.fails = 0
        self.taken: list[tuple[str, dict]] = []
        self.tries = 0
        self.port = free_port()
        app = Starlette(routes=[Route("/hook", self._take, methods=["POST"])])
        config = uvicorn.Config(app, port=self.port, log_config=None, lifespan="off")
        self.server = uvicorn.Server(config)

    async def _take(self, request: Request) -> PlainTextResponse:
        self.tries += 1
        body = msgspec.json.decode(await request.body())
        if self.fails > 0:
            self.fails -= 1
            return PlainTextResponse("not today", status_code=503)
        self.taken.append((request.headers.get("webhook-id", ""), body))
        return PlainTextResponse("thanks")

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(body["type"], body["data"]["subject"]) for _, body in self.taken]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    serving = asyncio.create_task(made.server.serve())
    while not made.server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield made
    made.server.should_exit = True
    await serving


class Control:
    """What of a control role alerts need, with a database of its own: as another process has it."""

    def __init__(self, url: str, credentials_of, figures: Figures, settings: AlertSettings = SETTINGS):
        self.url, self.settings = url, settings
        self.database = Database.open(url)
        self.now = NOON
        credentials = credentials_of(self.database)
        self.evaluator = Evaluator(self.database, figures, every_s=5.0, now=lambda: self.now)
        self.outbox = Outbox(self.database, credentials, Post(settings), settings, now=lambda: self.now)

    def at(self, seconds: float) -> "Control":
        self.now = NOON + timedelta(seconds=seconds)
        return self

    async def pass_once(self) -> None:
        await self.evaluator.look()
        await self.outbox.send_due()


@pytest.fixture
def credentials_of(tmp_path):
    master = LocalMaster(tmp_path / "secrets")

    def make(database: Database) -> Credentials:
        keyring = Keyring(Masters("local", {"local": lambda: master}), before=Sealer(b"s" * 32))
        return Credentials(database, keyring)

    return make


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
async def control(database, migrated_url, credentials_of, figures) -> AsyncIterator[Control]:
    made = Control(migrated_url, credentials_of, figures)
    yield made
    await made.database.close()


@pytest.fixture
async def rule(database, receiver, credentials_of):
    """A rule for each tool of `files`, and a webhook that is told."""
    made = destination_of(ChannelKind.WEBHOOK, address=f"http://127.0.0.1:{receiver.port}/hook", secret="")
    await add_channel(database, credentials_of(database), ChannelKind.WEBHOOK, made)
    async with database.session() as session:
        return await alert_rules.add(session, org_id=DEFAULT_ORG, spec=RULE)


async def add_channel(database, credentials, kind, destination):
    """One that is told by every rule."""
    channel_id = alert_channels.new_channel_id()
    sealed = await credentials.seal(
        destination.secret.encode(), org_id=DEFAULT_ORG, bound_to=channel_binding(DEFAULT_ORG, channel_id)
    )
    channel = Channel(channel_id, DEFAULT_ORG, "ops", kind.value, destination.address, sealed, True, NOON)
    async with database.session() as session:
        await alert_channels.add(session, channel)


async def deliveries(database, **wanted):
    async with database.reading() as session:
        page = await alert_incidents.deliveries(
            session, org_id=DEFAULT_ORG, wanted=Wanted(**wanted), asked=Asked()
        )
    return page.rows


async def test_a_breach_is_told_once_and_its_end_too(control, rule, figures, receiver):
    for seconds, failures in ((0, 5), (5, 30), (10, 30), (15, 19), (20, 3), (70, 3), (80, 3), (85, 3)):
        figures.failures = {"read": failures}
        await control.at(seconds).pass_once()

    assert receiver.told == [("alert.firing", "files/read"), ("alert.resolved", "files/read")]
    firing, resolved = (body["data"] for _, body in receiver.taken)
    assert firing["incident_id"] == resolved["incident_id"]
    assert firing["summary"] == "30% of 100 calls of files/read failed in 5 minutes (threshold 20%)"
    assert (firing["started_at"], resolved["resolved_at"]) == ("2026-05-04T12:00:05Z", "2026-05-04T12:01:20Z")


@ONE_DATABASE
async def test_each_tool_is_an_incident_of_its_own(control, rule, figures, receiver):
    figures.failures = {"read": 30, "write": 40, "list": 1}
    await control.at(0).pass_once()

    assert sorted(receiver.told) == [("alert.firing", "files/read"), ("alert.firing", "files/write")]


@ONE_DATABASE
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_a_service_of_apprise_that_fails_twice_is_told_once(
    control, database, credentials_of, figures, receiver
):
    url = f"json://ada:hunter2@127.0.0.1:{receiver.port}/hook"
    made = destination_of(ChannelKind.APPRISE, address="", secret=url)
    await add_channel(database, credentials_of(database), ChannelKind.APPRISE, made)
    async with database.session() as session:
        await alert_rules.add(session, org_id=DEFAULT_ORG, spec=RULE)
    receiver.fails = 2
    figures.failures = {"read": 30}
    for seconds in (0, 5, 10, 15, 20):
        await control.at(seconds).pass_once()

    assert [body["title"] for _, body in receiver.taken] == ["[WARNING] files fails: files/read"]
    assert receiver.tries == 3
    [told] = await deliveries(database)
    assert (told.state, told.attempts, told.last_answer) == ("sent", 3, "json took it")


@ONE_DATABASE
async def test_a_tool_that_nobody_calls_any_more_has_recovered(control, rule, figures, receiver):
    figures.failures = {"read": 30}
    await control.at(0).pass_once()
    figures.failures = {}
    for seconds in (300, 365):
        await control.at(seconds).pass_once()

    assert receiver.told[-1] == ("alert.resolved", "files/read")


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_two_replicas_a_webhook_that_fails_twice_and_a_restart_make_one_message_an_incident(
    migrated_url, database, credentials_of, rule, figures, receiver
):
    """Both look at the same rule at the same moments; one of them is started anew between two attempts."""
    first = Control(migrated_url, credentials_of, figures)
    second = Control(migrated_url, credentials_of, figures)
    receiver.fails = 2
    figures.failures = {"read": 90, "write": 90}

    await asyncio.gather(first.at(0).evaluator.look(), second.at(0).evaluator.look())
    assert len(await deliveries(database)) == 2
    await asyncio.gather(first.outbox.send_due(), second.outbox.send_due())
    assert (receiver.tries, receiver.taken) == (2, [])

    await first.database.close()
    first = Control(migrated_url, credentials_of, figures)
    for seconds in (5, 10, 15, 20):
        await asyncio.gather(first.at(seconds).pass_once(), second.at(seconds).pass_once())
    assert sorted(receiver.told) == [("alert.firing", "files/read"), ("alert.firing", "files/write")]
    assert receiver.tries == 4

    figures.failures = {}
    for seconds in (25, 90, 95):
        await asyncio.gather(first.at(seconds).pass_once(), second.at(seconds).pass_once())
    assert len(receiver.told) == 4
    assert {(row.event, row.state) for row in await deliveries(database)} == {
        ("firing", "sent"),
        ("resolved", "sent"),
    }
    await first.database.close()
    await second.database.close()


async def test_a_control_role_that_died_while_sending_leaves_the_message_to_others_under_the_same_id(
    control, database, rule, figures, receiver
):
    figures.failures = {"read": 90}
    await control.at(0).evaluator.look()
    async with database.session() as session:
        (claimed,) = await alert_incidents.claim(session, now=control.now, for_s=70, limit=5)

    await control.at(60).outbox.send_due()
    assert receiver.tries == 0
    await control.at(71).outbox.send_due()

    assert [message_id for message_id, _ in receiver.taken] == [claimed.id]
    async with database.session() as session:  # the dead one comes back, late
        assert not await alert_incidents.settle(
            session, claimed, state="waiting", answer="late", next_at=NOON
        )


@ONE_DATABASE
async def test_a_receiver_that_never_takes_it_is_given_up_and_the_end_is_not_told(
    control, database, rule, figures, receiver
):
    receiver.fails = 100
    figures.failures = {"read": 90}
    for seconds in (0, 5, 10, 20, 40):
        await control.at(seconds).pass_once()
    (row,) = await deliveries(database)
    assert (row.state, row.attempts) == ("failed", 4)
    assert row.last_answer == "given up after 4 attempts: 503 not today"

    figures.failures = {"read": 0}
    for seconds in (45, 110):
        await control.at(seconds).pass_once()
    assert [(row.event, row.state) for row in await deliveries(database)] == [
        ("resolved", "dropped"),
        ("firing", "failed"),
    ]
    assert receiver.tries == 4


@ONE_DATABASE
async def test_the_end_waits_until_the_beginning_was_told(control, database, rule, figures, receiver):
    receiver.fails = 1
    figures.failures = {"read": 90}
    await control.at(0).pass_once()
    async with database.session() as session:
        await end_incidents(session, rule, now=control.now)
    await control.at(0.5).outbox.send_due()
    assert receiver.told == []
    await control.at(5).outbox.send_due()
    await control.at(6).outbox.send_due()

    assert receiver.told == [("alert.firing", "files/read"), ("alert.resolved", "files/read")]


async def test_what_is_silenced_is_told_when_the_silence_ends(control, database, rule, figures, receiver):
    until = datetime.now(UTC) + timedelta(days=1)
    silence = SilenceSpec(server="files", until=until, reason="we know")
    async with database.session() as session:
        await alert_rules.add_silence(session, org_id=DEFAULT_ORG, spec=silence, made_by="ada")
    figures.failures = {"read": 90}
    await control.at(0).pass_once()
    assert (receiver.told, await deliveries(database)) == ([], ())

    control.now = until + timedelta(seconds=1)
    await control.pass_once()
    assert receiver.told == [("alert.firing", "files/read")]


async def test_an_organisation_gets_the_default_rules_once(database):
    await asyncio.gather(*(defaults.give_defaults(database) for _ in range(3)))
    async with database.session() as session:
        known = await alert_rules.page(session, org_id="org_other", asked=Asked())
        await alert_rules.remove(session, org_id="org_other", rule_id=known.rows[0].id)
    await defaults.give_defaults(database)

    async with database.reading() as session:
        for org_id, count in ((DEFAULT_ORG, 0), ("org_other", -1)):
            page = await alert_rules.page(session, org_id=org_id, asked=Asked())
            assert len(page.rows) == len(defaults.DEFAULT_RULES) + count


@ONE_DATABASE
async def test_an_address_inside_is_not_connected_to(
    database, migrated_url, credentials_of, rule, figures, receiver
):
    control = Control(migrated_url, credentials_of, figures, AlertSettings())
    figures.failures = {"read": 90}
    await control.at(0).pass_once()

    (row,) = await deliveries(database)
    assert "127.0.0.1 is loopback" in row.last_answer
    assert receiver.tries == 0
    await control.database.close()
