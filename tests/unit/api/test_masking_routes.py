"""`/v1/masking`: rules are checked when saved, secrets switched off knowingly, samples kept nowhere."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

RULES = [
    {"name": "employee", "kind": "regex", "pattern": r"EMP-\d+"},
    {"name": "diagnosis", "kind": "field", "pattern": "diagnosis"},
    {"name": "iban", "kind": "json_path", "pattern": "$..iban"},
]


def states(answer: httpx.Response) -> dict[str, bool]:
    return {row["name"]: row["is_on"] for row in answer.json()["masking"]["classes"]}


async def test_rules_and_classes_are_replaced_as_a_whole(admin: httpx.AsyncClient) -> None:
    at_first = await admin.get("/v1/masking")
    assert [name for name, is_on in states(at_first).items() if not is_on] == ["email", "phone"]
    wanted = {"classes": {"email": True, "card": False}, "rules": RULES}
    refused = await admin.put("/v1/masking", json=wanted)
    assert refused.status_code == 400
    assert "acknowledge_secrets_in_records" in refused.json()["message"]
    done = await admin.put("/v1/masking", json={**wanted, "acknowledge_secrets_in_records": True})
    assert done.status_code == 200
    assert (states(done)["email"], states(done)["card"], states(done)["ssn"]) == (True, False, True)
    again = await admin.put("/v1/masking", json=wanted)
    assert again.status_code == 200, "what is off already was acknowledged then"
    by_name = sorted(RULES, key=lambda rule: rule["name"])
    assert (await admin.get("/v1/masking")).json()["masking"]["rules"] == by_name
    assert states(await admin.put("/v1/masking", json={})) == states(at_first)


async def test_one_rule_and_one_class_at_a_time(admin: httpx.AsyncClient) -> None:
    put = await admin.put("/v1/masking/rules/employee", json={"kind": "regex", "pattern": "EMP"})
    assert put.json() == {"rule": {"name": "employee", "kind": "regex", "pattern": "EMP"}}
    off = await admin.put("/v1/masking/classes/email", json={"is_on": True})
    assert off.json()["masking_class"]["is_on"] is True
    assert (await admin.get("/v1/organization")).json()["organization"]["masks_contacts"] is False
    await admin.put("/v1/masking/classes/phone", json={"is_on": True})
    assert (await admin.get("/v1/organization")).json()["organization"]["masks_contacts"] is True
    assert (await admin.delete("/v1/masking/rules/employee")).status_code == 204
    assert (await admin.delete("/v1/masking/rules/employee")).status_code == 404


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_our_own_keys_stay_masked(admin: httpx.AsyncClient, *, acknowledged: bool) -> None:
    body = {"is_on": False, "acknowledge_secrets_in_records": acknowledged}
    answer = await admin.put("/v1/masking/classes/gatewayops_key", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("classes.gatewayops_key")
    whole = {"classes": {"gatewayops_key": False}, "acknowledge_secrets_in_records": acknowledged}
    assert (await admin.put("/v1/masking", json=whole)).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/masking", {"rules": [{"name": "x", "kind": "regex", "pattern": "("}]}),
        ("PUT", "/v1/masking", {"rules": [RULES[0], RULES[0]]}),
        ("PUT", "/v1/masking", {"classes": {"nothing": True}}),
        ("PUT", "/v1/masking/rules/card", {"kind": "field", "pattern": "x"}),
        ("PUT", "/v1/masking/rules/x", {"kind": "json_path", "pattern": "$..*"}),
        ("PUT", "/v1/masking/rules/x", {"kind": "regex", "pattern": "x*"}),
        ("PUT", "/v1/masking/rules/X", {"kind": "regex", "pattern": "x"}),
        ("PUT", "/v1/masking/classes/nothing", {"is_on": True}),
        (
            "POST",
            "/v1/masking/preview",
            {"sample": "x", "rules": [{"name": "x", "kind": "y", "pattern": "x"}]},
        ),
        ("POST", "/v1/masking/preview", {"sample": "x" * ((64 << 10) + 1)}),
        ("POST", "/v1/masking/preview", {}),
    ],
)
async def test_what_cannot_be_is_refused(admin: httpx.AsyncClient, method: str, path: str, body) -> None:
    answer = await admin.request(method, path, json=body)
    assert answer.status_code == 400, answer.text
    assert (await admin.get("/v1/masking")).json()["masking"]["rules"] == []


async def test_a_preview_shows_what_a_record_would_keep(admin: httpx.AsyncClient) -> None:
    await admin.put("/v1/masking/rules/employee", json={"kind": "regex", "pattern": r"EMP-\d+"})
    sample = '{"diagnosis": "flu", "t": "EMP-1 EMP-2 4111 1111 1111 1111"}'
    stored = (await admin.post("/v1/masking/preview", json={"sample": sample})).json()
    assert stored == {
        "masked": '{"diagnosis": "flu", "t": "[masked:employee] [masked:employee] [card:****1111]"}',
        "is_changed": True,
        "hits": [{"name": "card", "count": 1}, {"name": "employee", "count": 2}],
    }
    given = {"sample": sample, "rules": RULES[1:], "classes": {"card": False}}
    tried = (await admin.post("/v1/masking/preview", json=given)).json()
    assert tried["masked"] == '{"diagnosis": "[masked:diagnosis]", "t": "EMP-1 EMP-2 4111 1111 1111 1111"}'


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/masking/preview", rb'{"sample": "\ud800"}'),
        ("PUT", "/v1/masking/rules/x", rb'{"kind": "regex", "pattern": "\ud800"}'),
        ("PUT", "/v1/masking/rules/x", rb'{"kind": "field", "pattern": "\ud800"}'),
        ("PUT", "/v1/masking/rules/x", rb'{"kind": "field", "pattern": "\u0000"}'),
        ("PUT", "/v1/masking/rules/x", rb'{"kind": "regex", "pattern": "\u0000"}'),
        ("PUT", "/v1/masking/rules/x", rb'{"kind": "json_path", "pattern": "$.\ud800"}'),
        ("PUT", "/v1/masking/rules/x", rb'{"kind": "json_path", "pattern": "$[\u0027a\u0000\u0027]"}'),
        ("PUT", "/v1/masking", rb'{"classes": {"\ud800": true}}'),
    ],
)
async def test_text_that_is_no_text_is_refused(
    admin: httpx.AsyncClient, method: str, path: str, body: bytes
) -> None:
    answer = await admin.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


async def test_a_sample_is_neither_stored_nor_logged(
    admin: httpx.AsyncClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sample = "the-sample-4711 EMP-4712"
    for body in ({"sample": sample}, {"sample": sample, "rules": [{"name": sample}]}, {"samples": sample}):
        await admin.post("/v1/masking/preview", json=body)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("control.db*"))  # noqa: ASYNC240 - small files
    assert b"4711" not in kept
    assert "4711" not in caplog.text


async def test_rules_of_organisations_are_apart(admin: httpx.AsyncClient, client_of: ClientMaker) -> None:
    other = await client_of("org_other", "masking.*")
    await other.put("/v1/masking", json={"rules": RULES, "classes": {"email": True}})
    assert (await admin.get("/v1/masking")).json()["masking"]["rules"] == []
    assert (await admin.delete("/v1/masking/rules/iban")).status_code == 404
    tried = await admin.post("/v1/masking/preview", json={"sample": "EMP-1"})
    assert tried.json()["is_changed"] is False


async def test_readers_may_try_and_not_change(client_of: ClientMaker) -> None:
    reader = await client_of("org_default", "masking.read")
    assert (await reader.get("/v1/masking")).status_code == 200
    assert (await reader.post("/v1/masking/preview", json={"sample": "x"})).status_code == 200
    for method, path, body in (
        ("PUT", "/v1/masking", {}),
        ("PUT", "/v1/masking/rules/x", {"kind": "field", "pattern": "x"}),
        ("DELETE", "/v1/masking/rules/x", None),
        ("PUT", "/v1/masking/classes/email", {"is_on": True}),
    ):
        assert (await reader.request(method, path, json=body)).status_code == 403
