"""Users connect accounts of their own at an MCP server: that of another installation, where they sign in."""

from datetime import datetime

import httpx

from gatewayops.store.snapshot import account_binding


async def test_each_user_calls_with_an_account_of_their_own(installation, ours, member, eventually):
    """Whoever has none is told where to connect one; each other call has its user's account, no other's."""
    secret = installation.json("key", "create", "looker")["secret"]
    asked = {"params": {"server": "theirs"}, "headers": {"Authorization": f"Bearer {secret}"}}

    def users_there():
        traces = httpx.get(f"{installation.url}/v1/traces", **asked).json()["traces"]
        return {trace["user_id"] for trace in traces if str(trace["user_id"]).startswith("eu_")}

    ada, ben, others = member("ada"), member("ben"), users_there()
    refused = ada.call(ours)
    assert (refused.status_code, refused.json()["reason"]) == (403, "upstream_sign_in")
    assert refused.json()["sign_in_url"] == f"{ada.stack.url}/connections/servers/{ours}"

    await ada.connect(ours)
    assert ada.call(ours).json()["result"]["content"] == "hi"
    assert ben.call(ours).status_code == 403
    await ben.connect(ours)
    assert ben.call(ours).status_code == 200
    (row,) = ada.connections()
    assert (row["state"], row["email"], row["scope"]) == ("connected", "ada@ours.example", "notes:read")
    assert eventually(lambda: len(users_there() - others) == 2)


async def test_the_mcp_door_says_where_to_sign_in_too(stack, ours, member):
    cleo = member("cleo")
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": hello}
    about = {"json": body, "headers": {"Accept": "application/json, text/event-stream"}}

    answer = cleo.ask("POST", f"/v1/mcp/{ours}", **about)

    error = answer.json()["error"]
    assert (answer.status_code, answer.json()["id"]) == (403, 7)
    assert "www-authenticate" not in answer.headers, "clients must not sign in anew to us for it"
    assert error["data"]["sign_in_url"].endswith(f"/connections/servers/{ours}")
    await cleo.connect(ours)
    assert cleo.ask("POST", f"/v1/mcp/{ours}", **about).status_code == 200


async def test_a_server_is_tested_with_the_account_of_who_tests_it(stack, admin, ours, member):
    gina = member("gina")
    bound = {"subject_kind": "user", "subject": gina.id}
    assert admin.post("/v1/roles/role_admin/bindings", json=bound).status_code == 201
    session = gina.browser.cookies["gatewayops-on-loopback"]
    about = {"headers": {"Authorization": f"Bearer {session}"}}

    before = gina.ask("POST", f"/v1/servers/{ours}/test", **about).json()
    await gina.connect(ours)
    after = gina.ask("POST", f"/v1/servers/{ours}/test", **about).json()

    assert (before["ok"], after["ok"]) == (False, True)
    assert "none of yours is connected" in before["error"]
    assert "echo" in after["tools"]


async def test_accounts_outlive_a_rotation_of_all_keys(stack, admin, ours, member):
    iris = member("iris")
    await iris.connect(ours)
    before = stack.sql("SELECT sealed_access, sealed_refresh FROM upstream_accounts")
    asked = {"begins": True, "renews_data_keys": True}
    while True:
        answer = admin.post("/v1/secrets/rotation", json=asked)
        assert answer.status_code == 200, answer.text
        if answer.json()["rotation"]["is_done"]:
            break
        asked = {"begins": False}

    assert iris.call(ours).status_code == 200
    after = stack.sql("SELECT sealed_access, sealed_refresh FROM upstream_accounts")
    assert all(old != new for old, new in zip(before[0], after[0], strict=True))
    stack.sql("UPDATE upstream_accounts SET renew_at = created_at")
    stack.run_upstream_jobs()
    assert (iris.connections()[0]["failure"], iris.call(ours).status_code) == ("", 200)


