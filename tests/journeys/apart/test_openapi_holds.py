"""What the OpenAPI document says holds: whatever is sent to any operation, nothing of ours breaks.

The control API in this process, over real databases, with the local administrator's key. Requests that
succeed, the same with one odd value somewhere, bodies that are no JSON, and what schemathesis makes up.
Findings are gathered and shown together; every run sends the same.
"""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from string import Template
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg
import httpx
import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation

from gatewayops.api import budgets, live_feed
from gatewayops.api.app import ControlParts, create_app
from gatewayops.api.settings import ControlSettings
from gatewayops.base import clock
from gatewayops.base.crypto import Sealer
from gatewayops.base.ids import random_text
from gatewayops.identity import keys as secrets
from gatewayops.identity import passwords, sign_in_limits
from gatewayops.identity.oauth.attempts import Attempts
from gatewayops.identity.user_tokens import hash_of
from gatewayops.protocol import otlp
from gatewayops.query.settings import AnalyticsSettings
from gatewayops.record.audit.notary import Notary
from gatewayops.record.audit.settings import AuditSettings
from gatewayops.record.audit.signing import Signer
from gatewayops.record.intake import Intake
from gatewayops.record.rows import columns_of
from gatewayops.record.settings import RecordSettings
from gatewayops.store.control import alert_incidents, directory, one_time_links
from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.database import Database, migrate
from gatewayops.store.control.tables import User
from gatewayops.store.secrets.keyring import Keyring
from gatewayops.store.secrets.local import LocalMaster
from gatewayops.store.secrets.master import Masters
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.testing.fake_server import FakeServer, Turn, by_method
from gatewayops.testing.store_process import PASSWORD, USER
from gatewayops.upstream.settings import UpstreamSettings

from .api_requests import (
    BODIES,
    CURSORS,
    INCIDENT_ID,
    LEAVER,
    LINKS,
    MEDIA_TYPES,
    NEEDS_PROOF,
    NO_JSON,
    NUL,
    OF_A_PERSON,
    OTHERWISE,
    QUERIES,
    SAME,
    SAMPLES,
    TEXTS,
    TRACE_ID,
    VALUES,
    a_call,
    somebody_signed_in,
)

Place = tuple[Any, ...]
Sender = Callable[[httpx.Request], httpx.Response]

TOKEN = "only the person at the machine knows this"
EXAMPLES = 1  # an operation and kind of database; by hand it was 200
SEED = 20_261_124
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True, scope="module")
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True, scope="module")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REQUEST_PARTS = ("method", "url", "headers", "data", "json", "params", "cookies", "files")
ERROR_FIELDS = {"error", "reason", "message"}
HERE = b'"@"'
LINKED = "linked@example.com"
SHARE = 48  # of the odd values at each place; all of them within so many places
GONE_BEFORE = {  # the only limit by its id, and its team; the session, by a password that others set
    "DELETE /v1/limits": ("POST /v1/teams", "PUT /v1/limits"),
    "PUT /v1/auth/name": ("POST /v1/auth/sign-in",),
}
LONGEST = 5_000  # clients refuse longer addresses


