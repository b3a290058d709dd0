"""Requests of the control API that succeed, and what others send instead: for test_openapi_holds."""

import base64
import json
import time
from typing import Any

import msgspec
from msgspec import structs

from gatewayops.base import clock
from gatewayops.record.call_record import CallRecord
from gatewayops.store.control import identity_providers, servers, upstream_accounts, upstream_clients
from gatewayops.store.control.database import Session
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.identity_providers import ProviderSpec
from gatewayops.store.control.oauth_tables import EndUser, EndUserSession, OAuthClient, OAuthConsent
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.store.control.sign_in_tables import EndUserIdentity
from gatewayops.store.control.sso_tables import UserIdentity

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

# Requests that succeed, in this order; what each makes is known by the names on the right.
FROM, UNTIL = "2026-01-01", "2099-01-01T00:00:00Z"
STEP = {"op": "set", "path": "/a/b", "value": {"x": [1, "y"]}}
RENAMING = {"op": "rename", "path": "/a", "to": "c"}
TRANSFORM = {"name": "t-$n", "server": "$server", "tool": "add", "position": 1, "headers": {"X-B": "c"}}
TRANSFORM |= {"request": [STEP, RENAMING], "response": [STEP]}
PERMISSION = {"effect": "deny", "server": "$server", "action": "tools.call", "named": "rm-$n*"}
MASK = {"name": "mask", "kind": "json_path", "pattern": "$..a[*]"}
UPSTREAM = {"url": "$url", "timeout_s": 30, "retries": 0, "headers": {"X-A": "b"}, "breaker_window_s": 9.5}
UPSTREAM |= {"auth": "platform_oauth", "oauth_scopes": ["read"]}
UPSTREAM |= {"upstream_auth": "none", "upstream_scopes": ["read"]}
NAMED = {"attributes": [{"key": "service.name", "value": {"stringValue": "crm"}}]}
AT = {"timeUnixNano": str(time.time_ns())}
SPAN = {"traceId": TRACE_ID, "spanId": "00f067aa0ba902b7", "name": "s", "status": {"code": 2, "message": "m"}}
SPAN |= {"startTimeUnixNano": AT["timeUnixNano"], "endTimeUnixNano": AT["timeUnixNano"], "kind": 2, **NAMED}
LOG = {"severityNumber": 9, "body": {"kvlistValue": {"values": NAMED["attributes"]}}, **AT, **NAMED}
POINT = {"count": "2", "sum": 1.5, "bucketCounts": ["1", "1"], "explicitBounds": [0.5], **AT, **NAMED}
METRIC = {"name": "m", "histogram": {"dataPoints": [POINT], "aggregationTemporality": 1}}
BUDGET = {"period": "day", "amount": 0.5, "hard": True, "grace_percent": 10, "grace_keys": ["$key_id"]}
ALERT = {"name": "a $n", "server": "$server", "team": "$team", "split_by": "tool", "threshold": 20.5}
ALERT |= {"window_s": 600, "for_s": 60, "min_calls": 5, "severity": "info", "channels": ["$channel_id"]}
WORDS = "four unrelated words here"
LINKS = {kind: f"gwl_{kind:x<43}" for kind in ("reset", "invitation")}  # these work again and again
# Of these, and what is below them, with a session; the administrator at the machine has none.
OF_A_PERSON = ("/v1/auth/password", "/v1/auth/name", "/v1/auth/factors", "/v1/auth/confirm")
LOGO = "UklGRh4AAABXRUJQVlA4TBEAAAAvHcAEAAdQuS60sP+BiOh/AAA="  # a WebP
PENDING = f"gwp_{'p':x<43}"
CREDENTIAL = {"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "e30"}}
NEEDS_PROOF = {  # succeeds with a right factor only: tests/unit/api/test_second_factors.py, test_passkeys.py
    "POST /v1/auth/sign-in/second-factor",
    "POST /v1/auth/sign-in/passkey",
    "POST /v1/auth/factors/totp/confirm",
    "POST /v1/auth/factors/passkeys",
    "POST /v1/auth/factors/recovery-codes",
    "DELETE /v1/auth/factors/totp",
    "DELETE /v1/auth/factors/passkeys/{passkey_id}",
}
NEEDS_PROOF |= {  # and these with a server where users have accounts: tests/journeys/oauth_clients
    "POST /v1/servers/{server}/connection",
    "GET /v1/servers/{server}/connection",
}
SAMPLES: tuple[tuple[str, dict[str, Any] | None, dict[str, str]], ...] = (
    ("POST /v1/teams", {"name": "team $n"}, {"team": "team.id"}),
    (
        "POST /v1/users",
        {"email": "u$n@example.com", "name": "U", "team": "$team"},
        {"user": "user.id", "user_id": "user.id", "email": "user.email"},
    ),
    ("PATCH /v1/teams/{team}", {"name": "team $n b", "parent": ""}, {}),
    ("PATCH /v1/users/{user_id}", {"name": "U2", "team": "$team"}, {}),
    ("PUT /v1/users/{user_id}/password", {"password": WORDS}, {}),
    (
        "POST /v1/auth/sign-in",
        {"email": "$email", "password": WORDS, "organization": "default"},
        {"bearer": "token", "session_id": "session_id"},
    ),
    ("POST /v1/auth/confirm", {"password": WORDS}, {}),
    ("POST /v1/auth/sign-in/second-factor", {"pending_token": PENDING, "code": "123456"}, {}),
    ("POST /v1/auth/sign-in/passkey-options", {}, {}),
    ("POST /v1/auth/sign-in/passkey", {"passkey": CREDENTIAL}, {}),
    ("POST /v1/auth/factors/totp", None, {}),
    ("POST /v1/auth/factors/totp/confirm", {"code": "123456"}, {}),
    ("POST /v1/auth/factors/passkeys", {"name": "laptop", "passkey": CREDENTIAL}, {}),
    ("PUT /v1/auth/name", {"name": "U3"}, {}),
    ("POST /v1/auth/password", {"current_password": WORDS, "new_password": WORDS}, {}),
    ("POST /v1/auth/password/reset-request", {"email": "$email", "organization": "default"}, {}),
    ("POST /v1/auth/password/reset", {"token": LINKS["reset"], "password": WORDS}, {}),
    (
        "POST /v1/auth/invitations/accept",
        {"token": LINKS["invitation"], "name": "I", "password": WORDS},
        {},
    ),
    (
        "POST /v1/invitations",
        {"email": "i$n@example.com", "role": "viewer", "team": "$team"},
        {"invitation_id": "invitation.id"},
    ),
    ("PUT /v1/users/{user_id}/break-glass", {"is_break_glass": True}, {}),
    (
        "POST /v1/identity-providers",
        {
            "name": "idp-$n",
            "kind": "oidc",
            "issuer": "https://127.0.0.1:9",
            "client_id": "c",
            "scopes": ["openid"],
        }
        | {
            "client_secret": "s",
            "new_user_team": "$team",
            "group_mappings": [{"group": "g", "role": "viewer"}],
        },
        {"provider": "identity_provider.id"},
    ),
    ("PATCH /v1/identity-providers/{provider}", {"client_secret": "t", "session_hours": 9}, {}),
    ("POST /v1/identity-providers/{provider}/test", None, {}),
    ("POST /v1/sso-domains", {"domain": "d$n.example", "provider": "$provider"}, {"domain": "domain.domain"}),
    ("POST /v1/sso-domains/{domain}/verify", None, {}),
    ("POST /v1/projects", {"name": "project $n", "team": "$team"}, {"project": "project.id"}),
    ("POST /v1/traces", {"resourceSpans": [{"resource": NAMED, "scopeSpans": [{"spans": [SPAN]}]}]}, {}),
    ("POST /v1/logs", {"resourceLogs": [{"resource": NAMED, "scopeLogs": [{"logRecords": [LOG]}]}]}, {}),
    ("POST /v1/metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [METRIC]}]}]}, {}),
    ("PATCH /v1/organization", {"masks_contacts": True, "second_factor": "off"}, {}),
    ("POST /v1/servers", {"name": "server-$n", **UPSTREAM}, {"server": "server.name"}),
    ("PATCH /v1/servers/{server}", UPSTREAM, {}),
    ("POST /v1/servers/{server}/test", None, {}),
    ("POST /v1/servers/test", {"url": "$url", "headers": {"X-A": "b"}, "connect_timeout_s": 2}, {}),
    ("POST /v1/servers/{server}/tools/refresh", None, {"tool": "tools.0.name", "hash": "tools.0.hash"}),
    (
        "POST /v1/end-users",
        {"email": "e$n@example.com", "name": "E", "password": "long enough to do"},
        {"end_user": "end_user.id"},
    ),
    (
        "PATCH /v1/end-users/{end_user}",
        {"enabled": False, "password": "another long one", "email_verified": True},
        {},
    ),
    ("PATCH /v1/servers/{server}/branding", {"product_name": "B", "accent_color": "#0b7285"}, {}),
    ("PUT /v1/servers/{server}/branding/logo", {"image": LOGO}, {}),
    ("POST /v1/end-users/{end_user}/revoke", None, {}),
    (
        "POST /v1/servers/{server}/clients",
        {"name": "app", "redirect_uris": ["https://app.example/cb"], "auth_method": "none"},
        {"client": "client.id"},
    ),
    (
        "POST /v1/identity-issuers",
        {"name": "idp", "issuer": "https://idp.example/$n", "jwks_uri": "https://idp.example/keys"},
        {"issuer": "identity_issuer.id"},
    ),
    (
        "POST /v1/servers/{server}/sign-in-providers",
        {
            "kind": "oidc",
            "name": "idp-$n",
            "issuer": "http://127.0.0.1:9",
            "client_id": "us",
            "client_secret": "s",
            "allow_private_network": True,
            "email_domains": ["example.com"],
        },
        {"sign_in_provider": "sign_in_provider.id"},
    ),
    ("PATCH /v1/servers/{server}/sign-in-providers/{sign_in_provider}", {"scopes": ["openid"]}, {}),
    ("POST /v1/servers/{server}/sign-in-providers/{sign_in_provider}/test", None, {}),
    ("POST /v1/signing-keys/rotate", None, {}),
    (
        "PUT /v1/servers/{server}/upstream-client",
        {
            "issuer": "https://as.example",
            "client_id": "us",
            "client_secret": "s",
            "auth_method": "client_secret_post",
        },
        {},
    ),
    ("POST /v1/servers/{server}/connection", None, {}),
    ("PUT /v1/pinning", {"pinning": "warn"}, {}),
    ("PUT /v1/servers/{server}/pinning", {"pinning": "allow"}, {}),
    ("POST /v1/servers/{server}/tools/{tool}/reject", {"hash": "$hash"}, {}),
    ("POST /v1/servers/{server}/tools/{tool}/approve", {"hash": "$hash"}, {}),
    (
        "POST /v1/auth/keys",
        {
            "name": "k",
            "env": "test",
            "expires_at": UNTIL,
            "scopes": {"mcp_servers": ["$server"], "actions": ["tools.*"]},
            "user": "$user",
            "role": "viewer",
            "metadata": {"a": "b", "project": "$project"},
        },
        {"key_id": "key.id"},
    ),
    ("POST /v1/auth/keys/{key_id}/rotate", None, {}),
    (
        "PUT /v1/prices",
        {"server": "$server", "per_call": 0.1, "per_token_input": 1e-6, "per_token_output": 0},
        {"price_id": "price.id"},
    ),
    ("POST /v1/budgets", {"scope": "user", "subject": "$user", **BUDGET}, {"budget_id": "budget.id"}),
    ("PATCH /v1/budgets/{budget_id}", {"name": "b $n", **BUDGET}, {}),
    (
        "POST /v1/budgets/{budget_id}/overrides",
        {"extra": 1, "reason": "r", "until": UNTIL},
        {"override_id": "override.id"},
    ),
    (
        "PUT /v1/limits",
        {"scope": "team", "subject": "$team", "limit": 9, "window": "1h", "burst": 2},
        {"limit_id": "limit.id"},
    ),
    ("PUT /v1/masking", {"classes": {"email": True}, "rules": [MASK]}, {}),
    ("PUT /v1/masking/rules/{name}", {"kind": "regex", "pattern": "x{3,5}"}, {}),
    ("PUT /v1/masking/classes/{name}", {"is_on": False, "acknowledge_secrets_in_records": True}, {}),
    ("POST /v1/masking/preview", {"sample": '{"a": ["xxx"]}', "rules": [MASK], "classes": {}}, {}),
    ("POST /v1/secrets/rotation", {"begins": True, "renews_data_keys": True}, {}),
    (
        "PUT /v1/validation/rules",
        {
            "server": "$server",
            "tool": "add",
            "schema_mode": "block",
            "max_bytes": 10,
            "patterns": {"sql_injection": "report"},
            "own_patterns": [{"name": "own", "pattern": "x+", "mode": "block"}],
        },
        {"rule_id": "rule.id"},
    ),
    (
        "POST /v1/validation/check",
        {"server": "$server", "tool": "add", "arguments": {"a": "xx", "b": [1, {"c": "d"}]}},
        {},
    ),
    ("POST /v1/transforms", TRANSFORM, {"transform_id": "transform.id"}),
    ("PUT /v1/transforms/{transform_id}", TRANSFORM, {}),
    ("POST /v1/roles", {"name": "r-$n", "permissions": [PERMISSION]}, {"role_id": "role.id"}),
    ("PATCH /v1/roles/{role_id}", {"description": "d", "permissions": [PERMISSION]}, {}),
    (
        "POST /v1/roles/{role_id}/bindings",
        {"subject_kind": "team", "subject": "$team"},
        {"binding_id": "binding.id"},
    ),
    (
        "POST /v1/policies",
        {"subject_kind": "user", "subject": "$user", "description": "d", **PERMISSION},
        {"policy_id": "policy.id"},
    ),
    ("PATCH /v1/policies/{policy_id}", {"description": "e", **PERMISSION}, {}),
    (
        "POST /v1/traces/search",
        {
            "start_time": FROM,
            "end_time": UNTIL,
            "tool": "add",
            "min_cost": 0.1,
            "min_duration_ms": 1,
            "query": "a",
            "status": ["error"],
            "attribute": ["a:b"],
            "max_cost": 1,
        },
        {},
    ),
    ("PUT /v1/retention", {"spans_days": 365, "payloads_days": 30}, {}),
    (
        "POST /v1/alerts/slos",
        {"name": "slo $n", "server": "$server", "tool": "add", "objective": 99.5, "period_days": 30},
        {"slo_id": "slo.id"},
    ),
    ("PATCH /v1/alerts/slos/{slo_id}", {"name": "slo $n", "objective": 99, "period_days": 7}, {}),
    (
        "POST /v1/alerts/channels",
        {"name": "c $n", "kind": "email", "address": "a@example.com", "for_all": False},
        {"channel_id": "channel.id"},
    ),
    ("PATCH /v1/alerts/channels/{channel_id}", {"name": "c $n", "address": "b@example.com"}, {}),
    ("POST /v1/alerts/channels/{channel_id}/test", None, {}),
    ("POST /v1/alerts/rules/defaults", None, {}),
    ("POST /v1/alerts/rules", {"kind": "error_rate", **ALERT}, {"alert_rule_id": "rule.id"}),
    ("PATCH /v1/alerts/rules/{alert_rule_id}", ALERT, {}),
    (
        "POST /v1/alerts/silences",
        {"rule": "$alert_rule_id", "server": "$server", "until": UNTIL, "reason": "r"},
        {"silence_id": "silence.id"},
    ),
    (
        "POST /v1/exports",
        {
            "name": "e-$n",
            "endpoint": "http://127.0.0.1:9",
            "allow_private_network": True,
            "statuses": ["error"],
        },
        {"export": "export.id"},
    ),
    ("PATCH /v1/exports/{export}", {"enabled": False, "protocol": "http/json", "sample_ratio": 0.5}, {}),
    ("POST /v1/exports/{export}/test", None, {}),
    ("POST /v1/logs/audit/checkpoints", None, {}),
    ("POST /v1/logs/audit/verify", None, {}),
    ("POST /v1/logs/audit/erasures", {"subject": "nobody"}, {}),
    ("POST /v1/logs/export", {"class": "audit", "format": "csv", "start_time": FROM, "end_time": UNTIL}, {}),
)
BODIES = {operation: body for operation, body, _ in SAMPLES}
# What cannot do without, and what these mean elsewhere than in the address.
QUERIES = {
    "GET /v1/names": {"id": ["$user", "$key_id"]},
    "GET /v1/limits/effective": {"key": "$key_id", "server": "$server"},
    "GET /v1/policies/explain": {"principal": "$user", "server": "$server", "tool": "add"},
    "GET /v1/analytics/funnel": {"step": ["add", "other"]},
    "GET /v1/analytics/arguments": {"tool": "add", "field": "a"},
    "DELETE /v1/limits": {"scope": "team", "subject": "$team"},
    "GET /v1/runs/compare": {"a": TRACE_ID, "b": TRACE_ID},
    "DELETE /v1/servers/{server}/upstream-client": {"issuer": "https://as.example"},
    "GET /v1/metrics/exported/series": {"name": METRIC["name"]},
}
INCIDENT_ID = "incident_0"
LEAVER = "user_leaver"
OTHERWISE = {
    "POST /v1/users/{user_id}/disable": {"user_id": LEAVER},
    "DELETE /v1/users/{user_id}/sessions": {"user_id": LEAVER},
    "POST /v1/users/{user_id}/enable": {"user_id": LEAVER},
    "GET /v1/alerts/incidents/{incident_id}": {"incident_id": INCIDENT_ID},
    "PUT /v1/masking/classes/{name}": {"name": "email"},
    "GET /v1/runs/{run_id}": {"run_id": TRACE_ID},
    "GET /v1/traces/{trace_id}/spans/{span_id}": {"span_id": SPAN_ID},
    "DELETE /v1/auth/factors/passkeys/{passkey_id}": {"passkey_id": "pk_none"},
    "DELETE /v1/users/{user_id}/identities/{identity_id}": {"user_id": LEAVER, "identity_id": "uid_0"},
    "DELETE /v1/identity-providers/{provider}": {"provider": "idp_0"},  # the other one has a domain yet
    "DELETE /v1/end-users/{end_user}/sessions/{session_id}": {"end_user": "eu_0", "session_id": "es_0"},
    "DELETE /v1/connections/{connection}": {"connection": "ua_0"},
    "DELETE /v1/end-users/{end_user}/consents/{consent_id}": {"end_user": "eu_0", "consent_id": "con_0"},
    "DELETE /v1/end-users/{end_user}/identities/{identity_id}": {"end_user": "eu_0", "identity_id": "eui_0"},
}
SAME = {"key": "key_id", "budget": "budget_id", "principal": "user", "subject": "team", "role": "role_id"}

TEXTS = (
    *(
        "\x00",
        "a\x00b",
        "",
        "x" * 300,
        "x" * 70_000,
        "😀" * 200,
        "\u202e",
        "a/b",
        "../..",
        "%00",
        "*",
        "null",
    ),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2024-02-30", "9" * 30, "1e400", "NaN", "-1"),
    *(
        "(",
        "a{1000}",
        "$..a",
        "/~2",
        "http://[",
        "http://a:99999/",
        "http://\x00/",
        f"http://{'a' * 70}.com/",
    ),
)
_VALUES = (
    *(*TEXTS, "\ud800", 0, -1, 2**31, 2**63, -(2**63), 10**30, 10**400, 1e-7, 1e-30, 1e308, 1.5, True, None),
    *(float("nan"), float("-inf"), [], {}, [None], {"": ""}, {"\ud800": 1}, {"\x00": "\x00"}, ["\x00"]),
    *(["\ud800"], ["a"] * 2000),
)
_DEEP = (b"[" * 5_000 + b"]" * 5_000, b"[" * 200 + b"]" * 200, b"9" * 5_000, b"1e400", b'"\\ud800\\u0000"')
VALUES = (*(json.dumps(value).encode() for value in _VALUES), *_DEEP)
NUL = "\x00"

NO_JSON = (
    *(b"", b"null", b"[]", b'"\\ud800"', b"\xff\xfe", b'{"name": "\xff"}', b"[" * 200_000, b"NaN", b"\x00"),
    *("{}".encode("utf-16"), b"x" * ((1 << 20) + 1), b'{"name": "a", "name": 1}', b"\xef\xbb\xbf{}"),
)
MEDIA_TYPES = (
    *("application/json", "application/json; charset=utf-16", "text/plain", "", "\xff"),
    *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x"),
)


def _cursor(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


# Of a list's own form, but with places that no row has; the last ones are of traces.
CURSORS = (
    *("", "\x00", "x" * 500, "x" * 5_000, "é", "9" * 18, "9" * 30, "٣"),
    *(
        _cursor(msgspec.json.encode([when, row]))
        for when in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-01-01T00:00:00")
        for row in ("a", "\x00", "x" * 500)
    ),
    *(
        _cursor(msgspec.msgpack.encode([at_ns, row, -(2**63), 2**64 - 1]))
        for at_ns in (-(2**63), 2**64 - 1)
        for row in ("", "a\x00'")
    ),
)


def a_call(ts_ns: int) -> CallRecord:
    """A record of a call that came in at that time."""
    empty: dict[object, object] = {str: "", int: 0, bool: False}
    fields = {field.name: empty[field.type] for field in structs.fields(CallRecord)}
    known = {"org_id": DEFAULT_ORG, "trace_id": TRACE_ID, "span_id": SPAN_ID, "ts_ns": ts_ns}
    return CallRecord(**fields | known | {"method": "tools/call", "tool": "add", "status": "success"})


async def somebody_signed_in(session: Session) -> None:
    """An end user with a session and a consent, a user with an account at a server: only pages make them.

    And an identity provider that nobody uses.
    """
    spec = ServerSpec("signed-in", "http://x", 1.0, 1.0, 0, 1, allows_private=False, auth="platform_oauth")
    await servers.add(session, org_id=DEFAULT_ORG, server_id="srv_0", spec=spec, headers=Headers())
    idle = ProviderSpec(kind="oidc", name="idle", settings={"client_id": "c"})
    await identity_providers.add(session, org_id=DEFAULT_ORG, provider_id="idp_0", spec=idle)
    ours, now = {"org_id": DEFAULT_ORG, "created_at": clock.now()}, clock.now()
    none = dict.fromkeys(("disabled_at", "signed_in_at", "email_verified_at"))
    session.add(EndUser(id="eu_0", email="eu0@example.com", name="", password_hash="", **ours, **none))
    told = dict.fromkeys(("name", "secret_hash", "jwks", "jwks_uri", "scope"), "")
    client = OAuthClient(id="cl_0", client_id="cl_0", server_id="srv_0", redirect_uris=[], **ours, **told)
    client.kind, client.auth_method, client.fresh_until, client.disabled_at = "dynamic", "none", None, None
    session.add(client)
    await session.flush()
    theirs = {"server_id": "srv_0", "end_user_id": "eu_0"}
    session.add(OAuthConsent(id="con_0", client_ref="cl_0", scope="", **ours, **theirs))
    there = {"end_user_id": "eu_0", "issuer": "https://idp.example", "subject": "1", "email": ""}
    session.add(EndUserIdentity(id="eui_0", used_at=now, **there, **ours))
    us = {"server_id": "srv_0", "issuer": "https://as.example", "kind": "given", "client_id": "us"}
    us |= {"id": "uc_0", "org_id": DEFAULT_ORG, "auth_method": "none"}
    await upstream_clients.put(session, upstream_clients.UpstreamClient(**us))
    addresses = ("url", "issuer", "token_endpoint", "revocation_endpoint", "resource")
    place = upstream_accounts.Place(**dict.fromkeys(addresses, ""))
    whose, tokens = (DEFAULT_ORG, "ua_0", "srv_0", LEAVER), upstream_accounts.Sealed(access=b"x")
    await upstream_accounts.connect(
        session, whose=whose, client_ref="uc_0", place=place, scope="", tokens=tokens
    )
    spec = structs.replace(idle, name="known")
    await identity_providers.add(session, org_id=DEFAULT_ORG, provider_id="idp_1", spec=spec)
    known = {"provider_id": "idp_1", "user_id": LEAVER, "issuer": "https://idp.example", "subject": "1"}
    session.add(UserIdentity(id="uid_0", org_id=DEFAULT_ORG, email="", team_id="", used_at=now, **known))
    browser = {"hash": "0" * 64, "address": "", "user_agent": "", "used_at": now, "expires_at": now}
    session.add(EndUserSession(id="es_0", revoked_at=None, **browser, **ours, **theirs))
