"""Demo data in an installation that runs: everything has something to show, and then it is as it was."""

import httpx
import pytest

DAYS, CALLS = 3, 800
FUNNEL = "step=search_products&step=get_product&step=add_to_cart&step=checkout"
EVER = "start_time=2020-01-01"


@pytest.fixture
def ask(installation):
    """The REST API as the person at the machine; None for what is not there."""
    transport = httpx.HTTPTransport(uds=str(installation.data / "run" / "control.sock"))
    with httpx.Client(base_url="http://control/v1", transport=transport, timeout=60) as client:

        def asked(path):
            answer = client.get(path)
            assert answer.is_success or answer.status_code == 404, answer.text
            return answer.json() if answer.is_success else None

        yield asked


def ids_of_everything(ask):
    paths = ("teams", "projects", "servers", "users", "end-users", "budgets", "prices", "auth/keys")
    found = {}
    for path in (*paths, "alerts/rules", "alerts/slos", "alerts/incidents", "limits", "policies"):
        noun = path.rpartition("/")[2].replace("-", "_")
        found[noun] = {row["id"] for row in ask(f"/{path}?limit=200")[noun]}
    return found


def spent(ask):
    return ask("/costs/summary")["summary"]["total_cost"]


def agrees(ask):
    return ask("/budgets/proof")["agrees"]


def test_a_seeded_installation_has_a_story_to_show_and_then_is_as_before(installation, ask, eventually):
    called = httpx.post(
        f"{installation.url}/v1/mcp/demo/tools/call",
        json={"tool": "echo", "arguments": {"text": "before the demo"}},
        headers={"Authorization": f"Bearer {installation.secret}"},
    )
    real = f"/traces/{called.json()['metadata']['trace_id']}"
    eventually(lambda: ask(real) and agrees(ask))
    before, spent_before = ids_of_everything(ask), spent(ask)

    seeded = installation.json("demo", "seed", "--days", str(DAYS), "--calls", str(CALLS))

    shown = ask(f"/traces?environment=demo&{EVER}&limit=200")["traces"]
    assert seeded["calls"] == CALLS
    assert {trace["environment"] for trace in shown} == {"demo"}
    assert len(shown) == 200
    assert round((spent(ask) - spent_before) * 1e6) == seeded["cost_micros"]
    assert agrees(ask)
    shows_runs_visits_tools_and_incidents(ask)

    removed = installation.json("demo", "remove")

    assert (removed["calls"], removed["objects"]) == (CALLS, seeded["objects"])
    assert ids_of_everything(ask) == before
    assert ask(f"/traces?environment=demo&{EVER}")["traces"] == []
    assert ask(real) is not None
    assert spent(ask) == spent_before
    assert agrees(ask)


def shows_runs_visits_tools_and_incidents(ask):
    runs = ask(f"/runs?{EVER}&agent=claude-code")["runs"]
    tools = {row["name"]: row["state"] for row in ask("/servers/slack/tools")["tools"]}
    users = [step["users"] for step in ask(f"/analytics/funnel?{FUNNEL}")["steps"]]
    incidents = ask("/alerts/incidents")["incidents"]

    assert any(run["steps"] > 3 for run in runs)
    assert (tools["post_message"], tools["get_thread"]) == ("held", "approved")
    assert users == sorted(users, reverse=True)
    assert users[0] > 1
    assert any("met a rate limit" in row["summary"] for row in incidents)