class Control:
    """The control API, what is in it, and what was found wrong with its answers."""

    def __init__(self, app: FastAPI, *, url_of_a_server: str) -> None:
        schema = schemathesis.openapi.from_dict(app.openapi())
        found = [result.ok() for result in schema.get_all_operations()]
        self.operations = {operation.label: operation for operation in sorted(found, key=_order)}
        self.lists = [label for label, one in self.operations.items() if one.query.get("cursor")]
        self.faults: list[str] = []
        self._known = {"url": url_of_a_server, "n": "0", "name": "mask", "trace_id": TRACE_ID}
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://api")

    async def stock(self, *labels: str) -> None:
        """Makes one of everything, or of what these make; from here on these are known."""
        self._known["n"] = str(int(self._known["n"]) + 1)
        for label, _, makes in (sample for sample in SAMPLES if not labels or sample[0] in labels):
            answer = await self.ask(label)
            if not answer.is_success and label not in NEEDS_PROOF:
                self.faults.append(f"{label} does not succeed: {answer.status_code} {answer.text}")
            for name, path in makes.items():
                found = answer.json()
                for step in path.split("."):
                    found = found[int(step) if step.isdigit() else step]
                self._known[name] = str(found)

    async def ask(self, label: str, **changes: Any) -> httpx.Response:
        """Sends an operation's good request, but for `body`, `media_type`, `path` and `query`."""
        method, path = label.split()
        body = changes.get("body", self.body_of(label))
        headers = {}
        if body is not None:
            headers["content-type"] = changes.get("media_type", "application/json").encode("latin-1")
        for name, value in (self.address_of(label) | changes.get("path", {})).items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        query = changes.get("query", self.query_of(label))
        address = f"{path}?{urlencode(query, doseq=True)}" if query else path
        answer = await self.send(httpx.Request(method, f"http://api{address}", headers=headers, content=body))
        self._look_at(answer)
        return answer

    async def send(self, request: httpx.Request) -> httpx.Response:
        """As the administrator, or where it must be somebody as a person, whatever the request says."""
        bearer = self._known["bearer"] if request.url.path.startswith(OF_A_PERSON) else TOKEN
        request.headers["authorization"] = f"Bearer {bearer}"
        return await self._client.send(request)

    def body_of(self, label: str, *, at: Place = (), value: bytes = b"") -> bytes | None:
        """The good body; with `value` another value at that place, or another name for it."""
        sample = BODIES.get(label)
        if sample is None:
            return None
        self._known["n"] = str(int(self._known["n"]) + 1)
        if not value:
            return json.dumps(_filled(sample, self._known)).encode()
        return json.dumps(_with(_filled(sample, self._known), at)).encode().replace(HERE, value)

    def address_of(self, label: str) -> dict[str, str]:
        """The names in the operation's path."""
        names = self._known | OTHERWISE.get(label, {})
        return {one.name: names[one.name] for one in self.operations[label].path_parameters}

    def query_of(self, label: str) -> dict[str, str]:
        """What the operation cannot do without."""
        filled: dict[str, str] = _filled(QUERIES.get(label, {}), self._known)
        return filled

    def known_as(self, name: str) -> str | None:
        """A value for a field or parameter of this name, if we have one."""
        return self._known.get(SAME.get(name, name))

    def _look_at(self, answer: httpx.Response) -> None:
        is_told = answer.is_success or (answer.is_client_error and _says_why(answer))
        if not is_told:
            request = answer.request
            sent = f"{request.method} {str(request.url)[:300]} {request.content[:500]!r}"
            self.faults.append(f"{sent}: {answer.status_code} {answer.text[:300]}")


def _says_why(answer: httpx.Response) -> bool:
    """An error of ours; exporters get a `Status`, in the form of their request."""
    request = answer.request
    if otlp.is_export(request.method, request.url.path):
        if answer.headers["content-type"] == otlp.PROTOBUF:
            return bool(answer.content)
        return bool(answer.json().keys() == {"code", "message"})
    return bool(answer.json().keys() == ERROR_FIELDS)


def _order(operation: APIOperation) -> tuple[int, int]:
    """What removes comes last, and the narrower first."""
    return METHODS.index(operation.method.upper()), -len(operation.path)


def _filled(tree: Any, known: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {name: _filled(value, known) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(value, known) for value in tree]
    return Template(tree).safe_substitute(known) if isinstance(tree, str) else tree


def _places(tree: Any, at: Place = ()) -> Iterator[Place]:
    yield at
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in inside:
        yield from _places(value, (*at, name))


def _with(tree: Any, at: Place) -> Any:
    if not at:
        return "@"
    copy = tree.copy()
    copy[at[0]] = _with(tree[at[0]], at[1:])
    return copy


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def database(request, tmp_path_factory) -> AsyncIterator[Database]:
    """A control store after the first start."""
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('control') / 'control.db'}"
    if request.param == "postgresql":
        uri, name = request.getfixturevalue("postgres_uri"), f"holds_{random_text(12).lower()}"
        connection = await asyncpg.connect(uri)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        url = uri.replace("postgresql://", "postgresql+asyncpg://").replace("/postgres?", f"/{name}?")
    await migrate(url)
    opened = Database.open(url)
    async with opened.session() as session:
        await directory.ensure_default(session)
        await alert_incidents.open_incident(session, _incident(), scope="")
        await directory.add_user(session, org_id=directory.DEFAULT_ORG, email=LINKED)
        session.add(User(id=LEAVER, org_id=directory.DEFAULT_ORG, email="leaver@example.com", name=""))
        for kind, token in LINKS.items():
            link = one_time_links.NewLink(
                org_id=directory.DEFAULT_ORG, kind=kind, hash=hash_of(token), email=LINKED
            )
            await one_time_links.add(session, link)
        await somebody_signed_in(session)
    yield opened
    await opened.close()


