"""`/v1/alerts`: rules, objectives, channels, silences; what is refused, and what is never shown."""

import msgspec
import pytest

from gatewayops.alerts.defaults import DEFAULT_RULES
from gatewayops.alerts.settings import AlertSettings
from gatewayops.store.control import alert_incidents
from gatewayops.store.control.audit import Wanted, page
from gatewayops.store.control.paging import Asked

RULE = {"name": "files fails", "kind": "error_rate", "server": "files", "threshold": 20, "min_calls": 10}
HOOK = "https://hooks.slack.com/services/T000/B000/never-show-this"


@pytest.fixture
def parts(parts, tmp_path):
    """Mail goes into a folder; of apprise's services one is allowed."""
    settings = AlertSettings(mail_folder=str(tmp_path / "mail"), apprise_schemes=("json",))
    return type(parts)(**{name: getattr(parts, name) for name in parts.__slots__} | {"alerts": settings})


@pytest.fixture
async def mail(admin):
    answer = await admin.post(
        "/v1/alerts/channels", json={"name": "mail", "kind": "email", "address": "ops@example.com"}
    )
    return answer.json()["channel"]


async def test_a_rule_is_made_changed_listed_and_removed(admin, mail):
    made = await admin.post("/v1/alerts/rules", json=RULE | {"channels": ["mail"], "split_by": "tool"})
    rule = made.json()["rule"]
    assert (made.status_code, rule["state"], rule["channels"]) == (201, "ok", [mail["id"]])

    changed = await admin.patch(f"/v1/alerts/rules/{rule['id']}", json={"threshold": 30, "enabled": False})
    assert (changed.json()["rule"]["threshold"], changed.json()["rule"]["state"]) == (30.0, "off")
    assert (await admin.get("/v1/alerts/rules")).json()["rules"] == [changed.json()["rule"]]
    assert (await admin.delete(f"/v1/alerts/rules/{rule['id']}")).status_code == 204
    assert (await admin.get(f"/v1/alerts/rules/{rule['id']}")).status_code == 404


NONSENSE = (
    (RULE | {"threshold": 0}, "threshold"),
    (RULE | {"threshold": 101}, "threshold"),
    (RULE | {"kind": "weather"}, "kind"),
    (RULE | {"server": "", "tool": "read"}, "tool"),
    (RULE | {"channels": ["nobody"]}, "channels"),
    (RULE | {"team": "nobody"}, "team"),
    (RULE | {"slo": "none"}, "slo"),
    (RULE | {"kind": "slo_burn", "server": ""}, "slo"),
    (RULE | {"window_s": 5}, "window_s"),
    (RULE | {"colour": "red"}, "colour"),
)


async def test_a_rule_that_makes_no_sense_is_refused_by_the_field(admin):
    for body, named in NONSENSE:
        answer = await admin.post("/v1/alerts/rules", json=body)

        assert answer.status_code == 400, body
        assert named in answer.json()["message"]


async def test_the_default_rules_come_back_by_name(admin):
    first = await admin.post("/v1/alerts/rules/defaults")
    again = await admin.post("/v1/alerts/rules/defaults")

    assert (len(first.json()["rules"]), again.json()["rules"]) == (len(DEFAULT_RULES), [])


async def test_an_objective_has_a_rule_that_goes_with_it(admin):
    slo = {"name": "reads", "server": "files", "tool": "read", "objective": 99.5}
    slo = (await admin.post("/v1/alerts/slos", json=slo)).json()["slo"]
    burns = {"name": "reads burn", "kind": "slo_burn", "slo": "reads"}
    rule = (await admin.post("/v1/alerts/rules", json=burns)).json()["rule"]
    assert (rule["slo"], rule["threshold"]) == (slo["id"], 1.0)
    changed = await admin.patch(f"/v1/alerts/slos/{slo['id']}", json={"objective": 99.9})
    assert (changed.json()["slo"]["objective"], changed.json()["slo"]["period_days"]) == (99.9, 30)
    assert (await admin.get(f"/v1/alerts/slos/{slo['id']}")).status_code == 503  # the telemetry store is away

    assert (await admin.delete(f"/v1/alerts/slos/{slo['id']}")).status_code == 204
    assert (await admin.get("/v1/alerts/rules")).json()["rules"] == []


async def test_a_channels_secret_is_sealed_and_is_in_no_answer_and_no_log(admin, database):
    made = await admin.post("/v1/alerts/channels", json={"name": "s", "kind": "slack", "secret": HOOK})
    channel = made.json()["channel"]
    assert (made.json()["secret"], channel["address"]) == (None, "hooks.slack.com")
    listed = await admin.get("/v1/alerts/channels")

    async with database.reading() as session:
        log = await page(session, org_id="org_default", wanted=Wanted(), asked=Asked())
    created = [entry for entry in log.rows if entry["action"] == "alert_channel.created"]
    assert len(created) == 1
    assert "never-show-this" not in made.text + listed.text + str(log.rows)


