"""A customer takes their end users, sessions, consents and clients along."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gatewayops.base import clock
from gatewayops.store.control.database import Database
from gatewayops.store.control.oauth_tables import EndUser

EXPORT = "/v1/end-users/export"


@pytest.fixture
async def signed_in(register: Any, browser: Any, code_for: Any) -> None:
    """Ada of each organisation is signed in, and allowed an app that has a formula for a name."""
    for slug in ("notes", "papers"):
        app = await register(slug, client_name='=HYPERLINK("https://evil.example","Notebook")')
        await code_for(app)


async def rows(client: httpx.AsyncClient, kind: str) -> list[dict[str, Any]]:
    answer = await client.get(EXPORT, params={"kind": kind})
    assert answer.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_people_sessions_consents_and_clients_are_exported(
    signed_in: None, client_of: Any, people: dict[str, str]
) -> None:
    reader = await client_of("org_default", "end_users.read")
    (person,) = await rows(reader, "end_users")
    assert (person["id"], person["email"], person["name"]) == (
        people["org_default"],
        "ada@example.com",
        "Ada",
    )
    assert (person["enabled"], person["email_verified"]) == (True, True)
    assert person["signed_in_at"]
    (session,) = await rows(reader, "sessions")
    assert (session["email"], session["server"]) == ("ada@example.com", "notes")
    (consent,) = await rows(reader, "consents")
    assert (consent["email"], consent["scopes"]) == ("ada@example.com", ["notes.read", "notes.write"])
    (client,) = await rows(reader, "clients")
    assert (client["client_id"], client["kind"], client["enabled"]) == (consent["client_id"], "dynamic", True)
    told = json.dumps([person, session, consent, client])
    assert "hash" not in told
    assert "secret" not in told.replace("client_secret", "")


async def test_who_people_are_elsewhere_is_exported_with_their_address_here(
    register: Any, browser: Any, offer: Any, github: Any, client_of: Any, people: dict[str, str]
) -> None:
    await offer()
    github.emails[0]["email"] = "eve@example.com"
    person = browser()
    await person.elsewhere(await person.go((await register()).authorize_url()), "Hub")
    github.emails[0]["email"] = "eve.adams@example.com"
    await person.elsewhere(await person.go((await register()).authorize_url(prompt="login")), "Hub")
    (identity,) = await rows(await client_of("org_default", "end_users.read"), "identities")
    assert (identity["issuer"], identity["subject"]) == (github.url, str(github.user["id"]))
    assert identity["email"] == "eve@example.com"
    assert await rows(await client_of("org_other", "end_users.read"), "identities") == []


async def test_no_cell_of_a_table_is_a_formula(
    signed_in: None, admin: httpx.AsyncClient, database: Database
) -> None:
    names = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\uff1d1", 'a"b,c\nd', "Ada"]
    for number, name in enumerate(names):
        body = {"email": f"{number}@example.com", "password": "long enough to do", "name": "x"}
        made = (await admin.post("/v1/end-users", json=body)).json()["end_user"]
        async with database.session() as session:
            (await session.get_one(EndUser, made["id"])).name = name
    for kind in ("end_users", "clients", "consents", "sessions"):
        answer = await admin.get(EXPORT, params={"kind": kind, "format": "csv"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        table = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert table
        for row in table:
            assert None not in row
            assert not any(value.startswith(tuple("=+-@\t\r\n\uff1d")) for value in row.values())
        if kind == "end_users":
            found = {row["name"] for row in table}
            assert {"'=cmd|' /C calc'!A0", 'a"b,c\nd', "Ada"} <= found
            assert (table[0]["enabled"], table[0]["signed_in_at"]) == ("true", "")
        if kind == "clients":
            assert table[0]["name"].startswith("'=HYPERLINK(")


async def test_all_are_exported_however_many(
    people: Any, admin: httpx.AsyncClient, database: Database
) -> None:
    now = clock.now()
    async with database.session() as session:
        for number in range(450):
            none = dict.fromkeys(("disabled_at", "signed_in_at", "email_verified_at"))
            made = {"created_at": now + timedelta(seconds=number // 7), "org_id": "org_default", "name": ""}
            row = EndUser(id=f"eu_{number}", email=f"{number}@x.example", password_hash="", **made, **none)
            session.add(row)
    found = [row["email"] for row in await rows(admin, "end_users")]
    assert len(found) == len(set(found)) == 451


async def test_a_key_exports_its_own_organisation_and_the_servers_it_covers_and_the_audit_log_says_so(
    signed_in: None, client_of: Any, admin: httpx.AsyncClient, people: dict[str, str]
) -> None:
    other = await client_of("org_other", "end_users.read")
    assert [row["id"] for row in await rows(other, "end_users")] == [people["org_other"]]
    assert {row["server"] for row in await rows(other, "clients")} == {"papers"}
    narrow = await client_of("org_default", "end_users.read", servers=("files",))
    for kind in ("sessions", "consents", "clients"):
        assert await rows(narrow, kind) == []
    entries = (await admin.get("/v1/logs/audit")).json()["entries"]
    made = [entry for entry in entries if entry["action"] == "export.made"]
    assert sorted(entry["target"]["id"] for entry in made) == ["clients", "consents", "sessions"]
    assert {entry["after"]["format"] for entry in made} == {"jsonl"}