def _incident() -> alert_incidents.Incident:
    """What only the jobs make."""
    texts = ("rule_id", "rule_name", "kind", "severity", "server", "tool", "team_id", "subject", "summary")
    return alert_incidents.Incident(
        **dict.fromkeys(texts, "x"),
        id=INCIDENT_ID,
        org_id=directory.DEFAULT_ORG,
        state=alert_incidents.FIRING,
        value=1.0,
        threshold=1.0,
        is_told=False,
        created_at=clock.now(),
    )


@pytest.fixture(scope="module")
async def telemetry(store) -> AsyncIterator[Telemetry]:
    """A telemetry store with one call."""
    client = Telemetry(store.url, USER, PASSWORD, f"t_{random_text(12).lower()}")
    await client.insert_spans(columns_of([a_call(time.time_ns())], batch="b"), "token")
    yield client
    await client.close()


@pytest.fixture(scope="module")
async def control(database, telemetry, tmp_path_factory) -> AsyncIterator[Control]:
    """The app as the control role builds it."""
    sealer, master = Sealer(b"s" * 32), LocalMaster(tmp_path_factory.mktemp("secrets"))
    keyring = Keyring(Masters("local", {"local": lambda: master}), before=sealer)
    intake = Intake(tmp_path_factory.mktemp("otlp"), RecordSettings(), retention_days=30)
    app = create_app(
        ControlParts(
            database=database,
            telemetry=telemetry,
            sealer=sealer,
            credentials=Credentials(database, keyring),
            settings=ControlSettings(),
            upstream=UpstreamSettings(),
            internal_token="",
            local_admin_token=TOKEN,
            address="https://ops.example.com",
            outbox=tmp_path_factory.mktemp("outbox"),
            notary=Notary(database, Signer(b"k" * 32), AuditSettings()),
            analytics=AnalyticsSettings(argument_fields=("add.a",), intents={"sum": ("add",)}),
            intake=intake,
        )
    )
    server = FakeServer(by_method({"server/discover": _discovered, "tools/list": _listed}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "_COST", 4)
        patch.setattr(passwords, "_MEMORY_KIB", 64)
        app.state.accounts.passwords = passwords.Passwords()
        app.state.accounts.challenges = Attempts(10**9, window_s=60)
        patch.setattr(one_time_links, "spent_at", lambda: None)
        patch.setattr(one_time_links, "end_all", _nothing)
        for rule in ("PAIR", "ACCOUNT", "ADDRESS"):
            patch.setattr(sign_in_limits, rule, sign_in_limits.Rule(free=10**9, longest_s=0.0))
        patch.setattr(budgets, "PROOF_PAUSE_S", 0.0)
        patch.setattr(live_feed, "LONGEST_S", 0.0)
        async with server, app.router.lifespan_context(app):
            made = Control(app, url_of_a_server=server.url)
            await made.stock()
            yield made
    intake.close()


async def _nothing(*_: object, **__: object) -> None:
    pass


async def _discovered(turn: Turn) -> None:
    await turn.reply({"supportedVersions": ["2026-07-28"]})


async def _listed(turn: Turn) -> None:
    await turn.reply({"tools": [{"name": "add", "inputSchema": {"type": "object"}}]})


def _misfits(case: Case, answer: httpx.Response) -> list[str]:
    """What the document does not say of such an answer."""
    try:
        case.validate_response(answer, checks=CHECKS)
    except FailureGroup as found:
        return [f"{case.operation.label}: {found}"]
    return []


def _explore(control: Control, operation: APIOperation, mode: GenerationMode, send: Sender) -> None:
    """Cases of one operation; half of what they name is there."""

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data(), operation.as_strategy(mode))
    def one(data: st.DataObject, case: Case) -> None:
        for box in (case.path_parameters, case.query, case.body):
            for name in list(box) if isinstance(box, dict) else ():
                known = control.known_as(name)
                if known is not None and data.draw(st.booleans()):
                    box[name] = known
        request = _request_of(case)
        if request is not None:
            control.faults.extend(_misfits(case, send(request)))

    with suppress(Unsatisfiable):  # nothing can be wrong with a request that takes nothing
        one()