async def test_a_client_that_was_registered_by_hand_signs_users_in(installation, admin, stack, ours, member):
    callback = f"{stack.url}/connections/callback"
    made = installation.json("client", "add", "theirs", "Ours", "--redirect-uri", callback)["client"]
    issuer = f"{installation.url}/oauth/theirs"
    given = {"issuer": issuer, "client_id": made["client_id"], "client_secret": made["secret"]}
    assert admin.put(f"/v1/servers/{ours}/upstream-client", json=given).status_code == 200
    hugo = member("hugo")

    await hugo.connect(ours)

    assert hugo.call(ours).status_code == 200
    consents = installation.json("end-user", "show", "hugo@theirs.example")["consents"]
    assert [one["client_name"] for one in consents] == ["Ours"]


async def test_tokens_are_renewed_ahead_of_their_end(stack, ours, member):
    dora = member("dora")
    await dora.connect(ours)
    before, sealed = dora.connections()[0], stack.sql("SELECT sealed_access FROM upstream_accounts")
    lives = datetime.fromisoformat(before["expires_at"]) - datetime.fromisoformat(before["connected_at"])
    assert 0 < lives.total_seconds() <= 900
    for _ in range(2):  # the second time with the refresh token that came the first time
        stack.sql("UPDATE upstream_accounts SET renew_at = connected_at")
        stack.run_upstream_jobs()

    after = dora.connections()[0]
    assert (after["state"], after["failure"]) == ("connected", "")
    assert after["renewed_at"] > before["renewed_at"]
    assert stack.sql("SELECT sealed_access FROM upstream_accounts") != sealed
    assert dora.call(ours).status_code == 200


async def test_what_ends_at_the_other_side_needs_to_sign_in_again(
    installation, stack, ours, member, eventually
):
    evan = member("evan")
    await evan.connect(ours)
    installation.json("end-user", "show", "evan@theirs.example")
    assert installation.cli("end-user", "revoke", "evan@theirs.example").returncode == 0
    refused = evan.call(ours)
    assert (refused.status_code, refused.json()["reason"]) == (403, "upstream_sign_in")

    stack.sql("UPDATE upstream_accounts SET renewed_at = created_at, renew_at = created_at")
    stack.run_upstream_jobs()

    (row,) = evan.connections()
    assert (row["state"], row["failure"]) == (
        "needs_sign_in",
        "the authorization server said invalid_grant",
    )
    assert "needs to sign in again" in evan.page(ours).text
    assert eventually(lambda: "needs to sign in again" in evan.call(ours).json()["message"], within_s=5)
    await evan.connect(ours)
    assert (evan.connections()[0]["state"], evan.call(ours).status_code) == ("connected", 200)


async def test_a_token_that_a_server_refuses_is_renewed_at_once(stack, ours, member, eventually):
    """Long before it was due: the gateway tells the control role."""
    fay = member("fay")
    await fay.connect(ours)
    (row,) = fay.connections()
    bound_to = account_binding("org_default", row["id"])
    seal = stack.parts.credentials.seal(b"not-a-token-of-theirs", org_id="org_default", bound_to=bound_to)
    stack.sql(
        "UPDATE upstream_accounts SET sealed_access = :it, renewed_at = "
        "'2026-01-01 00:00:00.000000' WHERE id = :id",
        it=stack.run(seal),
        id=row["id"],
    )
    eventually(lambda: fay.call(ours).status_code == 403)

    def is_renewed():
        stack.run_upstream_jobs()
        return fay.call(ours).status_code == 200

    assert eventually(is_renewed, within_s=20)


async def test_who_disconnects_is_forgotten_on_both_sides(installation, ours, member):
    gus = member("gus")
    await gus.connect(ours)
    (row,) = gus.connections()
    consents = installation.json("end-user", "show", "gus@theirs.example")["consents"]
    assert len(consents) == 1

    told = gus.ask("DELETE", f"/v1/connections/{row['id']}")

    assert (told.status_code, told.json()) == (200, {"is_revoked": True})
    assert (gus.connections(), gus.call(ours).status_code) == ([], 403)
