"""A key that may no longer call is denied: revoked by REST or a command, rotated, or run out."""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest


@pytest.fixture(scope="module")
def admin(installation):
    """Asks the API as an administrator."""
    secret = installation.json("key", "create", "revoker", "--admin")["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=installation.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def call(installation):
    """Calls a tool with a key, over a connection that stays; the answer's status."""
    with httpx.Client(base_url=installation.url, timeout=30) as client:

        def ask(secret):
            body = {"tool": "echo", "arguments": {"text": "may I?"}}
            headers = {"Authorization": f"Bearer {secret}"}
            return client.post("/v1/mcp/demo/tools/call", json=body, headers=headers).status_code

        yield ask


@pytest.fixture
def key(installation, call, eventually):
    """A key in use."""
    made = installation.json("key", "create", "in-use")
    eventually(lambda: call(made["secret"]) == 200)
    return made


def revoke_by_rest(admin, installation, key):
    assert admin.delete(f"/v1/auth/keys/{key['id']}").status_code == 200


def revoke_by_command(admin, installation, key):
    assert installation.cli("key", "revoke", key["id"]).returncode == 0


@pytest.mark.parametrize("revoke", [revoke_by_rest, revoke_by_command])
def test_a_revoked_key_is_denied_within_a_second(admin, installation, call, key, revoke):
    revoke(admin, installation, key)

    assert call(key["secret"]) == 401


def test_a_revoked_key_is_denied_by_the_api_at_once(admin, installation, key):
    headers = {"Authorization": f"Bearer {key['secret']}"}
    assert httpx.get(f"{installation.url}/v1/traces", headers=headers).status_code == 200

    revoke_by_rest(admin, installation, key)

    assert httpx.get(f"{installation.url}/v1/traces", headers=headers).status_code == 401


def test_both_secrets_of_a_rotated_key_work_until_the_key_is_revoked(
    admin, call, key, eventually, installation
):
    rotated = admin.post(f"/v1/auth/keys/{key['id']}/rotate").json()
    eventually(lambda: call(rotated["key"]["secret"]) == 200)
    assert call(key["secret"]) == 200

    revoke_by_rest(admin, installation, key)

    assert call(key["secret"]) == 401
    assert call(rotated["key"]["secret"]) == 401


def test_the_secret_before_a_rotation_works_for_24_hours(admin, call, key, eventually, installation):
    before = datetime.now(UTC)
    rotated = admin.post(f"/v1/auth/keys/{key['id']}/rotate").json()
    after = datetime.now(UTC)
    day = timedelta(hours=24)
    assert before + day <= datetime.fromisoformat(rotated["previous_valid_until"]) <= after + day
    eventually(lambda: call(rotated["key"]["secret"]) == 200)

    let_the_overlap_run_out(installation.data, key["id"])

    eventually(lambda: call(key["secret"]) == 401)
    assert call(rotated["key"]["secret"]) == 200


def test_a_key_is_denied_once_it_has_expired_though_it_was_in_use(admin, call, eventually):
    soon = datetime.now(UTC) + timedelta(seconds=3)
    made = admin.post("/v1/auth/keys", json={"name": "brief", "expires_at": soon.isoformat()}).json()["key"]
    eventually(lambda: call(made["secret"]) == 200)

    time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()))

    assert call(made["secret"]) == 401


def let_the_overlap_run_out(data, key_id):
    """A day passes for the former secret, as the store sees it."""
    with closing(sqlite3.connect(data / "control.db", timeout=30)) as store, store:
        changed = store.execute(
            "UPDATE api_key_secrets SET valid_until = datetime('now', '-1 second') "
            "WHERE key_id = ? AND valid_until IS NOT NULL",
            (key_id,),
        )
        assert changed.rowcount == 1
        store.execute("UPDATE revision SET value = value + 1")