def _request_of(case: Case) -> httpx.Request | None:
    """None for what no client can send."""
    given_ = case.as_transport_kwargs(base_url="http://api")
    try:
        sent = requests.Request(**{name: given_.get(name) for name in REQUEST_PARTS}).prepare()
        body = sent.body.encode() if isinstance(sent.body, str) else sent.body
        headers = [(name.encode("latin-1"), _octets(value)) for name, value in sent.headers.items()]
        return httpx.Request(str(sent.method), str(sent.url), headers=headers, content=body)
    except (UnicodeEncodeError, requests.RequestException, httpx.InvalidURL):
        return None


def _octets(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value


@pytest.fixture
async def stocked(control: Control) -> AsyncIterator[Control]:
    """With one of everything; the test fails with all that was found."""
    yield control
    faults, control.faults = control.faults, []
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:20])


async def test_every_operation_succeeds_as_documented(stocked: Control) -> None:
    for label, operation in stocked.operations.items():
        if label in GONE_BEFORE:
            await stocked.stock(*GONE_BEFORE[label])
        names = stocked.address_of(label)
        answer = await stocked.ask(label)
        case = operation.Case(path_parameters=names)
        stocked.faults += _misfits(case, answer)
        if not answer.is_success and label not in NEEDS_PROOF:
            stocked.faults.append(f"{label}: {answer.status_code} {answer.text}")
    await stocked.stock()  # what was removed


async def test_an_odd_value_anywhere_in_a_body_breaks_nothing(stocked: Control, database: Database) -> None:
    share = SHARE * 2 if database.is_sqlite else SHARE  # it takes what the other refuses
    turn = 0
    for label, sample in BODIES.items():
        for at in _places(sample or {}):
            turn += 1
            for value in (json.dumps(NUL).encode(), *VALUES[turn % share :: share]):
                await stocked.ask(label, body=stocked.body_of(label, at=at, value=value))


@POSTGRESQL
async def test_an_odd_text_or_cursor_in_an_address_breaks_nothing(stocked: Control) -> None:
    turn = 0
    for label, operation in stocked.operations.items():
        good = [*stocked.query_of(label).items()]
        for parameter in (*operation.path_parameters, *operation.query):
            turn += 1
            for text in (NUL, *TEXTS[turn % SHARE :: SHARE]):
                odd = (parameter.name, text[:LONGEST])
                is_path = parameter in operation.path_parameters
                changes = {"path": dict([odd])} if is_path else {"query": [*good, odd]}  # or there twice
                await stocked.ask(label, **changes)
    for label in stocked.lists:
        turn += 1
        for cursor in CURSORS[turn % 3 :: 3]:
            await stocked.ask(label, query={"cursor": cursor})


@SQLITE
async def test_a_body_that_is_no_json_breaks_nothing(stocked: Control) -> None:
    turns = itertools.count()  # there are 13 bodies and 8 media types: they meet in all ways
    for label in (label for label, body in BODIES.items() if body is not None):
        for body in NO_JSON:
            media_type = MEDIA_TYPES[next(turns) % len(MEDIA_TYPES)]
            await stocked.ask(label, body=body, media_type=media_type)


@pytest.mark.timeout(300)
async def test_what_schemathesis_makes_up_breaks_nothing(stocked: Control, database: Database) -> None:
    """What is invalid never gets as far as a database; so what is valid goes to the stricter one."""
    loop = asyncio.get_running_loop()

    def send(request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(stocked.send(request), loop).result()

    mode = GenerationMode.NEGATIVE if database.is_sqlite else GenerationMode.POSITIVE
    for operation in stocked.operations.values():
        await asyncio.to_thread(_explore, stocked, operation, mode, send)