async def test_a_webhooks_secret_is_made_and_shown_once(admin):
    body = {"name": "w", "kind": "webhook", "address": "https://ops.invalid/hook"}
    made = (await admin.post("/v1/alerts/channels", json=body)).json()
    assert made["secret"].startswith("whsec_")

    moved = await admin.patch(
        f"/v1/alerts/channels/{made['channel']['id']}", json={"address": "https://ops.invalid/other"}
    )
    assert moved.json() == {
        "channel": made["channel"] | {"address": "https://ops.invalid/other"},
        "secret": None,
    }


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_a_service_of_apprise_is_shown_by_its_scheme_and_only_where_it_is_allowed(admin):
    body = {"name": "a", "kind": "apprise", "secret": "json://ada:never-show-this@ops.invalid/x"}
    made = await admin.post("/v1/alerts/channels", json=body)
    channel = made.json()["channel"]
    assert (channel["kind"], channel["address"], made.json()["secret"]) == ("apprise", "json", None)
    told = (await admin.post(f"/v1/alerts/channels/{channel['id']}/test")).json()
    assert told == {"delivered": False, "answer": "json did not take it: it did not say why"}
    refused = await admin.post("/v1/alerts/channels", json=body | {"secret": "tgram://never-show-this"})
    assert refused.status_code == 403
    assert "alerts.apprise_schemes" in refused.json()["message"]
    moved = await admin.patch(f"/v1/alerts/channels/{channel['id']}", json={"secret": "json://127.0.0.1"})
    assert (moved.status_code, moved.json()["reason"]) == (400, "upstream_address")
    log = await admin.get("/v1/logs/audit")
    assert "never-show-this" not in made.text + refused.text + log.text


async def test_an_integration_key_does_not_follow_to_another_address(admin):
    body = {"name": "p", "kind": "pagerduty", "secret": "R0UT1NGKEY" * 3}
    channel = (await admin.post("/v1/alerts/channels", json=body)).json()["channel"]
    moved = {"address": "https://ops.invalid/v2/enqueue"}
    refused = await admin.patch(f"/v1/alerts/channels/{channel['id']}", json=moved)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("secret: give it again")
    again = await admin.patch(f"/v1/alerts/channels/{channel['id']}", json=moved | {"secret": body["secret"]})
    assert again.json()["channel"]["address"] == moved["address"]


async def test_an_address_inside_is_refused(admin):
    for address in ("http://127.0.0.1/x", "http://169.254.169.254/latest/", "http://[::1]/"):
        body = {"name": "w", "kind": "webhook", "address": address}
        answer = await admin.post("/v1/alerts/channels", json=body)

        assert (answer.status_code, answer.json()["reason"]) == (400, "upstream_address")


async def test_the_test_button_says_what_came_of_it(admin, mail):
    tested = (await admin.post(f"/v1/alerts/channels/{mail['id']}/test")).json()
    assert tested["delivered"]
    assert tested["answer"].startswith("written to msg_")

    body = {"name": "w", "kind": "webhook", "address": "https://ops.invalid/hook"}
    gone = (await admin.post("/v1/alerts/channels", json=body)).json()["channel"]
    told = (await admin.post(f"/v1/alerts/channels/{gone['id']}/test")).json()
    assert told == {"delivered": False, "answer": "ops.invalid does not resolve to an address"}


async def test_a_silence_names_a_rule_and_ends(admin):
    rule = (await admin.post("/v1/alerts/rules", json=RULE)).json()["rule"]
    body = {"rule": "files fails", "until": "2099-01-01T00:00:00Z", "reason": "release"}
    made = (await admin.post("/v1/alerts/silences", json=body)).json()["silence"]
    assert made["rule_id"] == rule["id"]
    past = await admin.post("/v1/alerts/silences", json=body | {"until": "2020-01-01T00:00:00Z"})
    assert (past.status_code, past.json()["message"]) == (400, "until: a moment ahead")

    assert (await admin.delete(f"/v1/alerts/silences/{made['id']}")).status_code == 204
    assert (await admin.get("/v1/alerts/silences")).json()["silences"] == []


async def test_incidents_end_with_their_rule_and_belong_to_their_organisation(admin, client_of, database):
    rule = (await admin.post("/v1/alerts/rules", json=RULE)).json()["rule"]
    incident = incident_of(rule["id"], rule["created_at"])
    async with database.session() as session:
        await alert_incidents.open_incident(session, incident, scope="")
    other = await client_of("org_other", "alerts.*")
    assert (await other.get("/v1/alerts/incidents")).json()["incidents"] == []
    assert (await other.get(f"/v1/alerts/incidents/{incident.id}")).status_code == 404
    assert (await other.delete(f"/v1/alerts/rules/{rule['id']}")).status_code == 404

    await admin.patch(f"/v1/alerts/rules/{rule['id']}", json={"severity": "info"})
    assert len((await admin.get("/v1/alerts/incidents?state=firing")).json()["incidents"]) == 1
    await admin.delete(f"/v1/alerts/rules/{rule['id']}")
    told = (await admin.get(f"/v1/alerts/incidents/{incident.id}")).json()["incident"]
    assert (told["state"], told["summary"]) == (
        "resolved",
        "the rule was changed, switched off or removed",
    )


def incident_of(rule_id, created_at):
    texts = ("rule_name", "kind", "severity", "server", "tool", "team_id", "subject", "summary")
    fields = dict.fromkeys(texts, "x") | {"id": "incident_1", "org_id": "org_default", "rule_id": rule_id}
    fields |= {"state": "firing", "value": 1.0, "threshold": 1.0, "is_told": False, "created_at": created_at}
    return msgspec.convert(fields, alert_incidents.Incident)
