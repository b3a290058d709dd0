"""The store role's HTTP interface, with the client that everyone uses and with bare requests."""

import asyncio
import signal
from pathlib import Path

import clickhouse_connect
import httpx
import pytest

from .conftest import PASSWORD, USER, StoreProcess


@pytest.fixture
async def http(store):
    async with httpx.AsyncClient(base_url=store.url, auth=(USER, PASSWORD)) as client:
        yield client


@pytest.fixture(params=[False, True, "gzip", "zstd"], ids=["plain", "lz4", "gzip", "zstd"])
async def client(store, request):
    opened = await clickhouse_connect.get_async_client(
        host="127.0.0.1",
        port=store.port,
        username=USER,
        password=PASSWORD,
        compress=request.param,
        autogenerate_session_id=False,
    )
    yield opened
    await opened.close()


async def test_clickhouse_connect_inserts_and_reads_back(client):
    await client.command("CREATE OR REPLACE TABLE pairs (a UInt64, b String) ENGINE = MergeTree ORDER BY a")

    await client.insert("pairs", [[1, "x"], [2, "y" * 5000]], column_names=["a", "b"])

    assert (await client.query("SELECT a, length(b) FROM pairs ORDER BY a")).result_rows == [
        (1, 1),
        (2, 5000),
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("it's \n \t \\ \0 ü€ %41 & ? +", id="special characters"),
        pytest.param("'; DROP TABLE spans; --", id="SQL"),
        pytest.param("ü" * 20_000, id="too long for an address"),
    ],
)
async def test_a_bound_value_arrives_as_it_was(client, text):
    result = await client.query("SELECT {text:String} AS text", parameters={"text": text})

    assert result.first_row == (text,)


async def test_settings_hold_for_one_request_only(http):
    asked = "SELECT getSetting('max_threads')"

    changed = [await http.post("/", params={"max_threads": "3"}, content=asked) for _ in range(6)]
    usual = [await http.post("/", content=asked) for _ in range(6)]

    assert {answer.text for answer in changed} == {"3\n"}
    assert "3\n" not in {answer.text for answer in usual}


async def test_a_set_statement_does_not_reach_the_next_request(http):
    for _ in range(6):
        await http.post("/", content="SET max_block_size = 77")

    answers = [await http.post("/", content="SELECT getSetting('max_block_size')") for _ in range(6)]

    assert "77\n" not in {answer.text for answer in answers}


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        pytest.param("SELECT * FROM missing", 404, "60", id="unknown table"),
        pytest.param("SELEC 1", 400, "62", id="syntax"),
        pytest.param("SELECT * FROM missing.t", 404, "81", id="unknown database"),
        pytest.param("SELECT throwIf(1)", 500, "395", id="failure"),
    ],
)
async def test_errors_look_like_clickhouse(http, sql, status, code):
    answer = await http.post("/", content=sql)

    assert answer.status_code == status
    assert answer.headers["x-clickhouse-exception-code"] == code
    assert answer.text.startswith(f"Code: {code}. DB::Exception")


@pytest.mark.parametrize("setting", ["no_such_setting", "a=1, b"])
async def test_an_unknown_setting_is_refused(http, setting):
    answer = await http.post("/", params={setting: "1"}, content="SELECT 1")

    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (404, "115")


async def test_a_get_only_reads(http):
    assert (await http.get("/", params={"query": "SELECT 1"})).text == "1\n"

    assert (await http.get("/", params={"query": "CREATE DATABASE d"})).status_code == 403


@pytest.mark.parametrize(
    "auth", [None, (USER, "wrong"), ("default", ""), ("", "")], ids=["none", "wrong", "default", "empty"]
)
async def test_without_the_password_nothing_is_answered(store, auth):
    async with httpx.AsyncClient(base_url=store.url) as client:
        answer = await client.post("/", content="SELECT 1", auth=auth)
        assert (await client.get("/ping")).text == "Ok.\n"

    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "516")


async def test_the_header_form_of_user_and_password_works(store):
    headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD}
    async with httpx.AsyncClient(base_url=store.url, headers=headers) as client:
        answer = await client.get("/", params={"query": "SELECT 'a' AS x FORMAT JSONEachRow"})

    assert answer.json() == {"x": "a"}


async def test_many_questions_at_once_are_all_answered(http):
    answers = await asyncio.gather(
        *(http.post("/", content=f"SELECT {n} + sum(number) FROM numbers(100000)") for n in range(30))
    )

    assert [int(answer.text) for answer in answers] == [n + 4_999_950_000 for n in range(30)]


async def test_a_terminated_store_ends_well_and_keeps_its_rows(tmp_path: Path):
    process = StoreProcess(tmp_path / "telemetry")
    process.start()
    url, auth = process.url, (USER, PASSWORD)
    sql = "CREATE TABLE default.kept ENGINE = MergeTree ORDER BY n AS SELECT number AS n FROM numbers(1000)"
    async with httpx.AsyncClient(base_url=url, auth=auth) as client:
        assert (await client.post("/", content=sql)).status_code == 200

    assert process.end(signal.SIGTERM) == 0

    process.start()
    async with httpx.AsyncClient(base_url=url, auth=auth) as client:
        assert (await client.post("/", content="SELECT count() FROM default.kept")).text == "1000\n"
    process.end()


async def test_no_statement_or_row_is_kept_outside_the_tables(mortal_store):
    async with httpx.AsyncClient(base_url=mortal_store.url, auth=(USER, PASSWORD)) as client:
        await client.post("/", content="SELECT 'needle-in-a-statement'")
        await client.post("/", content="SELEC 'needle-in-a-statement'")
        tables = await client.post(
            "/",
            content="SELECT name FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'",
        )
    mortal_store.end()

    assert tables.text == ""
    files = [path for path in mortal_store.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"needle-in-a-statement" in path.read_bytes()]
    mortal_store.start()


async def test_a_question_cannot_take_more_memory_than_the_store_may(http):
    """The cap comes through the configuration file; ClickHouse names it in its error."""
    answer = await http.post(
        "/",
        content="SELECT value, changed FROM system.server_settings WHERE name = 'max_server_memory_usage'",
    )

    assert answer.text == f"{(1 << 30) - (256 << 20)}\t1\n"


async def test_metrics_tell_statements_and_need_loopback_but_no_password(http, store):
    await http.post("/", content="SELECT 1")
    await http.post("/", content="SELECT nothing FROM nowhere")
    async with httpx.AsyncClient(base_url=store.url) as scraper:
        page = (await scraper.get("/metrics")).text
        forwarded = await scraper.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"})

    counts = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert float(counts['gatewayops_store_statements_total{kind="read",status="ok"}']) >= 1
    assert float(counts['gatewayops_store_statements_total{kind="read",status="failed"}']) >= 1
    assert float(counts["process_resident_memory_bytes"]) > 50e6
    assert forwarded.status_code == 403
